//! What a tool can be beyond a function: a method, something with limits, something that not
//! everyone sees, something known only at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::client::{Client, Era};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    AudioContent, CreateMessageResult, EmbeddedResource, ImageContent, ResourceContents, ResourceLink, TextContent,
};
use mcp_runtime::{Extensions, Inject, Requester, StateNeed, ToolCall, Tools};
use mcp_tests::checked;
use serde_json::{Value, json};
use tokio::sync::Notify;

async fn connect(server: Server) -> Client {
    checked::in_memory(server).connect().await.expect("a connection")
}

/// Connects to a server with what is known of the connection.
async fn connect_with(server: Server, extensions: Extensions) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        server.serve_with(theirs, extensions).await.expect("it serves");
    });
    checked::over(ours).connect().await.expect("a connection")
}

async fn text(client: &Client, tool: &str, arguments: Value) -> String {
    client.call_tool(tool, arguments).await.expect("an answer").joined_text()
}

/// Why a call is refused.
async fn refused_call(client: &Client, tool: &str) -> String {
    let error = client.call_tool(tool, json!({})).await.expect_err("it is refused");
    std::error::Error::source(&error).expect("the reason").to_string()
}

/// Why a server does not start.
async fn refusal(server: Server) -> String {
    let (_, theirs) = tokio::io::duplex(64);
    server.serve(theirs).await.expect_err("it does not start").to_string()
}

trait Store: Send + Sync + 'static {
    fn name(&self) -> &'static str;
}

struct Shelf;

impl Store for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }
}

struct Catalog<S> {
    store: S,
    renamed: AtomicUsize,
}

#[tool]
impl<S: Store> Catalog<S> {
    /// Where products are.
    #[tool]
    fn place(&self) -> &'static str {
        self.store.name()
    }

    /// Rename a product.
    #[tool(name = "catalog.rename")]
    async fn rename(&self, ctx: &Context, #[arg(length = 1..)] name: &str) -> Result<String> {
        let better = ctx.sample(format!("Better than {name}?")).await?;
        self.renamed.fetch_add(1, Ordering::Relaxed);
        Ok(better.text()?.to_owned())
    }

    /// How many were renamed.
    #[tool(blocking)]
    fn renamed(self: Arc<Self>) -> usize {
        self.renamed.load(Ordering::Relaxed)
    }

    /// Needs no catalog.
    #[tool]
    fn add(a: u8, b: u8) -> u8 {
        a + b
    }
}

#[tokio::test]
async fn methods_of_a_value_are_tools() {
    for era in [Era::Legacy, Era::Modern] {
        let catalog = Arc::new(Catalog { store: Shelf, renamed: AtomicUsize::new(0) });
        let client = checked::in_memory(Server::new("x").tools(catalog.clone().tools()))
            .era(era)
            .on_sampling(|_| async { Ok(CreateMessageResult::text("m", "pencil")) })
            .connect()
            .await
            .expect("a connection");
        let names: Vec<_> = client.list_tools().await.expect("a list").into_iter().map(|tool| tool.name).collect();
        assert_eq!(names, ["place", "catalog.rename", "renamed", "add"]);
        assert_eq!(text(&client, "place", json!({})).await, "shelf");
        assert_eq!(text(&client, "catalog.rename", json!({ "name": "pen" })).await, "pencil");
        assert_eq!(text(&client, "renamed", json!({})).await, "1");
        assert_eq!(text(&client, "add", json!({ "a": 1, "b": 2 })).await, "3");
        assert_eq!(catalog.place(), "shelf", "it is still a method");
    }
}

#[derive(Clone)]
struct User(&'static str);

struct Greetings(&'static str);

/// Made of a state, an extension and the metadata of the request.
struct Greeter(String);

impl Inject for Greeter {
    const NEEDS: &'static [StateNeed] = &[StateNeed::of::<Greetings>()];

    fn inject(call: &ToolCall<'_>) -> Result<Self> {
        let user = call.extensions().get::<User>().ok_or_else(|| ToolError::new("nobody is logged in"))?;
        let client = call.requester();
        let client = client.client_info().map_or("?", |info| &info.name);
        Ok(Self(format!("{} {} of {client}: {}", call.state::<Greetings>()?.0, user.0, call.name())))
    }
}

/// Greet.
#[tool]
fn greet(#[arg(range = 1..)] _times: u8, greeter: Greeter) -> String {
    greeter.0
}

/// Who is there.
#[tool]
fn who(Extension(user): Extension<User>) -> &'static str {
    user.0
}

/// Who may be there.
#[tool]
fn maybe_who(user: Option<Extension<User>>, ctx: Context) -> String {
    assert_eq!(user.is_some(), ctx.extensions().get::<User>().is_some());
    user.map_or("nobody", |user| user.0.0).to_owned()
}

#[tokio::test]
async fn what_a_connection_brings_along_reaches_the_tools() {
    let server = || Server::new("x").state(Greetings("Hello")).tools(tools![greet, who, maybe_who]);
    let client = connect_with(server(), Extensions::new().with(User("ada"))).await;
    assert_eq!(text(&client, "who", json!({})).await, "ada");
    assert_eq!(text(&client, "maybe_who", json!({})).await, "ada");
    assert_eq!(text(&client, "greet", json!({ "_times": 1 })).await, "Hello ada of mcp-runtime-client: greet");

    let client = connect(server()).await;
    assert_eq!(text(&client, "maybe_who", json!({})).await, "nobody");
    let failed = client.call_tool("who", json!({})).await.expect("an answer");
    assert!(failed.is_error);
    assert!(failed.joined_text().ends_with("User`, which did not come along with the request"), "{failed:?}");
    assert_eq!(text(&client, "greet", json!({ "_times": 1 })).await, "nobody is logged in");
    let wrong = text(&client, "greet", json!({ "_times": 0 })).await;
    assert!(wrong.contains("`_times`: expected an integer from 1 to 255"), "arguments come first: {wrong}");

    let refused = refusal(Server::new("x").tools(tools![greet])).await;
    assert!(refused.contains("tool `greet` takes `State<") && refused.contains("Greetings"), "{refused}");
}

fn is_user(requester: &Requester) -> bool {
    requester.extensions().get::<User>().is_some()
}

/// For users.
#[tool(visible = is_user)]
fn secret() -> u8 {
    1
}

/// For all.
#[tool]
fn public() -> u8 {
    2
}

#[tokio::test]
async fn a_tool_that_one_must_not_see_is_not_there() {
    let server = || Server::new("x").tools(tools![secret, public]);
    let names = async |client: &Client| -> Vec<String> {
        client.list_tools().await.expect("a list").into_iter().map(|tool| tool.name).collect()
    };
    let client = connect_with(server(), Extensions::new().with(User("ada"))).await;
    assert_eq!(names(&client).await, ["secret", "public"]);
    assert_eq!(text(&client, "secret", json!({})).await, "1");

    let client = connect(server()).await;
    assert_eq!(names(&client).await, ["public"]);
    let refused = refused_call(&client, "secret").await;
    let unknown = refused_call(&client, "secre").await;
    assert!(refused.contains("unknown tool `secret`; the tools are `public`"), "{refused}");
    assert!(unknown.contains("unknown tool `secre`; the tools are `public`"), "{unknown}");
    let misspelt = refused_call(&client, "publik").await;
    assert!(misspelt.contains("unknown tool `publik`; did you mean `public`?"), "{misspelt}");
}

fn picky(requester: &Requester) -> bool {
    requester.meta()["tenant"] == "none"
}

/// For nobody.
#[tool(visible = picky)]
fn private() -> u8 {
    3
}

#[tokio::test]
async fn a_panic_while_asking_who_may_see_a_tool_hides_it_and_nothing_else() {
    let client = connect(Server::new("x").tools(tools![private, public])).await;
    let tools = client.list_tools().await.expect("a list");
    assert_eq!(tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["public"]);
    assert!(refused_call(&client, "private").await.contains("unknown tool `private`"));
    assert_eq!(text(&client, "public", json!({})).await, "2");
}

/// Keeps threads.
struct Lock {
    inside: AtomicUsize,
    most: AtomicUsize,
    entered: Notify,
    open: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Lock {
    fn new() -> (Arc<Self>, std::sync::mpsc::Sender<()>) {
        let (key, open) = std::sync::mpsc::channel();
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        (Arc::new(Self { inside, most, entered: Notify::new(), open: open.into() }), key)
    }

    fn pass(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        self.entered.notify_one();
        self.open.lock().expect("no panic").recv().expect("the test lives");
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Has only one place.
#[tool(blocking, concurrency = 1, timeout = "20ms")]
fn locked(lock: State<Lock>) {
    lock.pass();
}

/// Asks from its thread.
#[tool(blocking, concurrency = 1, timeout = "20ms")]
fn asks_and_blocks(ctx: Context, lock: State<Lock>) -> Result<()> {
    tokio::runtime::Handle::current().block_on(async { ctx.sample("?").await })?;
    lock.pass();
    Ok(())
}

#[tokio::test]
async fn a_thread_keeps_its_place_when_nobody_waits_for_it_any_more() {
    let (lock, key) = Lock::new();
    let client = Arc::new(connect(Server::new("x").state(lock.clone()).tools(tools![locked, public])).await);
    assert!(text(&client, "locked", json!({})).await.contains("took longer than 20ms"));
    lock.entered.notified().await;
    let second = {
        let client = client.clone();
        tokio::spawn(async move { client.call_tool("locked", json!({})).await.expect("an answer") })
    };
    for _ in 0..20 {
        assert_eq!(text(&client, "public", json!({})).await, "2");
    }
    key.send(()).expect("it waits");
    lock.entered.notified().await;
    key.send(()).expect("it waits");
    second.await.expect("it ends");
    assert_eq!(lock.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_clock_goes_on_when_the_client_has_answered_a_thread() {
    for era in [Era::Legacy, Era::Modern] {
        let (lock, key) = Lock::new();
        let client = checked::in_memory(Server::new("x").state(lock.clone()).tools(tools![asks_and_blocks]))
            .era(era)
            .on_sampling(|_| async { Ok(CreateMessageResult::text("m", "yes")) })
            .connect()
            .await
            .expect("a connection");
        assert!(text(&client, "asks_and_blocks", json!({})).await.contains("took longer than 20ms"), "{era:?}");
        key.send(()).expect("it waits");
    }
}

#[derive(Default)]
struct Gate {
    inside: AtomicUsize,
    most: AtomicUsize,
    open: Notify,
    entered: Notify,
}

impl Gate {
    async fn pass(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        self.entered.notify_one();
        self.open.notified().await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Two at a time.
#[tool(concurrency = 2)]
async fn two_at_a_time(gate: State<Gate>) {
    gate.pass().await;
}

/// One at a time, but for those that wait for the client.
#[tool(concurrency = 1, timeout = "1h")]
async fn one_asks(ctx: Context, gate: State<Gate>) -> Result<String> {
    let inside = gate.inside.fetch_add(1, Ordering::SeqCst) + 1;
    gate.most.fetch_max(inside, Ordering::SeqCst);
    gate.inside.fetch_sub(1, Ordering::SeqCst);
    let answer = ctx.sample("?").await?;
    Ok(answer.text()?.to_owned())
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_for_their_turn() {
    let gate = Arc::new(Gate::default());
    let client = Arc::new(connect(Server::new("x").state(gate.clone()).tools(tools![two_at_a_time, public])).await);
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call_tool("two_at_a_time", json!({})).await.expect("an answer") })
        })
        .collect();
    for _ in 0..2 {
        gate.entered.notified().await;
    }
    assert_eq!(text(&client, "public", json!({})).await, "2", "others are not held up");
    assert_eq!(gate.inside.load(Ordering::SeqCst), 2);
    for _ in 0..3 {
        gate.open.notify_one();
        gate.entered.notified().await;
    }
    gate.open.notify_one();
    gate.open.notify_one();
    for call in calls {
        // The last one may have come to the gate after it was opened for two.
        gate.open.notify_waiters();
        assert!(!call.await.expect("it ends").is_error);
    }
    assert_eq!(gate.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn who_waits_for_the_client_holds_nobody_up() {
    for era in [Era::Legacy, Era::Modern] {
        let gate = Arc::new(Gate::default());
        let (asked, mut all_asked) = tokio::sync::mpsc::unbounded_channel();
        let answer = Arc::new(tokio::sync::Semaphore::new(0));
        let answering = answer.clone();
        let client = checked::in_memory(Server::new("x").state(gate.clone()).tools(tools![one_asks]))
            .era(era)
            .on_sampling(move |_| {
                let (asked, answering) = (asked.clone(), answering.clone());
                async move {
                    asked.send(()).expect("the test listens");
                    answering.acquire().await.expect("it is open").forget();
                    Ok(CreateMessageResult::text("m", "yes"))
                }
            })
            .connect()
            .await
            .expect("a connection");
        let client = Arc::new(client);
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { text(&client, "one_asks", json!({})).await })
            })
            .collect();
        // All three ask before one is answered: none of them holds the only place.
        for _ in 0..3 {
            all_asked.recv().await.expect("a question");
        }
        answer.add_permits(3);
        for call in calls {
            assert_eq!(call.await.expect("it ends"), "yes");
        }
        assert_eq!(gate.most.load(Ordering::SeqCst), 1);
    }
}

/// Too slow.
#[tool(timeout = "50ms")]
async fn slow() {
    std::future::pending::<()>().await;
}

/// Slow only because the client is.
#[tool(timeout = "50ms")]
async fn patient(ctx: Context) -> Result<String> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let answer = ctx.sample("?").await?.text()?.to_owned();
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(answer)
}

/// Slow in two parts, with a question between them.
#[tool(timeout = "50ms")]
async fn slow_in_parts(ctx: Context) -> Result<String> {
    tokio::time::sleep(Duration::from_millis(40)).await;
    ctx.sample("?").await?;
    tokio::time::sleep(Duration::from_millis(40)).await;
    Ok("done".to_owned())
}

#[tokio::test(start_paused = true)]
async fn time_that_the_client_takes_is_not_the_tools() {
    for era in [Era::Legacy, Era::Modern] {
        let client = checked::in_memory(Server::new("x").tools(tools![slow, patient, slow_in_parts]))
            .era(era)
            .on_sampling(|_| async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok(CreateMessageResult::text("m", "yes"))
            })
            .connect()
            .await
            .expect("a connection");
        let stopped = client.call_tool("slow", json!({})).await.expect("an answer");
        assert!(stopped.is_error);
        assert_eq!(stopped.joined_text(), "tool `slow` took longer than 50ms and was stopped");
        assert_eq!(text(&client, "patient", json!({})).await, "yes");
        let stopped = text(&client, "slow_in_parts", json!({})).await;
        assert_eq!(stopped, "tool `slow_in_parts` took longer than 50ms and was stopped", "both parts count");
    }
}

#[tokio::test]
async fn a_tool_known_only_at_run_time_goes_the_same_way() {
    let schema = json!({
        "type": "object",
        "properties": {
            "city": { "type": "string", "minLength": 1 },
            "days": { "type": "integer", "minimum": 1, "default": 3 },
            "options": { "type": "object", "properties": { "unit": { "enum": ["c", "f"] } }, "additionalProperties": false },
        },
        "required": ["city"],
        "additionalProperties": false,
    });
    for era in [Era::Legacy, Era::Modern] {
        let weather = DynTool::new("weather", schema.clone(), |arguments, ctx: Context| async move {
            let said = ctx.sample(format!("The weather in {}?", arguments["city"])).await?;
            Ok::<_, ToolError>(format!(
                "{} for {} days, {:?}",
                said.text()?,
                arguments["days"],
                arguments.get("options")
            ))
        })
        .title("Weather")
        .description("Tell the weather.")
        .timeout(Duration::from_secs(60));
        let named: Tools = ["one", "two"]
            .into_iter()
            .map(|name| DynTool::new(name, json!({ "type": "object" }), move |_, _| async move { name }))
            .collect();
        let client = checked::in_memory(Server::new("x").tools(weather).tools(named).tools(tools![public]))
            .era(era)
            .on_sampling(|_| async { Ok(CreateMessageResult::text("m", "Rain")) })
            .connect()
            .await
            .expect("a connection");
        let tools = client.list_tools().await.expect("a list");
        assert_eq!(tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["weather", "one", "two", "public"]);
        assert_eq!(Value::Object(tools[0].input_schema.clone()), schema);
        assert_eq!(tools[0].description.as_deref(), Some("Tell the weather."));
        assert_eq!(text(&client, "weather", json!({ "city": "Rome" })).await, "Rain for 3 days, None");
        let arguments = json!({ "city": "Rome", "days": 1, "options": "{\"unit\":\"c\"}" });
        assert_eq!(
            text(&client, "weather", arguments).await,
            "Rain for 1 days, Some(Object {\"unit\": String(\"c\")})"
        );
        assert_eq!(
            text(&client, "weather", json!({ "days": 0, "options": { "unit": "k" }, "cit": 1 })).await,
            "the arguments of tool `weather` are not right:\n\
             - `city` is missing: expected a string of at least 1 character\n\
             - `days`: expected an integer of at least 1, got the number 0\n\
             - `options.unit`: expected one of \"c\", \"f\", got the string \"k\"\n\
             - `cit` is not known here; did you mean `city`?"
        );
        assert_eq!(text(&client, "two", json!({})).await, "two");
    }
    let echo = |name: &str, schema| {
        DynTool::new(name, schema, |arguments, _| async move { Value::Object(arguments).to_string() })
    };
    let schema = json!({
        "type": "object",
        "properties": {
            "note": { "type": "string" },
            "count": { "type": "integer", "default": 1 },
            "any": { "type": ["string", "null"] },
        },
    });
    let strange = json!({ "type": "object", "properties": { "name": { "type": "string", "pattern": "^(?!admin)" } } });
    let server = Server::new("x")
        .tools(echo("echo", schema.clone()))
        .tools(echo("strictly", schema).strict())
        .tools(echo("theirs", strange.clone()).unchecked());
    let client = connect(server).await;
    for (tool, arguments, expected) in [
        ("echo", json!({ "note": null, "count": null, "any": null }), r#"{"any":null,"count":1}"#),
        ("echo", json!({ "count": 5.0 }), r#"{"count":5}"#),
        ("theirs", json!({ "name": null, "x": 5.0 }), r#"{"name":null,"x":5.0}"#),
    ] {
        assert_eq!(text(&client, tool, arguments).await, expected);
    }
    assert!(client.call_tool("strictly", json!({ "note": null })).await.expect("an answer").is_error);

    let refused = refusal(Server::new("x").tools(echo("mine", strange))).await;
    for problem in ["tool `mine` is not right: its schema has the pattern `^(?!admin)`", "`.unchecked()`"] {
        assert!(refused.contains(problem), "{refused}");
    }
    let undescribed = json!({ "type": "object", "properties": { "x": {} } });
    let refused = refusal(Server::new("x").require_descriptions().tools(echo("mine", undescribed))).await;
    assert!(refused.contains("argument `x` of tool `mine` has no description"), "{refused}");

    let nowhere = |name: &str, schema| DynTool::new(name, schema, |_, _| async {});
    let refused = refusal(
        Server::new("x")
            .tools(nowhere("not a name", json!({ "type": "object" })))
            .tools(nowhere("list", json!([])))
            .tools(nowhere("public", json!({ "type": "object" })))
            .tools(tools![public]),
    )
    .await;
    for problem in [
        "tool `not a name` is not right: its name must have 1 to 128 characters",
        "tool `list` is not right: its schema must be an object with `\"type\": \"object\"`: []",
        "two tools are named `public`: one in `a `DynTool``, one in `behaviour::tools`",
    ] {
        assert!(refused.contains(problem), "{refused}");
    }
}

#[derive(Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
struct Odd(#[serde(serialize_with = "as_text")] u8);

fn as_text<S: serde::Serializer>(number: &u8, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// Nothing of it fits.
#[tool(meta = json!([1]), concurrency = [0][0])]
fn misfit(
    #[arg(default = Odd(1))] odd: Odd,
    #[arg(range = 1.., examples = [0, "x"])] number: u8,
    #[arg(range = 300..)] none: u8,
    #[arg(flatten)] text: String,
    #[arg(flatten)] twice: Twice,
) {
    drop((odd, number, none, text, twice.number));
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Twice {
    number: u8,
}

#[tokio::test]
async fn what_cannot_be_right_is_said_at_the_start() {
    let refused = refusal(Server::new("x").tools(tools![misfit])).await;
    for problem in [
        "the default of `odd`, \"1\", does not decode as its type",
        "the example of `number`, 0, breaks its own constraints",
        "the example of `number`, \"x\", does not decode as its type",
        "no value of `none` can keep its constraints",
        "the fields of `text` cannot be arguments: it is not a struct but {\"type\":\"string\"}",
        "two of its arguments are named `number`",
        "its `meta` must be a JSON object, not [1]",
        "its `concurrency` must be at least 1",
    ] {
        assert!(refused.contains(&format!("tool `misfit` is not right: {problem}")), "{problem} in {refused}");
    }
    let refused = refusal(Server::new("x").require_descriptions().tools(tools![greet]).state(Greetings(""))).await;
    assert!(refused.contains("argument `_times` of tool `greet` has no description; write a doc comment"), "{refused}");
}

/// Two parts.
#[tool]
fn parts() -> (String, ImageContent, Option<AudioContent>, Vec<ResourceLink>) {
    let link = ResourceLink::new("file:///a", "a");
    ("text".to_owned(), ImageContent::png(b"png"), None, vec![link.clone(), link])
}

type Words = (&'static str, TextContent);

/// Structured, with words of its own.
#[tool]
fn structured() -> Result<(Json<Vec<u8>>, Words)> {
    Ok((Json(vec![1, 2]), ("one", TextContent::new("two"))))
}

/// A resource.
#[tool]
fn resource() -> EmbeddedResource {
    EmbeddedResource::new(ResourceContents::text("file:///a", "text/plain", "a"))
}

/// Pictures.
#[tool]
fn pictures() -> Vec<ImageContent> {
    vec![ImageContent::jpeg(b"1"), ImageContent::gif(b"2")]
}

#[tokio::test]
async fn several_parts_are_returned_in_their_order() {
    let client = connect(Server::new("x").tools(tools![parts, structured, resource, pictures])).await;
    let content = async |tool: &str| -> Value {
        let result = client.call_tool(tool, json!({})).await.expect("an answer");
        json!({ "content": result.content, "structured": result.structured_content })
    };
    let link = json!({ "type": "resource_link", "uri": "file:///a", "name": "a" });
    assert_eq!(
        content("parts").await,
        json!({ "content": [
            { "type": "text", "text": "text" },
            { "type": "image", "data": "cG5n", "mimeType": "image/png" },
            link, link,
        ], "structured": null })
    );
    assert_eq!(
        content("structured").await,
        json!({ "content": [{ "type": "text", "text": "one" }, { "type": "text", "text": "two" }], "structured": [1, 2] })
    );
    assert_eq!(
        content("resource").await["content"][0],
        json!({ "type": "resource", "resource": { "uri": "file:///a", "mimeType": "text/plain", "text": "a" } })
    );
    assert_eq!(content("pictures").await["content"][1]["mimeType"], "image/gif");
    let tools = client.list_tools().await.expect("a list");
    assert_eq!(tools[0].output_schema, None);
    assert_eq!(tools[1].output_schema.as_ref().expect("a schema")["type"], "array");
}
