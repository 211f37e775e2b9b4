//! The official Rust SDK at the other end: its client sees all of our server, over standard streams and HTTP, in both
//! eras.
#![expect(deprecated, reason = "the SDK marks sampling and logging as the specification does since 2026-07-28")]

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use mcp_tests::cutting::cut;
use mcp_tests::http::Served;
use mcp_tests::interop::{Feature, Role, Row};
use mcp_tests::peers::Peer;
use mcp_tests::whole::CUT;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientConfig, ClientRequest, CreateMessageRequestParams,
    CreateMessageResult, ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData, GetPromptRequestParams,
    Implementation, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, RequestMetaObject, ResourceUpdatedNotificationParam, ServerNotification,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter,
};
use rmcp::service::{ClientLifecycleMode, NotificationContext, PeerRequestOptions, RequestContext, RunningService};
use rmcp::transport::{IntoTransport, StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, RoleClient, ServiceError, serve_client_with_lifecycle};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::Notify;
use tokio::time::timeout;

/// What takes longer does not come.
const LONG: Duration = Duration::from_secs(60);

const WATCHED: &str = "docs://readme";

/// A client that answers its server's questions, and notes what it hears.
#[derive(Clone, Default)]
struct Visitor {
    heard: Arc<Mutex<Vec<String>>>,
    news: Arc<Notify>,
}

impl Visitor {
    fn note(&self, what: impl Into<String>) -> std::future::Ready<()> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
        self.news.notify_one();
        std::future::ready(())
    }

    /// What it has heard since it was last asked, once that is so much.
    async fn heard(&self, count: usize) -> Vec<String> {
        loop {
            let news = self.news.notified();
            {
                let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                if heard.len() >= count {
                    return std::mem::take(&mut *heard);
                }
            }
            timeout(LONG, news).await.unwrap_or_else(|_| panic!("only {:?}", self.heard));
        }
    }
}

impl ClientHandler for Visitor {
    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let last = json!(params.messages.last().expect("a message").content);
        let text = last["text"].as_str().or(last[0]["text"].as_str());
        let answer = match (params.tools.is_some(), text) {
            (false, question) => json!({ "type": "text", "text": question.expect("a text").to_uppercase() }),
            (true, None) => json!({ "type": "text", "text": "done" }),
            (true, Some(wish)) => {
                json!([{ "type": "tool_use", "id": "1", "name": "search", "input": { "query": wish } }])
            }
        };
        let stop_reason = if answer.is_array() { "toolUse" } else { "endTurn" };
        let answer = json!({ "role": "assistant", "model": "m", "content": answer, "stopReason": stop_reason });
        Ok(serde_json::from_value(answer).expect("an answer"))
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "size": 7 })))
    }

    fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> {
        self.note(format!("progress {} {:?}", params.progress, params.message))
    }

    fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> {
        self.note(format!("log {}", params.data))
    }

    fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> {
        self.note(format!("updated {}", params.uri))
    }

    fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) -> impl Future<Output = ()> {
        self.note("resources")
    }

    fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) -> impl Future<Output = ()> {
        self.note("tools")
    }

    fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) -> impl Future<Output = ()> {
        self.note("prompts")
    }

    fn get_info(&self) -> ClientConfig {
        let capabilities = json!({ "sampling": { "tools": {} }, "elicitation": { "form": {} } });
        let capabilities = serde_json::from_value(capabilities).expect("capabilities");
        ClientConfig::new(capabilities, Implementation::new("visitor", "1.0.0"))
    }
}

/// Its client, connected.
struct Connected {
    client: RunningService<RoleClient, Visitor>,
    is_modern: bool,
}

impl Connected {
    async fn call(&self, name: &'static str, arguments: Value) -> CallToolResult {
        let mut params = CallToolRequestParams::new(name);
        params.arguments = arguments.as_object().cloned();
        if self.is_modern {
            let mut meta = RequestMetaObject::new();
            meta.set_log_level(LoggingLevel::Info);
            params.meta = Some(meta);
        }
        let called = timeout(LONG, self.client.call_tool(params)).await.expect("in time");
        called.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    async fn text(&self, name: &'static str, arguments: Value) -> String {
        let result = json!(self.call(name, arguments).await);
        result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("a text: {result}")).to_owned()
    }

    /// Changes something of everything, and says what was heard of it.
    async fn changes(&self, name: &str) -> Vec<String> {
        let visitor = self.client.service().clone();
        if !self.is_modern {
            self.client.subscribe(SubscribeRequestParams::new(WATCHED)).await.expect("it is subscribed");
            self.call("touch", json!({ "uri": WATCHED })).await;
            self.call("grow", json!({ "name": name })).await;
            return visitor.heard(4).await;
        }
        let filter = json!({
            "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
            "resourceSubscriptions": [WATCHED],
        });
        let filter: SubscriptionFilter = serde_json::from_value(filter).expect("a filter");
        let mut subscription = self.client.listen(filter).await.expect("it is subscribed");
        self.call("touch", json!({ "uri": WATCHED })).await;
        self.call("grow", json!({ "name": name })).await;
        let mut heard = Vec::new();
        while heard.len() < 4 {
            let next = timeout(LONG, subscription.next()).await.expect("in time").expect("a change");
            heard.push(match next.expect("a change") {
                ServerNotification::ResourceUpdatedNotification(it) => format!("updated {}", it.params.uri),
                ServerNotification::ResourceListChangedNotification(_) => "resources".to_owned(),
                ServerNotification::ToolListChangedNotification(_) => "tools".to_owned(),
                ServerNotification::PromptListChangedNotification(_) => "prompts".to_owned(),
                other => panic!("{other:?}"),
            });
        }
        subscription.cancel().await.expect("it ends");
        heard
    }
}

/// Sees all that our server offers, and fills in a row for it.
async fn sees_all(their: &Connected, over: &'static str) {
    let (visitor, is_modern) = (their.client.service(), their.is_modern);
    let revision = if is_modern { "2026-07-28" } else { "2025-11-25" };
    let what = format!("{over}, {revision}");
    let mut row = Row::new(Peer::Rmcp, Role::Client, over, revision);

    let tools = their.client.list_all_tools().await.expect("a list");
    assert_eq!(tools[0].name, "add", "{what}");
    row.saw(Feature::List);
    let sum = their.call("add", json!({ "a": 20, "b": 22 })).await;
    assert_eq!(sum.structured_content, Some(json!({ "result": 42 })), "{what}");
    assert_eq!(their.call("fail", json!({})).await.is_error, Some(true), "{what}");
    assert_eq!(their.text("locate", json!({ "region": " Österreich\n" })).await, " Österreich\n", "{what}");
    let echo = |number: u32| their.text("echo", json!({ "text": number.to_string() }));
    let many = join_all((0..50).map(echo)).await;
    assert_eq!(many, (0..50).map(|number| number.to_string()).collect::<Vec<_>>(), "{what}");
    row.saw(Feature::Call);
    assert_eq!(their.text("ask", json!({ "question": "why?" })).await, "WHY?", "{what}");
    row.saw(Feature::Sampling);
    let planned = their.text("plan", json!({ "topic": "trip" })).await;
    assert_eq!(planned, "TRIP ONE, TRIP TWO (18), size Some(7)", "{what}");
    row.saw(Feature::Elicitation);
    assert_eq!(their.text("shop", json!({ "wish": "tea" })).await, "done (2 turns)", "{what}");
    row.saw(Feature::SamplingWithTools);

    their.call("report", json!({})).await;
    let mut heard = visitor.heard(4).await;
    // It hands them on in no order.
    heard.sort_unstable();
    let expected = ["log \"half way\"", "log {\"left\":0}", "progress 1 Some(\"half\")", "progress 2 None"];
    assert_eq!(heard, expected, "{what}");
    row.saw(Feature::Progress);
    row.saw(Feature::Logging);

    let read = their.client.read_resource(ReadResourceRequestParams::new("user://3")).await.expect("contents");
    assert_eq!(json!(read)["contents"][0]["text"], r#"{"id":3,"name":"User 3"}"#, "{what}");
    let missing = their.client.read_resource(ReadResourceRequestParams::new("user://77")).await;
    let Err(ServiceError::McpError(error)) = missing else { panic!("{what}: {missing:?}") };
    assert_eq!(error.code.0, if is_modern { -32602 } else { -32002 }, "{what}");
    let templates = their.client.list_all_resource_templates().await.expect("a list");
    assert_eq!(json!(templates[0])["uriTemplate"], "user://{id}", "{what}");
    row.saw(Feature::Resources);
    let arguments = json!({ "code": "x", "findings": "2" }).as_object().cloned().expect("an object");
    let get = GetPromptRequestParams::new("review").with_arguments(arguments);
    let got = their.client.get_prompt(get).await.expect("messages");
    let text = "x: 2 findings, None, strict None, on None";
    assert_eq!(json!(got)["messages"][0]["content"]["text"], text, "{what}");
    row.saw(Feature::Prompts);
    let styles = their.client.complete_prompt_simple("review", "style", "SH").await.expect("values");
    assert_eq!(styles, ["short"], "{what}");
    row.saw(Feature::Completion);

    let mut heard = their.changes("grown").await;
    heard.sort_unstable();
    assert_eq!(heard, ["prompts", "resources", "tools", "updated docs://readme"], "{what}");
    assert_eq!(their.text("grown", json!({})).await, "here", "{what}");
    row.saw(Feature::Subscriptions);

    let linger = CallToolRequest::new(CallToolRequestParams::new("linger"));
    let request = ClientRequest::CallToolRequest(linger);
    let handle = their.client.send_cancellable_request(request, PeerRequestOptions::no_options()).await;
    assert_eq!(visitor.heard(1).await, ["progress 1 None"], "{what}");
    handle.expect("it was sent").cancel(None).await.expect("it is cancelled");
    assert_eq!(their.text("dropped", json!({})).await, "1", "{what}");
    row.saw(Feature::Cancellation);
    row.finish(env!("CARGO_TARGET_TMPDIR"));
}

/// Sees what only HTTP has.
async fn sees_http(their: &Connected, served: &Served) {
    let visitor = their.client.service();
    assert_eq!(their.text("leave", json!({})).await, "came back");
    assert_eq!(visitor.heard(2).await, ["log \"before\"", "log \"after\""]);
    if their.is_modern {
        return;
    }
    // The connection breaks in the middle of this one.
    assert_eq!(their.text("stay", json!({})).await, "still here");
    assert_eq!(visitor.heard(2).await, ["log \"cut here\"", "log \"after\""]);

    // It begins a new session when the server has forgotten the one that it had.
    let session = their.text("session", json!({})).await;
    let ended = served.send("DELETE", &[("mcp-session-id", &session)], "").await;
    assert_eq!(ended.status, 204);
    assert_eq!(their.text("echo", json!({ "text": "again" })).await, "again");
    assert_ne!(their.text("session", json!({})).await, session);
}

async fn connect<T, E, A>(transport: T, mode: &ClientLifecycleMode) -> Connected
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let client = serve_client_with_lifecycle(Visitor::default(), transport, mode.clone()).await;
    let is_modern = matches!(mode, ClientLifecycleMode::Discover { .. });
    let their = Connected { client: client.expect("a connection"), is_modern };
    if !is_modern {
        their.client.set_level(SetLevelRequestParams::new(LoggingLevel::Info)).await.expect("it is set");
    }
    their
}

#[tokio::test]
async fn their_client_sees_all_of_our_server_in_both_eras() {
    let modes = [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
    ];
    for mode in modes {
        let mut fixture = Command::new(env!("CARGO_BIN_EXE_fixture"));
        fixture.env("FIXTURE_SERVER", "whole");
        let (transport, _) =
            TokioChildProcess::builder(fixture).stderr(Stdio::null()).spawn().expect("the fixture starts");
        let their = connect(transport, &mode).await;
        sees_all(&their, "stdio").await;
        their.client.cancel().await.expect("it ends");

        let served = Served::start(mcp_tests::whole::server()).await;
        let way = cut(served.address, CUT).await;
        let their = connect(StreamableHttpClientTransport::from_uri(format!("http://{way}/mcp")), &mode).await;
        sees_all(&their, "HTTP").await;
        sees_http(&their, &served).await;
        their.client.cancel().await.expect("it ends");
        served.shutdown().await;
    }
}
