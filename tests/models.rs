//! What tools do with models: answers of a type, tools that the model uses, a model of the server's
//! own. All of it on every carrier.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mcp_runtime::QuestionError;
use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, ErrorCode, ErrorObject,
    ImageContent, Role, SamplingContent, SamplingMessage, ToolChoice, ToolResultContent, ToolUseContent,
};
use mcp_runtime::sampling::{ProviderError, ProviderErrorKind, SamplingFallback, SamplingProvider};
use mcp_tests::checked;
use mcp_tests::over::Over;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What tools do outside.
#[derive(Debug, Default)]
struct World {
    done: Mutex<Vec<String>>,
}

impl World {
    fn note(&self, note: impl Into<String>) {
        self.done.lock().expect("a lock").push(note.into());
    }

    /// In no order: what runs at the same time is done in any.
    fn done(&self) -> Vec<String> {
        let mut done = self.done.lock().expect("a lock").clone();
        done.sort();
        done
    }
}

/// Something that is sold.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Product {
    name: String,
    /// In cents
    #[schemars(range(min = 1))]
    price: u32,
    note: Option<String>,
}

/// Let the model invent a product.
#[tool(task)]
async fn invent(ctx: Context) -> Result<Json<Product>> {
    Ok(Json(ctx.sample("Invent a product.").json().await?))
}

/// Let the model choose numbers.
#[tool(task)]
async fn numbers(ctx: Context) -> Result<Vec<u8>> {
    Ok(ctx.sample("Three numbers").json().attempts(2).await?)
}

/// A tree, which refers to itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tree {
    Leaf(u8),
    Node(Box<Tree>, Box<Tree>),
}

/// Let the model plant a tree.
#[tool(task)]
async fn plant(ctx: Context) -> Result<String> {
    let tree: Tree = ctx.sample("Plant a tree").json().await?;
    Ok(format!("{tree:?}"))
}

/// Search the catalog.
#[tool]
async fn search(
    /// What to look for.
    query: String,
    /// How many to find.
    #[arg(default = 3)]
    limit: u32,
    world: State<World>,
) -> Vec<String> {
    world.note(format!("search {query}"));
    (1..=limit.min(3)).map(|number| format!("{query} {number}")).collect()
}

/// Reserve one, if the user agrees.
#[tool]
async fn reserve(item: String, ctx: Context, world: State<World>) -> Result<String> {
    let number = ctx
        .step("number", async || {
            world.note(format!("number for {item}"));
            Ok(ctx.uuid())
        })
        .await?;
    if !ctx.confirm(format!("Reserve {item}?")).await? {
        return Err(ToolError::new("the user does not want it"));
    }
    world.note(format!("reserve {item}"));
    assert_eq!(number.len(), 36);
    Ok(format!("reserved {item}"))
}

/// Break.
#[tool]
fn explode() -> String {
    panic!("secret details")
}

/// Let the model shop.
#[tool(task)]
async fn shop(wish: String, ctx: Context) -> Result<String> {
    let answer = ctx.sample(wish).system("You shop.").tools(tools![search, reserve, explode]).await?;
    Ok(format!("{} ({} turns)", answer.text()?, answer.turns()))
}

/// Let the model find a product.
#[tool(task)]
async fn find(ctx: Context) -> Result<Json<Product>> {
    Ok(Json(ctx.sample("Find a product.").tools(tools![search]).json().await?))
}

/// Let the model shop, and look over its shoulder.
#[tool(task)]
async fn watch(wish: String, ctx: Context) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    let mut step = ctx.sample_step(wish).tools(tools![search, reserve, explode]).await?;
    while step.is_tool_use() {
        seen.extend(step.tool_uses().map(|asked| asked.name.clone()));
        step = ctx.sample_step(step.into_history()).tools(tools![search, reserve, explode]).await?;
    }
    seen.push(step.text()?.to_owned());
    Ok(seen)
}

/// Use the model's tools by hand.
#[tool(task)]
async fn by_hand(wish: String, ctx: Context) -> Result<String> {
    let step = ctx.sample_step(wish).tools(tools![search]).execute_tools(false).await?;
    let results: Vec<_> = step
        .tool_uses()
        .map(|asked| ToolResultContent::of(asked, mcp_runtime::protocol::CallToolResult::text("nothing")))
        .collect();
    let mut history = step.into_history();
    history.push(SamplingMessage::tool_results(results));
    let step = ctx.sample_step(history).tools(tools![search]).execute_tools(false).await?;
    Ok(step.text()?.to_owned())
}

/// Let the model shop in one turn.
#[tool(task)]
async fn shop_at_once(ctx: Context) -> Result<String> {
    Ok(ctx.sample("Be quick.").tools(tools![search]).max_turns(1).await?.text()?.to_owned())
}

/// Two conversations at the same time.
#[tool(task)]
async fn both(ctx: Context) -> Result<Vec<String>> {
    let (one, other) = tokio::join!(
        ctx.sample("search for tea").tools(tools![search]),
        ctx.sample("search for cake").tools(tools![search]),
    );
    Ok(vec![one?.text()?.to_owned(), other?.text()?.to_owned()])
}

fn server(world: Arc<World>) -> Server {
    Server::new("shop").state(world).tools(tools![
        invent,
        numbers,
        plant,
        shop,
        find,
        watch,
        by_hand,
        shop_at_once,
        both
    ])
}

fn uses(asked: &[(&str, &str, Value)]) -> CreateMessageResult {
    let mut result = CreateMessageResult::text("scripted", "");
    result.content = asked
        .iter()
        .map(|(id, name, input)| {
            let mut asked = ToolUseContent::default();
            asked.id = (*id).to_owned();
            asked.name = (*name).to_owned();
            asked.input = input.as_object().cloned().expect("an object");
            SamplingContent::ToolUse(asked)
        })
        .collect();
    result.stop_reason = Some("toolUse".to_owned());
    result
}

fn says(text: &str) -> CreateMessageResult {
    CreateMessageResult::text("scripted", text)
}

/// What tools returned in the last message: id, text, and whether it is an error.
fn results(request: &CreateMessageRequestParams) -> Vec<(String, String, bool)> {
    let last = request.messages.last().expect("a message");
    assert!(
        last.content.iter().all(|it| matches!(it, SamplingContent::ToolResult(_))),
        "results stand alone: {last:?}"
    );
    assert_eq!(last.role, Role::User);
    last.content
        .iter()
        .filter_map(|block| match block {
            SamplingContent::ToolResult(result) => {
                let text = result.content.iter().filter_map(|it| it.as_text()).collect::<Vec<_>>().join(" ");
                Some((result.tool_use_id.clone(), text, result.is_error))
            }
            _ => None,
        })
        .collect()
}

fn product() -> Value {
    json!({ "name": "Lamp", "price": 900, "note": null })
}

/// A model that answers wrongly at first, and not only once at the same time.
fn learns(request: &CreateMessageRequestParams) -> CreateMessageResult {
    let choice = request.tool_choice.as_ref().and_then(|choice| choice.mode.as_deref());
    assert_eq!(choice, Some("required"));
    let [.., tool] = &request.tools[..] else { panic!("the model is told how to answer") };
    assert_eq!(tool.name, "final_response");
    match request.messages.len() {
        1 => uses(&[("a", "final_response", json!({ "name": "Lamp" }))]),
        3 => {
            let [(id, text, true)] = &results(request)[..] else { panic!("one result for one use: {request:?}") };
            assert_eq!((id.as_str(), text.contains("`price` is missing")), ("a", true), "{text}");
            uses(&[("b", "final_response", json!({ "name": "Lamp", "price": 0 }))])
        }
        5 => {
            let [(_, text, true)] = &results(request)[..] else { panic!("one result for one use: {request:?}") };
            assert!(text.contains("`price`: expected an integer from 1 to 4294967295, got the number 0"), "{text}");
            uses(&[("c", "final_response", product())])
        }
        other => panic!("{other} messages"),
    }
}

async fn an_answer_of_a_type_is_asked_for_again_until_it_is_right(over: Over) {
    let trial = over.trial(World::default, server).model(|request| learns(&request));
    let invented: Product =
        trial.on_every_carrier(async |client, _| client.call("invent", ()).await.expect("a product")).await;
    assert_eq!(invented, serde_json::from_value(product()).expect("a product"));
    trial.assert_replay_safe("invent", (), async |_| ()).await;
}

async fn an_answer_of_a_type_that_is_never_right_is_an_error_with_the_last_one(over: Over) {
    let trial = over.trial(World::default, server).model(|request| {
        assert!(request.messages.len() < 6, "three attempts are enough");
        uses(&[("a", "final_response", json!({ "name": "Lamp", "price": "free" }))])
    });
    let error = trial.on_every_carrier(async |client, _| said(client.call::<Value>("invent", ()).await)).await;
    assert!(error.contains("Product"), "{error}");
    assert!(error.contains("the last of 3 attempts was"), "{error}");
    assert!(error.contains("`price`: expected an integer"), "{error}");
    assert!(error.contains("free"), "{error}");
}

async fn a_model_without_tools_is_told_in_words(over: Over) {
    for &era in over.eras() {
        let asked = Arc::new(AtomicU32::new(0));
        let client = over.client(server(Arc::default())).era(era).on_sampling({
            let asked = asked.clone();
            move |request: CreateMessageRequestParams| {
                let turn = asked.fetch_add(1, Ordering::SeqCst);
                async move {
                    assert!(request.tools.is_empty() && request.tool_choice.is_none());
                    assert!(request.joined_text().contains("\"maximum\":255"), "the schema is told");
                    Ok(says(match turn {
                        0 => "I do not know.",
                        _ => "Sure!\n```json\n[1, 2.0, 3]\n```",
                    }))
                }
            }
        });
        let client = client.connect().await.expect("a connection");
        assert_eq!(client.call::<Vec<u8>>("numbers", ()).await.expect("numbers"), [1, 2, 3]);
        assert_eq!(asked.load(Ordering::SeqCst), 2, "{era:?}");
    }
}

async fn what_is_no_object_is_wrapped_into_one(over: Over) {
    let trial = over.trial(World::default, server).model(|request| {
        let schema = serde_json::to_value(&request.tools[0].input_schema).expect("a schema");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let tree = json!({ "value": { "node": [{ "leaf": 1 }, { "node": [{ "leaf": 2 }, { "leaf": 3 }] }] } });
        assert!(validator.is_valid(&tree), "{schema}");
        assert!(!validator.is_valid(&json!({ "value": { "node": [{ "leaf": 1 }, { "node": [] }] } })), "{schema}");
        uses(&[("a", "final_response", tree)])
    });
    let tree: String = trial.on_every_carrier(async |client, _| client.call("plant", ()).await.expect("a tree")).await;
    assert_eq!(tree, "Node(Leaf(1), Node(Leaf(2), Leaf(3)))");
}

/// A model that searches twice at once, reserves, and says what it did.
fn shops(request: &CreateMessageRequestParams) -> CreateMessageResult {
    assert!(request.messages.len() < 7, "{request:?}");
    match request.messages.len() {
        1 => {
            uses(&[("1", "search", json!({ "query": "tea" })), ("2", "search", json!({ "query": "cake", "limit": 1 }))])
        }
        3 => {
            let results = results(request);
            assert_eq!(results[0], ("1".to_owned(), "tea 1 tea 2 tea 3".to_owned(), false));
            assert_eq!(results[1], ("2".to_owned(), "cake 1".to_owned(), false));
            uses(&[("1", "reserve", json!({ "item": "tea 1" })), ("2", "reserve", json!({ "item": "cake 1" }))])
        }
        _ => {
            let results = results(request);
            let said: Vec<_> = results.iter().map(|(_, text, failed)| format!("{text}: {failed}")).collect();
            says(&said.join(", "))
        }
    }
}

async fn a_model_uses_tools_that_ask_the_user_and_each_use_happens_once(over: Over) {
    let trial = over.trial(World::default, server).model(|request| shops(&request)).user(|question| {
        match question.message.contains("tea") {
            true => mcp_runtime::protocol::ElicitResult::accept(serde_json::Map::new()),
            false => mcp_runtime::protocol::ElicitResult::decline(),
        }
    });
    let (text, done) = trial
        .on_every_carrier(async |client, world| {
            let text: String = client.call("shop", [("wish", "tea and cake")]).await.expect("an answer");
            (text, world.done())
        })
        .await;
    assert_eq!(text, "reserved tea 1: false, the user does not want it: true (3 turns)");
    let expected = ["number for cake 1", "number for tea 1", "reserve tea 1", "search cake", "search tea"];
    assert_eq!(done, expected);
    trial.assert_replay_safe("shop", [("wish", "tea and cake")], async |world| world.done()).await;
}

async fn conversations_at_the_same_time_keep_apart(over: Over) {
    let trial = over.trial(World::default, server).model(|request| {
        let text = request.messages[0].content[0].as_text().unwrap_or_default().to_owned();
        let query = text.trim_start_matches("search for ");
        match request.messages.len() {
            1 => uses(&[("same id", "search", json!({ "query": query, "limit": 1 }))]),
            _ => says(&results(&request)[0].1),
        }
    });
    let found: Vec<String> =
        trial.on_every_carrier(async |client, _| client.call("both", ()).await.expect("an answer")).await;
    assert_eq!(found, ["tea 1", "cake 1"]);
    trial.assert_replay_safe("both", (), async |world| world.done()).await;
}

async fn what_goes_wrong_with_a_tool_is_told_to_the_model(over: Over) {
    let trial = over.trial(World::default, server).model(|request| match request.messages.len() {
        1 => uses(&[
            ("1", "serach", json!({})),
            ("2", "search", json!({ "query": 5, "limit": "many" })),
            ("3", "explode", json!({})),
        ]),
        _ => says(&serde_json::to_string(&results(&request)).expect("JSON")),
    });
    let told = trial
        .on_every_carrier(async |client, _| {
            client.call::<String>("shop", [("wish", "chaos")]).await.expect("an answer")
        })
        .await;
    for expected in [
        "unknown tool `serach`; did you mean `search`?",
        "`query`: expected a string",
        "`limit`: expected an integer",
        "tool `explode` panicked",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    assert!(!told.contains("secret"), "{told}");
    assert_eq!(told.matches("true").count(), 3, "{told}");
}

async fn a_model_that_wants_tools_for_ever_is_stopped_and_told_before(over: Over) {
    let last = Arc::new(Mutex::new(None));
    let trial = over.trial(World::default, server).model({
        let last = last.clone();
        move |request| {
            *last.lock().expect("a lock") = request.tool_choice.clone();
            let query = format!("tea {}", request.messages.len());
            uses(&[("1", "search", json!({ "query": query }))])
        }
    });
    let (error, done) = trial
        .on_every_carrier(async |client, world| {
            (said(client.call::<Value>("shop", [("wish", "all tea")]).await), world.done().len())
        })
        .await;
    assert!(error.contains("the model still asked for tools (search) in the last of its 10 turns"), "{error}");
    assert!(error.contains(".max_turns(..)") && error.contains("10 rounds") && error.contains("a task"), "{error}");
    assert_eq!(done, 9, "what it asked for in its last turn is not done");
    assert_eq!(*last.lock().expect("a lock"), Some(ToolChoice::none()));
}

async fn a_turn_that_is_the_first_and_the_last_one_is_told_to_use_no_tools(over: Over) {
    let trial = over.trial(World::default, server).model(|request| {
        assert_eq!(request.tool_choice, Some(ToolChoice::none()));
        says("nothing")
    });
    let said: String =
        trial.on_every_carrier(async |client, _| client.call("shop_at_once", ()).await.expect("an answer")).await;
    assert_eq!(said, "nothing");
}

async fn tools_and_a_typed_answer_go_together(over: Over) {
    let trial = over.trial(World::default, server).model(|request| match request.messages.len() {
        // One of the two is not right, and each gets its answer.
        1 => uses(&[("1", "search", json!({ "query": "lamp" })), ("2", "final_response", json!({}))]),
        _ => {
            let [(one, found, false), (two, wrong, true)] = &results(&request)[..] else { panic!("{request:?}") };
            assert_eq!((one.as_str(), two.as_str()), ("1", "2"));
            assert_eq!(found, "lamp 1 lamp 2 lamp 3");
            assert!(wrong.contains("`name` is missing"), "{wrong}");
            uses(&[("3", "final_response", product())])
        }
    });
    let found: Product =
        trial.on_every_carrier(async |client, _| client.call("find", ()).await.expect("a product")).await;
    assert_eq!(found.price, 900);
}

async fn a_loop_can_be_driven_step_by_step(over: Over) {
    let trial = over.trial(World::default, server).model(|request| shops(&request)).user_says(json!({}));
    let seen = trial
        .on_every_carrier(async |client, _| {
            client.call::<Vec<String>>("watch", [("wish", "tea")]).await.expect("an answer")
        })
        .await;
    assert_eq!(seen, ["search", "search", "reserve", "reserve", "reserved tea 1: false, reserved cake 1: false"]);
    trial.assert_replay_safe("watch", [("wish", "tea")], async |world| world.done()).await;

    let trial = over.trial(World::default, server).model(|request| match request.messages.len() {
        1 => uses(&[("1", "search", json!({ "query": "tea" }))]),
        _ => says(&results(&request)[0].1),
    });
    let (said, done) = trial
        .on_every_carrier(async |client, world| {
            (client.call::<String>("by_hand", [("wish", "tea")]).await.expect("an answer"), world.done())
        })
        .await;
    assert_eq!((said.as_str(), done.len()), ("nothing", 0));
}

/// The text of a tool error, or of a refusal.
fn said<T: std::fmt::Debug>(result: std::result::Result<T, mcp_runtime::Error>) -> String {
    let error = result.expect_err("an error");
    error.peer_error().map_or_else(|| error.to_string(), |refusal| refusal.message.to_string())
}

/// Ask the model something simple.
#[tool(task)]
async fn ask(ctx: Context) -> Result<String> {
    Ok(ctx.sample("2 + 2?").await?.text()?.to_owned())
}

/// Send nonsense.
#[tool]
async fn nonsense(what: String, ctx: Context, world: State<World>) -> Result<String> {
    let asked = || {
        let mut asked = ToolUseContent::default();
        asked.id = "1".to_owned();
        asked.name = "search".to_owned();
        asked
    };
    let messages = match what.as_str() {
        "nothing" => vec![],
        "unanswered" => vec![SamplingMessage::user("x"), SamplingMessage::assistant(asked())],
        _ => vec![SamplingMessage::user("x"), SamplingMessage::user(asked())],
    };
    let answer = ctx.sample(messages).await;
    world.note(format!("{answer:?}"));
    assert!(matches!(answer, Err(QuestionError::NotAConversation { .. })), "{answer:?}");
    Ok(answer.expect_err("an error").to_string())
}

/// Offer tools that do not fit.
#[tool]
async fn misfit(ctx: Context) -> Result<String> {
    Ok(ctx.sample("x").tools(tools![search].and(tools![search])).await?.text()?.to_owned())
}

fn asking() -> Server {
    Server::new("asking").state(World::default()).tools(tools![ask, nonsense, misfit, invent, shop, numbers])
}

async fn what_is_no_conversation_is_never_sent(over: Over) {
    for &era in over.eras() {
        let client = over
            .client(asking())
            .era(era)
            .sampling_tools()
            .on_sampling(|_: CreateMessageRequestParams| async { panic!("it was asked") });
        let client = client.connect().await.expect("a connection");
        for (what, expected) in [
            ("nothing", "there are none"),
            ("unanswered", "the results of the tools that were asked for: 1"),
            ("by the user", "only the model does"),
        ] {
            let error: String = client.call("nonsense", [("what", what)]).await.expect("an answer");
            assert!(error.contains(expected), "{error}");
        }
        let error = said(client.call::<String>("misfit", ()).await);
        assert!(error.contains("two tools are named `search`"), "{error}");
    }
}

async fn a_client_without_tools_for_its_model_is_not_asked_for_them(over: Over) {
    for (era, code) in [(Era::Legacy, None), (Era::Modern, Some(ErrorCode::MissingRequiredClientCapability))] {
        let client = over
            .client(asking())
            .era(era)
            .on_sampling(|_: CreateMessageRequestParams| async { panic!("it was asked") });
        let client = client.connect().await.expect("a connection");
        let error = client.call::<String>("shop", [("wish", "tea")]).await.expect_err("an error");
        if let Some(code) = code {
            assert_eq!(error.peer_error().map(|it| it.code), Some(code), "{error:?}");
        }
        let said = said(Err::<(), _>(error));
        assert!(said.contains("sampling.tools"), "{said}");
    }
}

async fn bad_answers_are_clear_errors(over: Over) {
    let answer = |role: Role, content: Vec<SamplingContent>| {
        let mut result = says("");
        result.role = role;
        result.content = content;
        Ok(result)
    };
    let cases: [(&str, std::result::Result<CreateMessageResult, ErrorObject>, &str); 5] = [
        ("ask", answer(Role::Assistant, vec![]), "the model's answer has no text"),
        ("ask", answer(Role::User, vec!["4".into()]), "its `role` is `user`"),
        ("numbers", Ok(says("[1, 2")), "it is not JSON"),
        ("numbers", Ok(says("[1, 300]")), "`[1]`: expected an integer from 0 to 255"),
        ("ask", Err(ErrorObject::new(ErrorCode::Other(-1), "User rejected sampling request")), "User rejected"),
    ];
    for (tool, answer, expected) in cases {
        let client = over.client(asking()).era(Era::Legacy).on_sampling({
            let answer = answer.clone();
            move |_: CreateMessageRequestParams| {
                let answer = answer.clone();
                async move { answer }
            }
        });
        let client = client.connect().await.expect("a connection");
        let error = said(client.call::<Value>(tool, ()).await);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // Cut off.
    let mut cut = says("{\"name\": \"La");
    cut.stop_reason = Some("maxTokens".to_owned());
    let client = over.client(asking()).on_sampling(move |_: CreateMessageRequestParams| {
        let cut = cut.clone();
        async move { Ok(cut) }
    });
    let error = said(client.connect().await.expect("a connection").call::<Value>("invent", ()).await);
    assert!(error.contains("it was cut off at its `max_tokens`"), "{error}");
}

/// Look at a picture.
#[tool(task)]
async fn look(ctx: Context) -> Result<String> {
    let picture = ImageContent::new([1, 2, 3], "image/png");
    let question = SamplingMessage::user("What is this?").and(picture);
    Ok(ctx.sample(question).metadata("user", "me").await?.text()?.to_owned())
}

async fn pictures_go_with_words(over: Over) {
    let trial = over.trial(|| (), |_| Server::new("eyes").tools(tools![look])).model(|request| {
        let [SamplingMessage { content, .. }] = &request.messages[..] else { panic!("one message") };
        assert!(matches!(content[..], [SamplingContent::Text(_), SamplingContent::Image(_)]), "{content:?}");
        assert_eq!(request.metadata.as_ref().and_then(|it| it.get("user")), Some(&json!("me")));
        "a cat"
    });
    let seen: String = trial.on_every_carrier(async |client, ()| client.call("look", ()).await.expect("a word")).await;
    assert_eq!(seen, "a cat");
}

/// A model of the server's own that counts.
struct Own {
    asked: Arc<AtomicU32>,
    answer: fn(&CreateMessageRequestParams) -> CreateMessageResult,
}

impl SamplingProvider for Own {
    async fn create_message(&self, request: CreateMessageRequestParams) -> Result<CreateMessageResult, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok((self.answer)(&request))
    }

    fn supports_tools(&self) -> bool {
        true
    }
}

/// Ask whoever answers, and then the user.
#[tool(task)]
async fn ask_both(ctx: Context) -> Result<String> {
    let (one, two) = tokio::join!(ctx.sample("one"), ctx.sample("two"));
    let yes = ctx.confirm("Really?").await?;
    Ok(format!("{} {} {yes}", one?.text()?, two?.text()?))
}

async fn the_servers_own_model_answers_for_clients_without_one_and_is_asked_once(over: Over) {
    let asked = Arc::new(AtomicU32::new(0));
    let own = asked.clone();
    let trial = over
        .trial(World::default, move |world| {
            let answer = |request: &CreateMessageRequestParams| says(&format!("own {}", request.joined_text()));
            Server::new("own")
                .state(world)
                .tools(tools![ask_both])
                .sampling_fallback(Own { asked: own.clone(), answer })
        })
        .user_says(json!({}));
    let answer: String = trial
        .on_every_carrier(async |client, _| {
            let before = asked.load(Ordering::SeqCst);
            let answer = client.call("ask_both", ()).await.expect("an answer");
            assert_eq!(asked.load(Ordering::SeqCst) - before, 2, "each question is asked once");
            answer
        })
        .await;
    assert_eq!(answer, "own one own two true");
}

async fn the_servers_own_model_uses_tools_and_gives_answers_of_a_type(over: Over) {
    let own = |answer| {
        over.trial(World::default, move |world| server(world).sampling_fallback(Own { asked: Arc::default(), answer }))
            .user_says(json!({}))
    };
    let trial = own(shops);
    let (text, done) = trial
        .on_every_carrier(async |client, world| {
            let text: String = client.call("shop", [("wish", "tea and cake")]).await.expect("an answer");
            (text, world.done().len())
        })
        .await;
    assert_eq!((text.as_str(), done), ("reserved tea 1: false, reserved cake 1: false (3 turns)", 6));
    let invented: Product =
        own(learns).on_every_carrier(async |client, _| client.call("invent", ()).await.expect("a product")).await;
    assert_eq!(invented.name, "Lamp");
}

/// Ask with a word on who is to answer.
#[tool]
async fn ask_there(there: bool, ctx: Context) -> Result<String> {
    let when = if there { SamplingFallback::Never } else { SamplingFallback::Always };
    Ok(ctx.sample("?").fallback(when).await?.text()?.to_owned())
}

async fn when_the_own_model_answers_is_a_matter_of_policy(over: Over) {
    use SamplingFallback::{Always, IfRefused, IfUnsupported, Never};
    for (when, refuses, expected) in [
        (IfUnsupported, false, Ok("client")),
        (IfUnsupported, true, Err("User rejected")),
        (IfRefused, false, Ok("client")),
        (IfRefused, true, Ok("own")),
        (Always, false, Ok("own")),
        (Never, false, Ok("client")),
        (Never, true, Err("User rejected")),
    ] {
        let server = Server::new("policy")
            .tools(tools![ask, ask_there])
            .sampling_fallback(Own { asked: Arc::default(), answer: |_| says("own") })
            .sampling_fallback_when(when);
        let client =
            over.client(server).era(Era::Legacy).on_sampling(move |_: CreateMessageRequestParams| async move {
                match refuses {
                    true => Err(ErrorObject::new(ErrorCode::Other(-1), "User rejected sampling request")),
                    false => Ok(says("client")),
                }
            });
        let client = client.connect().await.expect("a connection");
        match (client.call::<String>("ask", ()).await, expected) {
            (Ok(answer), Ok(expected)) => assert_eq!(answer, expected, "{when:?}"),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{when:?}: {error}"),
            (other, _) => panic!("{when:?}: {other:?}"),
        }
        if !refuses {
            assert_eq!(client.call::<String>("ask_there", [("there", true)]).await.expect("an answer"), "client");
            assert_eq!(client.call::<String>("ask_there", [("there", false)]).await.expect("an answer"), "own");
        }
    }
}

async fn a_failure_of_the_own_model_is_told_without_secrets(over: Over) {
    let fails = |_: CreateMessageRequestParams| async {
        let error = ProviderError::of(ProviderErrorKind::Unauthorized).with_source("key sk-123 is not valid");
        Err::<CreateMessageResult, _>(ErrorObject::from(error))
    };
    for &era in over.eras() {
        let client = over.client(asking().sampling_fallback(fails)).era(era);
        let error = said(client.connect().await.expect("a connection").call::<String>("ask", ()).await);
        assert!(
            error.contains("the server's model did not answer: the provider of the model did not accept"),
            "{error}"
        );
        assert!(!error.contains("sk-123"), "{error}");
    }
}

async fn ten_megabytes_of_text_are_an_answer_or_a_clear_error(over: Over) {
    for &era in over.eras() {
        let client = over
            .client(asking())
            .era(era)
            .on_sampling(|_: CreateMessageRequestParams| async { Ok(says(&"4".repeat(10 << 20))) });
        let client = client.connect().await.expect("a connection");
        let error = said(client.call::<String>("ask", ()).await);
        assert!(error.contains("longer than 4194304 bytes"), "{era:?}: {error}");
        // The connection lives.
        assert!(client.list_tools().await.is_ok(), "{era:?}");
    }
}

/// The same over the standard streams of a process: answers of a type, tools that the model uses, and both, on
/// every carrier.
#[tokio::test]
async fn models_are_asked_over_standard_streams_on_every_carrier() {
    /// A model that searches once, reserves once, and answers with what it was told.
    fn model(request: CreateMessageRequestParams) -> CreateMessageResult {
        let told: Vec<String> = request
            .messages
            .iter()
            .flat_map(|message| &message.content)
            .filter_map(|block| match block {
                SamplingContent::ToolResult(result) => Some(json!(result.content).to_string()),
                _ => None,
            })
            .collect();
        let names: Vec<&str> = request.tools.iter().map(|tool| &*tool.name).collect();
        let uses = |name: &str, input: Value| {
            let mut asked = ToolUseContent::default();
            (asked.id, asked.name) = (format!("use {}", told.len()), name.to_owned());
            asked.input = input.as_object().expect("an object").clone();
            let mut answer = CreateMessageResult::text("m", "");
            (answer.content, answer.stop_reason) = (vec![asked.into()], Some("toolUse".to_owned()));
            answer
        };
        match (told.len(), &names[..]) {
            (0, names) if names.contains(&"search") => uses("search", json!({ "query": "tea" })),
            (1, names) if names.contains(&"reserve") => uses("reserve", json!({ "item": "tea 1" })),
            (_, names) if names.iter().any(|name| !["search", "reserve"].contains(name)) => {
                let answer = names.iter().find(|name| !["search", "reserve"].contains(name)).expect("one");
                uses(answer, json!({ "name": "tea", "price": 250, "note": null }))
            }
            _ => CreateMessageResult::text("m", told.last().cloned().unwrap_or_default()),
        }
    }

    struct Asked;
    impl SamplingProvider for Asked {
        async fn create_message(
            &self,
            request: CreateMessageRequestParams,
        ) -> Result<CreateMessageResult, ProviderError> {
            Ok(model(request))
        }

        fn supports_tools(&self) -> bool {
            true
        }
    }

    for (era, resume, tasks) in [
        (Era::Legacy, "auto", false),
        (Era::Modern, "parked", false),
        (Era::Modern, "replay", false),
        (Era::Modern, "auto", true),
    ] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fixture"));
        command.env("FIXTURE_SERVER", "shop").env("FIXTURE_RESUME", resume);
        let builder = checked::stdio(command)
            .era(era)
            .on_sampling(Asked)
            .on_elicitation(|form: ElicitRequestParams| async move { Ok(ElicitResult::accept(form.defaults())) });
        let builder = if tasks { builder.tasks() } else { builder };
        let client = builder.connect().await.expect("a connection");
        let place = format!("{era:?}, {resume}, tasks: {tasks}");
        let call = async |tool: &str, arguments: Value| {
            let result = client.call_tool(tool, arguments).await.unwrap_or_else(|error| panic!("{place}: {error:?}"));
            assert!(!result.is_error, "{place}: {}", result.joined_text());
            result.joined_text()
        };
        assert!(call("invent", json!({})).await.contains("250"), "{place}");
        assert!(call("shop", json!({ "wish": "some tea" })).await.contains("tea 1"), "{place}");
        assert!(call("find", json!({})).await.contains("250"), "{place}");
        client.close().await.expect("it ends");
    }
}

mcp_tests::over_every_transport! {
    an_answer_of_a_type_is_asked_for_again_until_it_is_right,
    an_answer_of_a_type_that_is_never_right_is_an_error_with_the_last_one,
    a_model_without_tools_is_told_in_words,
    what_is_no_object_is_wrapped_into_one,
    a_model_uses_tools_that_ask_the_user_and_each_use_happens_once,
    conversations_at_the_same_time_keep_apart,
    what_goes_wrong_with_a_tool_is_told_to_the_model,
    a_model_that_wants_tools_for_ever_is_stopped_and_told_before,
    a_turn_that_is_the_first_and_the_last_one_is_told_to_use_no_tools,
    tools_and_a_typed_answer_go_together,
    a_loop_can_be_driven_step_by_step,
    what_is_no_conversation_is_never_sent,
    a_client_without_tools_for_its_model_is_not_asked_for_them,
    bad_answers_are_clear_errors,
    pictures_go_with_words,
    the_servers_own_model_answers_for_clients_without_one_and_is_asked_once,
    the_servers_own_model_uses_tools_and_gives_answers_of_a_type,
    when_the_own_model_answers_is_a_matter_of_policy,
    a_failure_of_the_own_model_is_told_without_secrets,
    ten_megabytes_of_text_are_an_answer_or_a_clear_error,
}
