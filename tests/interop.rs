//! With the official Rust SDK at the other end: its client calls our server, ours calls its.
#![expect(deprecated, reason = "the SDK marks sampling as the specification does since 2026-07-28")]

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mcp_runtime::client::Era;
use mcp_runtime::prelude::Server;
use mcp_runtime::protocol as ours;
use mcp_tests::checked;
use mcp_tests::http::Served;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, ContentBlock,
    CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
    ElicitationAction, ErrorData, GetPromptRequestParams, Implementation, InputRequest, InputRequests,
    InputRequiredResult, ListRootsResult, ProtocolVersion, ReadResourceRequestParams, Role, SamplingMessage,
    SamplingMessageContentBlock, ServerCapabilities, ServerConfig, Tool, ToolUseContent,
};
use rmcp::service::{ClientLifecycleMode, RequestContext, RunningService};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, RoleClient, RoleServer, ServerHandler, ServiceExt as _, serve_client_with_lifecycle};
use serde_json::{Value, json};
use tokio::process::Command;

/// The eras that the SDK speaks.
fn modes() -> [ClientLifecycleMode; 2] {
    [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
    ]
}

/// The same, through a pipe, and over HTTP.
fn ways() -> impl Iterator<Item = (ClientLifecycleMode, bool)> {
    modes().into_iter().flat_map(|mode| [(mode.clone(), false), (mode, true)])
}

/// Connects a client of theirs to a server of ours.
async fn connect<H: ClientHandler>(
    server: Server,
    client: H,
    mode: ClientLifecycleMode,
    over_http: bool,
) -> RunningService<RoleClient, H> {
    let connected = if over_http {
        let served = Served::start(server).await;
        let transport = StreamableHttpClientTransport::from_uri(format!("http://{}/mcp", served.address));
        serve_client_with_lifecycle(client, transport, mode).await
    } else {
        let (here, there) = tokio::io::duplex(1 << 16);
        tokio::spawn(server.serve(there));
        serve_client_with_lifecycle(client, here, mode).await
    };
    connected.expect("a connection")
}

/// A client of the SDK that answers questions to its model with the question in capitals.
#[derive(Clone, Default)]
struct Shouter {
    asked: Arc<AtomicU32>,
}

impl ClientHandler for Shouter {
    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let question = serde_json::to_value(&params.messages[0].content).expect("JSON");
        let text = question["text"].as_str().or(question[0]["text"].as_str()).expect("a text").to_uppercase();
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text(text), "shouter".to_owned()))
    }

    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            ClientCapabilities::builder().enable_sampling().build(),
            Implementation::new("shouter", "1.0.0"),
        )
    }
}

#[tokio::test]
async fn their_client_calls_our_server_in_both_eras() {
    for mode in modes() {
        let fixture = Command::new(env!("CARGO_BIN_EXE_fixture"));
        let (transport, _) =
            TokioChildProcess::builder(fixture).stderr(Stdio::null()).spawn().expect("the fixture starts");
        let shouter = Shouter::default();
        let client = serve_client_with_lifecycle(shouter.clone(), transport, mode.clone()).await.expect("a connection");

        let tools = client.list_all_tools().await.expect("a list");
        assert_eq!(tools[0].name, "add", "{mode:?}");
        assert_eq!(tools[0].title.as_deref(), Some("Add"), "{mode:?}");

        let call = CallToolRequestParams::new("add")
            .with_arguments(json!({ "a": 20, "b": 22 }).as_object().cloned().expect("an object"));
        let sum = client.call_tool(call).await.expect("a result");
        assert_eq!(sum.structured_content, Some(json!({ "result": 42 })), "{mode:?}");

        let asked = client.call_tool(CallToolRequestParams::new("ask_thrice")).await.expect("a result");
        assert_eq!(text(&asked), "ONE AND TWO", "{mode:?}");
        assert_eq!(shouter.asked.load(Ordering::SeqCst), 3, "{mode:?}");

        let wrong = client.call_tool(CallToolRequestParams::new("add")).await.expect("a result");
        assert_eq!(wrong.is_error, Some(true), "{mode:?}");
        client.cancel().await.expect("it ends");
    }
}

#[tokio::test]
async fn their_client_reads_our_resources_and_gets_our_prompts_in_both_eras() {
    for mode in modes() {
        let mut fixture = Command::new(env!("CARGO_BIN_EXE_fixture"));
        fixture.env("FIXTURE_SERVER", "library");
        let (transport, _) =
            TokioChildProcess::builder(fixture).stderr(Stdio::null()).spawn().expect("the fixture starts");
        let client =
            serve_client_with_lifecycle(Shouter::default(), transport, mode.clone()).await.expect("a connection");

        let resources = client.list_all_resources().await.expect("a list");
        assert_eq!(json!(resources[0])["uri"], "docs://readme", "{mode:?}");
        let templates = client.list_all_resource_templates().await.expect("a list");
        assert_eq!(json!(templates[0])["uriTemplate"], "user://{id}", "{mode:?}");
        let read = client.read_resource(ReadResourceRequestParams::new("user://3")).await.expect("contents");
        assert_eq!(json!(read)["contents"][0]["text"], r#"{"id":3,"name":"User 3"}"#, "{mode:?}");
        let missing = client.read_resource(ReadResourceRequestParams::new("user://77")).await;
        assert!(missing.is_err(), "{mode:?}");

        let prompts = client.list_all_prompts().await.expect("a list");
        assert_eq!(json!(prompts[0])["arguments"][0]["name"], "code", "{mode:?}");
        let arguments = json!({ "code": "x", "findings": "2" }).as_object().cloned().expect("an object");
        let get = GetPromptRequestParams::new("review").with_arguments(arguments);
        let got = client.get_prompt(get).await.expect("messages");
        let text = "x: 2 findings, None, strict None, on None";
        assert_eq!(json!(got)["messages"][0]["content"]["text"], text, "{mode:?}");
        let styles = client.complete_prompt_simple("review", "style", "SH").await.expect("values");
        assert_eq!(styles, ["short"], "{mode:?}");
        let template = "manual://{language}/{+page}{?style,version,draft}";
        let styles = client.complete_resource_simple(template, "style", "").await.expect("values");
        assert_eq!(styles, ["long", "short"], "{mode:?}");
        client.cancel().await.expect("it ends");
    }
}

/// A tool of ours that asks a user.
mod asking {
    use mcp_runtime::prelude::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Lunch {
        /// For whom?
        #[schemars(length(min = 1, max = 40))]
        name: String,
        #[schemars(email)]
        receipt: Option<String>,
        #[schemars(range(min = 1, max = 9))]
        guests: u8,
        tip: f32,
        #[serde(default)]
        vegan: bool,
        drink: Drink,
        #[serde(default = "soup")]
        dish: Dish,
        #[schemars(length(max = 2))]
        more: Vec<Dish>,
        drinks: Option<Vec<Drink>>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Drink {
        Water,
        Tea,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Dish {
        /// Soup of the day
        Soup,
        /// Pasta with pesto
        Pasta,
    }

    fn soup() -> Dish {
        Dish::Soup
    }

    /// Order lunch.
    #[tool]
    async fn lunch(ctx: Context) -> Result<Json<Option<Lunch>>> {
        let (lunch, page) = tokio::join!(
            ctx.elicit::<Lunch>("What would you like?"),
            ctx.elicit_url("Pay", "https://example.com/pay"),
        );
        let places = ctx.roots().await?.len();
        let paid = page?.is_accepted() && places == 0 && ctx.confirm("Order?").await?;
        Ok(Json(lunch?.accepted().filter(|_| paid)))
    }

    pub(super) fn server() -> Server {
        Server::new("canteen").tools(tools![lunch])
    }
}

/// A user of the SDK's client, who remembers the forms.
#[derive(Clone, Default)]
struct Guest {
    forms: Arc<Mutex<Vec<Value>>>,
}

impl ClientHandler for Guest {
    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let accept = ElicitResult::new(ElicitationAction::Accept);
        Ok(match params {
            ElicitRequestParams::FormElicitationParams { requested_schema, .. } => {
                self.forms.lock().expect("no panic").push(json!(requested_schema));
                accept.with_content(json!({
                    "name": "Ada", "guests": 2, "tip": 0.5, "drink": "Tea", "dish": "Pasta", "more": ["Soup"],
                }))
            }
            _ => accept,
        })
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(Vec::new()))
    }

    fn get_info(&self) -> ClientConfig {
        let capabilities = json!({ "elicitation": { "form": {}, "url": {} }, "roots": {} });
        ClientConfig::new(
            serde_json::from_value(capabilities).expect("capabilities"),
            Implementation::new("guest", "1.0.0"),
        )
    }
}

#[tokio::test]
async fn their_client_fills_in_our_forms_in_both_eras() {
    for (mode, over_http) in ways() {
        let guest = Guest::default();
        let client = connect(asking::server(), guest.clone(), mode.clone(), over_http).await;
        let result = client.call_tool(CallToolRequestParams::new("lunch")).await.expect("a result");
        let expected = json!({
            "name": "Ada", "receipt": null, "guests": 2, "tip": 0.5, "vegan": false, "drink": "Tea", "dish": "Pasta",
            "more": ["Soup"], "drinks": null,
        });
        assert_eq!(result.structured_content, Some(expected), "{mode:?}: {result:?}");
        // They understood all of the form: printed by them, it is what we sent.
        let dishes = json!([
            { "const": "Soup", "title": "Soup of the day" },
            { "const": "Pasta", "title": "Pasta with pesto" },
        ]);
        let form = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "For whom?", "minLength": 1, "maxLength": 40 },
                "receipt": { "type": "string", "format": "email" },
                "guests": { "type": "integer", "minimum": 1, "maximum": 9 },
                "tip": { "type": "number" },
                "vegan": { "type": "boolean", "default": false },
                "drink": { "type": "string", "enum": ["Water", "Tea"] },
                "dish": { "type": "string", "oneOf": dishes, "default": "Soup" },
                "more": { "type": "array", "maxItems": 2, "items": { "anyOf": dishes } },
                "drinks": { "type": "array", "items": { "type": "string", "enum": ["Water", "Tea"] } },
            },
            "required": ["name", "guests", "tip", "drink", "more"],
        });
        let forms = guest.forms.lock().expect("no panic").clone();
        assert_eq!(forms, [form, json!({ "type": "object", "properties": {} })], "{mode:?}");
        client.cancel().await.expect("it ends");
    }
}

/// A client of the SDK with a model that gives these answers, one after the other, and a user who accepts.
#[derive(Clone)]
struct Shopper {
    answers: Arc<Mutex<VecDeque<Value>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl ClientHandler for Shopper {
    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.asked.lock().expect("no panic").push(json!(params));
        let answer = self.answers.lock().expect("no panic").pop_front().expect("an answer is left");
        Ok(serde_json::from_value(answer).expect("an answer"))
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({})))
    }

    fn get_info(&self) -> ClientConfig {
        let capabilities = json!({ "sampling": { "tools": {} }, "elicitation": { "form": {} } });
        ClientConfig::new(
            serde_json::from_value(capabilities).expect("capabilities"),
            Implementation::new("shopper", "1.0.0"),
        )
    }
}

#[tokio::test]
async fn their_clients_model_uses_our_tools_and_gives_answers_of_a_type_in_both_eras() {
    let uses = |asked: &[(&str, &str, Value)]| {
        let content: Vec<_> = asked
            .iter()
            .map(|(id, name, input)| json!({ "type": "tool_use", "id": id, "name": name, "input": input }))
            .collect();
        json!({ "role": "assistant", "model": "m", "stopReason": "toolUse", "content": content })
    };
    let answers = [
        uses(&[("1", "final_response", json!({ "name": "Lamp" }))]),
        uses(&[("2", "final_response", json!({ "name": "Lamp", "price": 900 }))]),
        uses(&[("3", "search", json!({ "query": "tea" })), ("4", "search", json!({ "query": "cake" }))]),
        uses(&[("5", "reserve", json!({ "item": "tea 1" }))]),
        json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "done" } }),
    ];
    for (mode, over_http) in ways() {
        let shopper = Shopper { answers: Arc::new(Mutex::new(answers.clone().into())), asked: Arc::default() };
        let server = mcp_tests::server(Arc::default()).tools(mcp_tests::shop::tools());
        let client = connect(server, shopper.clone(), mode.clone(), over_http).await;
        let invented = client.call_tool(CallToolRequestParams::new("invent")).await.expect("a result");
        assert_eq!(invented.structured_content, Some(json!({ "name": "Lamp", "price": 900 })), "{mode:?}");
        let wish = json!({ "wish": "tea and cake" });
        let call = CallToolRequestParams::new("shop").with_arguments(wish.as_object().cloned().expect("an object"));
        let shopped = client.call_tool(call).await.expect("a result");
        assert_eq!(text(&shopped), "done (3 turns)", "{mode:?}");

        let asked = shopper.asked.lock().expect("no panic").clone();
        let said = |asked: &Value| asked["messages"].as_array().expect("a list").last().expect("a message").to_string();
        assert!(said(&asked[1]).contains("`price` is missing"), "{mode:?}: {}", asked[1]);
        assert!(said(&asked[3]).contains("tea 2") && said(&asked[3]).contains("cake 2"), "{mode:?}: {}", asked[3]);
        assert!(said(&asked[4]).contains("reserved tea 1"), "{mode:?}: {}", asked[4]);
        client.cancel().await.expect("it ends");
    }
}

fn text(result: &CallToolResult) -> String {
    serde_json::to_value(&result.content).expect("JSON")[0]["text"].as_str().expect("a text").to_owned()
}

/// A server of the SDK whose tool lets the client's model use tools until it has an answer. In the
/// newer era it keeps the conversation in what the client hands back.
#[derive(Clone)]
struct Looper;

impl Looper {
    fn question() -> CreateMessageRequestParams {
        let schema = json!({ "type": "object", "properties": { "query": { "type": "string" } } });
        let search = Tool::new("search", "Search the catalog", schema.as_object().cloned().expect("an object"));
        CreateMessageRequestParams::new(vec![SamplingMessage::user_text("tea and cake")], 10).with_tools(vec![search])
    }

    /// The end of the conversation, or how it goes on.
    fn go_on(mut messages: Vec<SamplingMessage>, answer: CreateMessageResult) -> Result<String, Vec<SamplingMessage>> {
        let blocks = answer.message.content.into_vec();
        let found = |asked: &ToolUseContent| {
            let found = ContentBlock::text(format!("{} 1", asked.input["query"].as_str().expect("a text")));
            SamplingMessageContentBlock::tool_result(asked.id.clone(), vec![found])
        };
        let results: Vec<_> = blocks.iter().filter_map(|block| block.as_tool_use()).map(found).collect();
        if results.is_empty() {
            return Ok(blocks[0].as_text().expect("a text").text.clone());
        }
        messages.push(SamplingMessage::new_multiple(Role::Assistant, blocks));
        messages.push(SamplingMessage::new_multiple(Role::User, results));
        Err(messages)
    }
}

impl ServerHandler for Looper {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut question = Self::question();
        let done = |text| Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into());
        if context.peer.peer_info().is_some_and(|client| client.protocol_version < ProtocolVersion::V_2026_07_28) {
            loop {
                let answer = match context.peer.create_message(question.clone()).await {
                    Ok(answer) => answer,
                    Err(error) => return Ok(CallToolResult::error(vec![ContentBlock::text(error.to_string())]).into()),
                };
                match Self::go_on(question.messages, answer) {
                    Ok(text) => return done(text),
                    Err(messages) => question.messages = messages,
                }
            }
        }
        if let (Some(state), Some(answers)) = (request.request_state, request.input_responses) {
            let messages = serde_json::from_str(&state).expect("the state comes back");
            let answer = serde_json::to_value(&answers["turn"]).and_then(serde_json::from_value).expect("an answer");
            match Self::go_on(messages, answer) {
                Ok(text) => return done(text),
                Err(messages) => question.messages = messages,
            }
        }
        let state = serde_json::to_string(&question.messages).expect("JSON");
        let mut requests = InputRequests::new();
        requests.insert("turn".to_owned(), InputRequest::CreateMessage(CreateMessageRequest::new(question)));
        Ok(InputRequiredResult::new(Some(requests), Some(state)).into())
    }
}

/// A model that searches for two things at once, then for a third, and says what it found.
fn searches(request: &ours::CreateMessageRequestParams) -> ours::CreateMessageResult {
    assert_eq!(request.tools[0].name, "search");
    let found = |block: &ours::SamplingContent| match block {
        ours::SamplingContent::ToolResult(result) => {
            format!("{}: {}", result.tool_use_id, result.content[0].as_text().expect("a text"))
        }
        other => panic!("{other:?}"),
    };
    let last: Vec<_> = match &request.messages[..] {
        [_] => Vec::new(),
        [.., last] => last.content.iter().map(found).collect(),
        [] => panic!("no messages"),
    };
    let uses: &[(&str, &str)] = match request.messages.len() {
        1 => &[("1", "tea"), ("2", "cake")],
        3 => {
            assert_eq!(last, ["1: tea 1", "2: cake 1"]);
            &[("3", "milk")]
        }
        _ => return ours::CreateMessageResult::text("m", last.join(", ")),
    };
    let content: Vec<_> = uses
        .iter()
        .map(|(id, query)| json!({ "type": "tool_use", "id": id, "name": "search", "input": { "query": query } }))
        .collect();
    let answer = json!({ "role": "assistant", "model": "m", "stopReason": "toolUse", "content": content });
    serde_json::from_value(answer).expect("an answer")
}

#[tokio::test]
async fn our_clients_model_uses_the_tools_of_their_server_in_both_eras() {
    for (era, has_tools) in [(Era::Legacy, true), (Era::Modern, true), (Era::Legacy, false), (Era::Modern, false)] {
        let (here, there) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(async move {
            let running = Looper.serve(there).await.expect("it serves");
            running.waiting().await
        });
        let mut client = checked::other::over(here).era(era).on_sampling(
            move |request: ours::CreateMessageRequestParams| async move {
                assert!(has_tools, "it said that it knows none");
                Ok(searches(&request))
            },
        );
        if has_tools {
            client = client.sampling_tools();
        }
        let client = client.connect().await.expect("a connection");
        let answer = client.call::<String>("shop", ()).await;
        match (has_tools, era) {
            (true, _) => assert_eq!(answer.expect("an answer"), "3: milk 1", "{era:?}"),
            (false, Era::Legacy) => {
                let error = answer.expect_err("an error").to_string();
                assert!(error.contains("does not support sampling tools"), "{error}");
            }
            // Their server does not look, so our client does.
            (false, _) => {
                let error = answer.expect_err("an error");
                let refusal = &error.peer_error().expect("a refusal").message;
                assert!(refusal.contains("asks for more than this client has declared"), "{refusal}");
            }
        }
        client.close().await.expect("it ends");
        serving.abort();
    }
}
