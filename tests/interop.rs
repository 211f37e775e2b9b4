//! With the official Rust SDK at the other end: its client calls our server, ours calls its.
#![expect(deprecated, reason = "the SDK marks sampling as the specification does since 2026-07-28")]

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mcp_runtime::client::{Client, Era};
use mcp_runtime::protocol as ours;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, ContentBlock,
    CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult, ErrorData, Implementation, InputRequest,
    InputRequests, InputRequiredResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion, SamplingMessage,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{ClientLifecycleMode, RequestContext};
use rmcp::transport::TokioChildProcess;
use rmcp::{ClientHandler, RoleClient, RoleServer, ServerHandler, ServiceExt as _, serve_client_with_lifecycle};
use serde_json::json;
use tokio::process::Command;

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
    let modes = [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
    ];
    for mode in modes {
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

fn text(result: &CallToolResult) -> String {
    serde_json::to_value(&result.content).expect("JSON")[0]["text"].as_str().expect("a text").to_owned()
}

/// A server of the SDK whose tool asks the client's model, as each era has it.
#[derive(Clone)]
struct Asker;

impl ServerHandler for Asker {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_instructions("Ask.")
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({ "type": "object" }).as_object().cloned().expect("an object");
        Ok(ListToolsResult::with_all_items(vec![Tool::new("ask", "Ask the model", schema)]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let question = CreateMessageRequestParams::new(vec![SamplingMessage::user_text("why?")], 10);
        let modern = request.meta.as_ref().is_some_and(|meta| {
            serde_json::to_value(meta).expect("JSON").get("io.modelcontextprotocol/protocolVersion").is_some()
        }) || context.peer.peer_info().is_none();
        if !modern {
            let answer = context.peer.create_message(question).await.expect("an answer");
            let answer = serde_json::to_value(&answer.message.content).expect("JSON");
            let text = answer["text"].as_str().or(answer[0]["text"].as_str()).expect("a text");
            return Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into());
        }
        match request.input_responses {
            None => {
                let mut requests = InputRequests::new();
                requests.insert("q".to_owned(), InputRequest::CreateMessage(CreateMessageRequest::new(question)));
                Ok(InputRequiredResult::new(Some(requests), Some("the state".to_owned())).into())
            }
            Some(answers) => {
                assert_eq!(request.request_state.as_deref(), Some("the state"));
                let answers = serde_json::to_value(answers).expect("JSON");
                let text = answers["q"]["content"]["text"].as_str().expect("a text");
                Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
            }
        }
    }
}

#[tokio::test]
async fn our_client_calls_their_server_in_both_eras() {
    for era in [Era::Auto, Era::Legacy, Era::Modern] {
        let (here, there) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(async move {
            let running = Asker.serve(there).await.expect("it serves");
            running.waiting().await
        });
        let (reader, writer) = tokio::io::split(here);
        let client = Client::streams(reader, writer)
            .era(era)
            .on_sampling(|request: ours::CreateMessageRequestParams| async move {
                let question = request.messages[0].content[0].as_text().expect("a text").to_owned();
                Ok(ours::CreateMessageResult::text("m", format!("{question} because")))
            })
            .connect()
            .await
            .expect("a connection");
        assert_eq!(client.protocol_version().is_modern(), era != Era::Legacy, "{era:?}");
        assert_eq!(client.list_tools().await.expect("a list")[0].name, "ask");
        let answer: String = client.call("ask", ()).await.expect("an answer");
        assert_eq!(answer, "why? because", "{era:?}");
        client.close().await.expect("it ends");
        serving.abort();
    }
}
