//! What a tool asks a user, in every revision that can: what arrives at the client, word by word,
//! and what comes of the answers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mcp_runtime::QuestionError;
use mcp_runtime::client::{ClientBuilder, Era, Speaker};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    CreateMessageResult, ElicitRequestParams, ElicitResult, ErrorCode, ErrorObject, ListRootsResult, Root,
};
use mcp_tests::checked;
use mcp_tests::conform::Conversation;
use mcp_tests::over::Over;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

/// Not part of the form.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Order {
    /// Who it is for.
    #[schemars(title = "Name", length(min = 2, max = 40))]
    name: String,
    #[schemars(email)]
    email: Option<String>,
    #[schemars(extend("format" = "date"))]
    day: Option<String>,
    #[schemars(range(min = 1, max = 9))]
    pieces: u8,
    ratio: f64,
    #[serde(default)]
    gift: bool,
    size: Size,
    #[serde(default = "standard")]
    speed: Speed,
    #[schemars(length(max = 2))]
    extras: BTreeSet<Extra>,
    #[serde(default)]
    wishes: Vec<Speed>,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Speed {
    /// Tomorrow, for 10 euros
    Express,
    /// This week
    Standard,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
enum Extra {
    Salt,
    Vinegar,
    Sauce,
}

fn standard() -> Speed {
    Speed::Standard
}

/// The form of [`Order`] as 2025-11-25 and later revisions have it.
fn order_form() -> Value {
    let speeds = json!([
        { "const": "express", "title": "Tomorrow, for 10 euros" },
        { "const": "standard", "title": "This week" },
    ]);
    json!({
        "type": "object",
        "properties": {
            "name": {
                "type": "string", "title": "Name", "description": "Who it is for.", "minLength": 2, "maxLength": 40,
            },
            "email": { "type": "string", "format": "email" },
            "day": { "type": "string", "format": "date" },
            "pieces": { "type": "integer", "minimum": 1, "maximum": 9 },
            "ratio": { "type": "number" },
            "gift": { "type": "boolean", "default": false },
            "size": { "type": "string", "enum": ["small", "large"] },
            "speed": { "type": "string", "oneOf": speeds, "default": "standard" },
            "extras": { "type": "array", "maxItems": 2, "items": { "type": "string", "enum": ["Salt", "Vinegar", "Sauce"] } },
            "wishes": { "type": "array", "items": { "anyOf": speeds }, "default": [] },
            "note": { "type": "string" },
        },
        "required": ["name", "pieces", "ratio", "size", "extras"],
    })
}

/// Ask for an order.
#[tool]
async fn order(ctx: Context) -> Result<Json<Option<Order>>> {
    let answer = match ctx.elicit::<Order>("What shall it be?").await? {
        Elicited::Accept(order) => Some(order),
        Elicited::Decline => return Err(ToolError::new("declined")),
        Elicited::Cancel => None,
    };
    Ok(Json(answer))
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its form matters")]
struct SmallOrder {
    /// Who it is for.
    #[schemars(email)]
    email: String,
    #[serde(default = "standard")]
    speed: Speed,
    size: Option<Size>,
    pieces: u8,
    #[serde(default)]
    gift: bool,
    #[serde(default)]
    wishes: Vec<Speed>,
}

/// Ask for an order without lists.
#[tool]
async fn small_order(ctx: Context) -> Result<bool> {
    Ok(ctx.elicit::<SmallOrder>("What shall it be?").await?.is_accepted())
}

/// Ask for a yes.
#[tool]
async fn confirm(ctx: Context) -> Result<bool> {
    Ok(ctx.confirm("Really?").await?)
}

/// Ask to open a page.
#[tool]
async fn visit(ctx: Context) -> Result<String> {
    Ok(format!("{:?}", ctx.elicit_url("Sign in", "https://example.com/in").await?))
}

/// Ask to open a page that has a name.
#[tool]
async fn visit_by_name(ctx: Context) -> Result<String> {
    Ok(format!("{:?}", ctx.elicit_url("Sign in", "https://example.com/in").id("mine").key("visit").await?))
}

/// Ask to open what is no page.
#[tool]
async fn visit_nothing(ctx: Context) -> Result<String> {
    let error = ctx.elicit_url("Sign in", "example.com").await.expect_err("no URL");
    assert!(matches!(error, QuestionError::NotAUrl { .. }));
    Ok(error.to_string())
}

/// Where are the files?
#[tool]
async fn places(ctx: Context) -> Result<Vec<String>> {
    Ok(ctx.roots().key("places").await?.into_iter().map(|root| root.uri).collect())
}

#[derive(Deserialize, JsonSchema)]
struct Nickname {
    nickname: String,
}

/// Ask for everything at once.
#[tool]
async fn everything(ctx: Context) -> Result<String> {
    let (sampled, elicited, confirmed, visited, roots) = tokio::join!(
        ctx.sample("model?"),
        ctx.elicit::<Nickname>("form?"),
        ctx.confirm("yes?"),
        ctx.elicit_url("page?", "https://example.com/"),
        ctx.roots(),
    );
    let nickname = elicited?.map(|it| it.nickname).accepted().unwrap_or_default();
    let visited = visited?.is_accepted();
    Ok(format!("{} {nickname} {} {visited} {}", sampled?.text()?, confirmed?, roots?.len()))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "it cannot be asked for")]
struct Nested {
    name: String,
    inner: Inner,
    tags: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "it cannot be asked for")]
struct Inner {
    value: u8,
}

/// Ask for what is no form.
#[tool]
async fn nested(ctx: Context) -> Result<String> {
    Ok(format!("{:?}", ctx.elicit::<Nested>("?").await?))
}

fn server() -> Server {
    Server::new("t").tools(tools![
        order,
        small_order,
        confirm,
        visit,
        visit_by_name,
        visit_nothing,
        places,
        everything,
        nested
    ])
}

/// What came to a client, and what it answers.
#[derive(Clone, Default)]
struct User {
    asked: Arc<Mutex<Vec<ElicitRequestParams>>>,
}

impl User {
    fn answering(&self, builder: ClientBuilder, answer: ElicitResult) -> ClientBuilder {
        let asked = self.asked.clone();
        builder.on_elicitation(move |question| {
            asked.lock().expect("no panic").push(question);
            let answer = answer.clone();
            async move { Ok(answer) }
        })
    }

    fn asked(&self) -> Vec<ElicitRequestParams> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn content(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(content) => content,
        other => panic!("no object: {other}"),
    }
}

/// Calls a tool whose form is answered like this.
async fn answered(over: Over, era: Era, tool: &str, answer: ElicitResult) -> (bool, String) {
    let client = User::default().answering(over.client(server()).era(era), answer);
    let result = client.connect().await.expect("a connection").call_tool(tool, ()).await.expect("a result");
    (result.is_error, result.joined_text())
}

async fn each_kind_of_field_goes_there_and_back(over: Over) {
    let filled_in = json!({
        "name": "Ada", "email": "ada@example.com", "day": "2026-02-28", "pieces": 2.0, "ratio": 1, "gift": true,
        "size": "large", "speed": "express", "extras": ["Salt", "Sauce"], "wishes": ["standard"], "note": null,
        "unknown": "is ignored",
    });
    let expected = Order {
        name: "Ada".to_owned(),
        email: Some("ada@example.com".to_owned()),
        day: Some("2026-02-28".to_owned()),
        pieces: 2,
        ratio: 1.0,
        gift: true,
        size: Size::Large,
        speed: Speed::Express,
        extras: BTreeSet::from([Extra::Salt, Extra::Sauce]),
        wishes: vec![Speed::Standard],
        note: None,
    };
    for &era in over.eras() {
        let user = User::default();
        let client = user.answering(over.client(server()).era(era), ElicitResult::accept(content(filled_in.clone())));
        let client = client.connect().await.expect("a connection");
        let order: Order = client.call("order", ()).await.expect("an order");
        assert_eq!(order, expected, "{era:?}");
        let [asked] = &user.asked()[..] else { panic!("one question") };
        assert_eq!((asked.mode.as_deref(), asked.message.as_str()), (Some("form"), "What shall it be?"));
        assert_eq!(json!(asked.requested_schema), order_form(), "{era:?}");
        assert_eq!(json!(asked.defaults()), json!({ "gift": false, "speed": "standard", "wishes": [] }));
    }
}

async fn what_is_left_out_is_its_default(over: Over) {
    let filled_in = content(json!({ "name": "Ada", "pieces": 1, "ratio": 0.5, "size": "small", "extras": [] }));
    for &era in over.eras() {
        let client = User::default().answering(over.client(server()).era(era), ElicitResult::accept(filled_in.clone()));
        let client = client.connect().await.expect("a connection");
        let order: Order = client.call("order", ()).await.expect("an order");
        assert_eq!((order.gift, order.speed, order.email), (false, Speed::Standard, None), "{era:?}");
    }
}

/// Types that are written as text.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Typed {
    day: chrono::NaiveDate,
    at: Option<chrono::DateTime<chrono::Utc>>,
    page: url::Url,
    id: uuid::Uuid,
    address: std::net::IpAddr,
}

/// Ask for values of such types.
#[tool]
async fn typed(ctx: Context) -> Result<String> {
    let Some(Typed { day, at, page, id, address }) = ctx.elicit::<Typed>("?").await?.accepted() else {
        return Ok("nothing".to_owned());
    };
    Ok(format!("{day} {at:?} {page} {id} {address}"))
}

async fn types_that_are_text_say_what_they_are(over: Over) {
    let form = json!({
        "type": "object",
        "properties": {
            "day": { "type": "string", "format": "date" },
            "at": { "type": "string", "format": "date-time" },
            "page": { "type": "string", "format": "uri" },
            "id": { "type": "string" },
            "address": { "type": "string" },
        },
        "required": ["day", "page", "id", "address"],
    });
    let id = "123e4567-e89b-12d3-a456-426614174000";
    let good = json!({ "day": "2026-02-28", "page": "https://example.com/", "id": id, "address": "::1" });
    for &era in over.eras() {
        let user = User::default();
        let server = || Server::new("t").tools(tools![typed]);
        let client = user.answering(over.client(server()).era(era), ElicitResult::accept(content(good.clone())));
        let client = client.connect().await.expect("a connection");
        let answer: String = client.call("typed", ()).await.expect("an answer");
        assert_eq!(answer, format!("2026-02-28 None https://example.com/ {id} ::1"), "{era:?}");
        assert_eq!(json!(user.asked()[0].requested_schema), form);

        let mut bad = content(good.clone());
        bad.insert("id".to_owned(), json!("7"));
        bad.insert("address".to_owned(), json!("here"));
        let client = user.answering(over.client(server()).era(era), ElicitResult::accept(bad));
        let result = client.connect().await.expect("a connection").call_tool("typed", ()).await.expect("a result");
        let text = result.joined_text();
        assert!(
            text.contains("`id`: expected a UUID") && text.contains("; `address`: expected an IPv4 address"),
            "{text}"
        );
    }
}

#[test]
fn questions_can_be_held_anywhere() {
    fn is_future<F: Future + Send + Unpin>() {}
    /// Neither `Send` nor `Unpin`.
    #[derive(Deserialize, JsonSchema)]
    struct Pinned {
        #[serde(skip)]
        #[expect(dead_code, reason = "only its type matters")]
        pinned: (std::marker::PhantomPinned, std::marker::PhantomData<*const u8>),
    }
    is_future::<mcp_runtime::Elicit<Pinned>>();
    is_future::<mcp_runtime::ElicitUrl>();
    is_future::<mcp_runtime::Confirm>();
    is_future::<mcp_runtime::ListRoots>();
}

async fn declining_and_dismissing_are_told_apart(over: Over) {
    for &era in over.eras() {
        assert_eq!(answered(over, era, "order", ElicitResult::decline()).await, (true, "declined".to_owned()));
        assert_eq!(answered(over, era, "order", ElicitResult::cancel()).await, (false, "null".to_owned()));
    }
}

async fn confirming_is_a_form_without_fields(over: Over) {
    for &era in over.eras() {
        let user = User::default();
        let client = user.answering(over.client(server()).era(era), ElicitResult::accept(Map::new()));
        let client = client.connect().await.expect("a connection");
        assert!(client.call::<bool>("confirm", ()).await.expect("yes"), "{era:?}");
        let [asked] = &user.asked()[..] else { panic!("one question") };
        assert_eq!(json!(asked.requested_schema), json!({ "type": "object", "properties": {} }));
        for (answer, expected) in
            [(ElicitResult::agree(), "true"), (ElicitResult::decline(), "false"), (ElicitResult::cancel(), "false")]
        {
            assert_eq!(answered(over, era, "confirm", answer).await, (false, expected.to_owned()), "{era:?}");
        }
    }
}

async fn answers_that_do_not_fit_are_explained_field_by_field(over: Over) {
    let start = "the client's answer to `elicitation/create` is not right: ";
    let filled_in = content(json!({
        "name": "A", "email": "nobody", "pieces": "2", "size": "larg", "extras": ["Salt", "Salt"], "speed": "slow",
    }));
    for &era in over.eras() {
        let (is_error, text) = answered(over, era, "order", ElicitResult::accept(filled_in.clone())).await;
        assert!(is_error);
        let problems: Vec<&str> = text.strip_prefix(start).expect("the start").split("; `").collect();
        let expected = [
            "`ratio` is missing: expected a number",
            "name`: expected a string of 2 to 40 characters, got the string \"A\" of 1",
            "email`: expected an e-mail address, got the string \"nobody\"",
            "pieces`: expected an integer from 1 to 9, got the string \"2\"",
            "size`: expected one of \"small\", \"large\", got the string \"larg\"; did you mean \"large\"?",
            "extras[1]` is there already; each item must differ",
            "speed`: expected one of \"express\", \"standard\", got the string \"slow\"",
        ];
        for expected in expected {
            assert!(problems.contains(&expected), "{expected} in {problems:#?}");
        }
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        let (is_error, text) = answered(over, era, "order", ElicitResult::agree()).await;
        assert!(is_error && text.contains("`name` is missing: expected a string of 2 to 40 characters"), "{text}");
    }
}

async fn what_cannot_be_a_form_is_explained_and_not_asked(over: Over) {
    for &era in over.eras() {
        let user = User::default();
        // Also where the client has no forms: it is the tool that is wrong.
        for builder in [over.client(server()), user.answering(over.client(server()), ElicitResult::cancel())] {
            let client = builder.era(era).connect().await.expect("a connection");
            let result = client.call_tool("nested", ()).await.expect("a result");
            assert!(result.is_error);
            assert_eq!(
                result.joined_text(),
                "`behaviour::elicitation::Nested` cannot be a form: \
                 the field `inner` is a struct, and forms are flat; take its fields into the form with \
                 `#[serde(flatten)]`, or ask for it in a question of its own; \
                 the field `tags` is a list whose items are a string, and the only lists of a form are choices; \
                 make the items an enum of variants without data, or ask for text and split it"
            );
        }
        assert!(user.asked().is_empty());
    }
}

async fn a_page_is_opened_or_not(over: Over) {
    for &era in over.eras() {
        for (answer, expected) in [
            (ElicitResult::agree(), "Accept(())"),
            (ElicitResult::decline(), "Decline"),
            (ElicitResult::cancel(), "Cancel"),
        ] {
            let opened = Arc::new(Mutex::new(Vec::new()));
            let page = opened.clone();
            let client = over.client(server()).era(era).on_elicitation_url(move |question| {
                page.lock().expect("no panic").push(question);
                let answer = answer.clone();
                async move { Ok(answer) }
            });
            let client = client.connect().await.expect("a connection");
            assert_eq!(client.call::<String>("visit", ()).await.expect("an answer"), expected, "{era:?}");
            assert_eq!(client.call::<String>("visit_by_name", ()).await.expect("an answer"), expected, "{era:?}");
            let asked = opened.lock().expect("no panic").clone();
            assert_eq!(asked[0].message, "Sign in");
            assert_eq!(asked[0].url.as_deref(), Some("https://example.com/in"));
            let ids = [asked[0].elicitation_id.clone(), asked[1].elicitation_id.clone()];
            match era {
                Era::Modern => assert_eq!(ids, [None, None]),
                _ => assert!(ids[0].is_some() && ids[1].as_deref() == Some("mine"), "{ids:?}"),
            }
        }
    }
}

async fn what_is_no_url_is_not_asked(over: Over) {
    for &era in over.eras() {
        let client = over.client(server()).era(era).connect().await.expect("a connection");
        let said: String = client.call("visit_nothing", ()).await.expect("what is wrong");
        assert!(said.starts_with("\"example.com\" is not a URL that a user can open: "), "{said}");
    }
}

async fn roots_are_listed(over: Over) {
    for &era in over.eras() {
        let roots = |()| async { Ok(ListRootsResult::new(vec![Root::new("file:///a"), Root::new("file:///b")])) };
        let client = over.client(server()).era(era).on_roots(roots).connect().await.expect("a connection");
        let places: Vec<String> = client.call("places", ()).await.expect("the roots");
        assert_eq!(places, ["file:///a", "file:///b"], "{era:?}");
    }
}

async fn a_handler_that_refuses_is_no_answer(over: Over) {
    let refuse = |_| async { Err(ErrorObject::new(ErrorCode::Other(-1), "nobody is here")) };
    let client = over.client(server()).era(Era::Legacy).on_elicitation(refuse);
    let result = client.connect().await.expect("a connection").call_tool("confirm", ()).await.expect("a result");
    assert!(result.is_error && result.joined_text().contains("nobody is here"), "{}", result.joined_text());
}

async fn what_the_client_cannot_do_is_named(over: Over) {
    let forms = || over.client(server()).on_elicitation(|_| async { Ok(ElicitResult::decline()) });
    let pages = || over.client(server()).on_elicitation_url(|_| async { Ok(ElicitResult::decline()) });
    let (nothing, empty) = (|| over.client(server()), json!({}));
    for (tool, client, name, required) in [
        ("confirm", nothing(), "elicitation", json!({ "elicitation": empty })),
        ("order", nothing(), "elicitation", json!({ "elicitation": empty })),
        ("confirm", pages(), "elicitation.form", json!({ "elicitation": { "form": {} } })),
        ("visit", nothing(), "elicitation.url", json!({ "elicitation": { "url": {} } })),
        ("visit", forms(), "elicitation.url", json!({ "elicitation": { "url": {} } })),
        ("places", forms(), "roots", json!({ "roots": {} })),
    ] {
        let client = client.era(Era::Modern).connect().await.expect("a connection");
        let error = client.call_tool(tool, ()).await.expect_err("it cannot");
        let error = error.peer_error().expect("the server's");
        assert_eq!(error.code, ErrorCode::MissingRequiredClientCapability);
        assert_eq!(error.data.as_deref(), Some(&json!({ "requiredCapabilities": required })), "{tool}");
        assert!(error.message.ends_with(&format!(": {name}")), "{}", error.message);
    }
    for (tool, client, name) in [
        ("confirm", nothing(), "elicitation"),
        ("confirm", pages(), "elicitation.form"),
        ("visit", forms(), "elicitation.url"),
        ("places", nothing(), "roots"),
    ] {
        let client = client.era(Era::Legacy).connect().await.expect("a connection");
        let result = client.call_tool(tool, ()).await.expect("a result");
        assert!(result.is_error && result.joined_text().ends_with(&format!(": {name}")), "{}", result.joined_text());
    }
}

#[tokio::test]
async fn a_client_is_not_asked_in_a_mode_that_it_did_not_declare() {
    // A server that does so anyway is refused.
    for (question, has_forms) in [("url", true), ("form", false), ("holographic", true)] {
        let builder = |streams: DuplexStream| {
            let client = checked::other::over(streams).era(Era::Legacy);
            match has_forms {
                true => client.on_elicitation(|_| async { panic!("it must not be asked") }),
                false => client.on_elicitation_url(|_| async { panic!("it must not be asked") }),
            }
        };
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let mut peer = Peer::new(theirs);
        let serving = async {
            let hello = peer.next().await;
            let declared = hello["params"]["capabilities"]["elicitation"].clone();
            assert_eq!(declared, if has_forms { json!({}) } else { json!({ "url": {} }) });
            let server = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": { "name": "s", "version": "1" } });
            peer.send(json!({ "jsonrpc": "2.0", "id": hello["id"], "result": server })).await;
            assert_eq!(peer.next().await["method"], "notifications/initialized");
            let params = json!({ "mode": question, "message": "?", "url": "https://example.com/" });
            peer.send(json!({ "jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": params })).await;
            peer.next().await
        };
        let (client, refusal) = tokio::join!(builder(ours).connect(), serving);
        client.expect("a connection");
        assert!(refusal["error"]["code"].is_i64(), "{question}: {refusal}");
    }
}

/// One end of a connection, spoken by hand.
struct Peer {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    conversation: Conversation,
}

impl Peer {
    fn new(stream: DuplexStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { lines: BufReader::new(reader).lines(), writer, conversation: Conversation::of(&[]) }
    }

    /// A client of all tools here.
    fn client() -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(server().serve(theirs));
        Self { conversation: Conversation::of(&[Speaker::Server]), ..Self::new(ours) }
    }

    /// One that has shaken hands.
    async fn legacy(revision: &str, capabilities: Value) -> Self {
        let mut peer = Self::client();
        let hello = json!({
            "protocolVersion": revision, "capabilities": capabilities, "clientInfo": { "name": "c", "version": "1" },
        });
        peer.send(json!({ "jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello })).await;
        assert_eq!(peer.next().await["result"]["protocolVersion"], revision);
        peer.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        peer
    }

    async fn send(&mut self, message: Value) {
        let message = message.to_string();
        self.conversation.assert(Speaker::Client, &message);
        self.writer.write_all(format!("{message}\n").as_bytes()).await.expect("written");
    }

    async fn next(&mut self) -> Value {
        let line = self.lines.next_line().await.expect("a line").expect("not the end");
        self.conversation.assert(Speaker::Server, &line);
        serde_json::from_str(&line).expect("JSON")
    }

    /// Calls a tool; `more` goes into the parameters.
    async fn call(&mut self, tool: &str, more: Value) {
        let mut params = content(more);
        params.insert("name".to_owned(), json!(tool));
        self.send(json!({ "jsonrpc": "2.0", "id": tool, "method": "tools/call", "params": params })).await;
    }
}

/// The `_meta` of a modern client that can be asked anything.
fn modern() -> Value {
    json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": all_capabilities(),
    } })
}

fn all_capabilities() -> Value {
    json!({ "sampling": {}, "elicitation": { "form": {}, "url": {} }, "roots": {} })
}

fn answer_to(request: &Value) -> Value {
    match (request["method"].as_str(), request["params"]["message"].as_str()) {
        (Some("sampling/createMessage"), _) => json!(CreateMessageResult::text("m", "sampled")),
        (Some("elicitation/create"), Some("form?")) => {
            json!({ "action": "accept", "content": { "nickname": "Lovelace" } })
        }
        (Some("elicitation/create"), _) => json!({ "action": "accept" }),
        (Some("roots/list"), _) => json!({ "roots": [{ "uri": "file:///a" }] }),
        other => panic!("{other:?}"),
    }
}

const EVERYTHING: &str = "sampled Lovelace true true 1";

#[tokio::test]
async fn questions_of_all_kinds_are_one_round() {
    let mut peer = Peer::client();
    peer.call("everything", modern()).await;
    let round = peer.next().await["result"].clone();
    assert_eq!(round["resultType"], "input_required");
    let requests = round["inputRequests"].as_object().expect("requests");
    assert_eq!(requests.len(), 5);
    let mut retry = modern();
    retry["inputResponses"] = requests.iter().map(|(key, request)| (key.clone(), answer_to(request))).collect();
    retry["requestState"] = round["requestState"].clone();
    peer.call("everything", retry).await;
    assert_eq!(peer.next().await["result"]["content"][0]["text"], EVERYTHING);

    let mut peer = Peer::legacy("2025-11-25", all_capabilities()).await;
    peer.call("everything", json!({})).await;
    let mut requests = Vec::new();
    // All come before any is answered.
    for _ in 0..5 {
        requests.push(peer.next().await);
    }
    for request in requests {
        peer.send(json!({ "jsonrpc": "2.0", "id": request["id"], "result": answer_to(&request) })).await;
    }
    assert_eq!(peer.next().await["result"]["content"][0]["text"], EVERYTHING);
}

#[tokio::test]
async fn clients_of_2025_06_18_get_the_form_they_know() {
    let mut peer = Peer::legacy("2025-06-18", all_capabilities()).await;
    // A list that is required is asked for all the same, although that revision has no words for it.
    peer.conversation = Conversation::of(&[]);
    peer.call("order", json!({})).await;
    let request = peer.next().await;
    assert_eq!(request["params"].get("mode"), None);
    let mut expected = order_form();
    let fields = expected["properties"].as_object_mut().expect("fields");
    let names = json!(["Tomorrow, for 10 euros", "This week"]);
    fields["speed"] = json!({ "type": "string", "enum": ["express", "standard"], "enumNames": names });
    // A list that is not required cannot be shown, and is not needed.
    fields.remove("wishes");
    assert_eq!(request["params"]["requestedSchema"], expected);
    let filled_in = json!({
        "name": "Ada", "pieces": 1, "ratio": 1, "gift": false, "size": "small", "speed": "express", "extras": [],
    });
    let result = json!({ "action": "accept", "content": filled_in });
    peer.send(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })).await;
    let order = peer.next().await["result"]["structuredContent"].clone();
    assert_eq!((&order["name"], &order["speed"]), (&json!("Ada"), &json!("express")));
}

#[tokio::test]
async fn modes_count_as_far_as_the_revision_has_them() {
    // In 2025-06-18 any `elicitation` means forms, and there are no pages.
    for (revision, declared, tool, missing) in [
        ("2025-06-18", json!({ "elicitation": { "url": {} } }), "confirm", None),
        ("2025-06-18", all_capabilities(), "visit", Some(": elicitation.url")),
        ("2025-03-26", all_capabilities(), "confirm", Some(": elicitation")),
        ("2025-11-25", json!({ "elicitation": { "url": {} } }), "confirm", Some(": elicitation.form")),
        ("2025-11-25", json!({ "elicitation": { "url": {} } }), "visit", None),
        ("2025-11-25", json!({ "elicitation": {} }), "confirm", None),
    ] {
        let mut peer = Peer::legacy(revision, declared).await;
        peer.call(tool, json!({})).await;
        let came = peer.next().await;
        match missing {
            None => assert_eq!(came["method"], "elicitation/create", "{revision} {tool}: {came}"),
            Some(missing) => {
                assert_eq!(came["result"]["isError"], true, "{revision} {tool}: {came}");
                assert!(
                    came["result"]["content"][0]["text"].as_str().is_some_and(|text| text.ends_with(missing)),
                    "{came}"
                );
            }
        }
    }
}

mcp_tests::over_every_transport! {
    broken;
    each_kind_of_field_goes_there_and_back,
    what_is_left_out_is_its_default,
    types_that_are_text_say_what_they_are,
    declining_and_dismissing_are_told_apart,
    confirming_is_a_form_without_fields,
    answers_that_do_not_fit_are_explained_field_by_field,
    what_cannot_be_a_form_is_explained_and_not_asked,
    a_page_is_opened_or_not,
    what_is_no_url_is_not_asked,
    roots_are_listed,
    a_handler_that_refuses_is_no_answer,
    what_the_client_cannot_do_is_named,
}
