//! The official Rust SDK at the other end, over HTTP: its client sees all of our server, in both eras.
#![expect(deprecated, reason = "the SDK marks sampling and logging as the specification does since 2026-07-28")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use mcp_tests::cutting::cut;
use mcp_tests::http::Served;
use mcp_tests::whole::CUT;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientConfig, ClientRequest, CreateMessageRequestParams,
    CreateMessageResult, ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData, GetPromptRequestParams,
    Implementation, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, RequestMetaObject, ResourceUpdatedNotificationParam, SamplingMessage,
    ServerNotification, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter,
};
use rmcp::service::{ClientLifecycleMode, NotificationContext, PeerRequestOptions, RequestContext, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientHandler, RoleClient, ServiceError, serve_client_with_lifecycle};
use serde_json::{Value, json};
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
        let question = json!(params.messages[0].content);
        let text = question["text"].as_str().or(question[0]["text"].as_str()).expect("a text").to_uppercase();
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text(text), "shouter".to_owned()))
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
        let capabilities = json!({ "sampling": {}, "elicitation": { "form": {} } });
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

#[tokio::test]
async fn their_client_sees_all_of_our_server_over_http_in_both_eras() {
    let modes = [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
    ];
    let served = Served::start(mcp_tests::whole::server()).await;
    let way = cut(served.address, CUT).await;
    for mode in modes {
        let transport = StreamableHttpClientTransport::from_uri(format!("http://{way}/mcp"));
        let visitor = Visitor::default();
        let client = serve_client_with_lifecycle(visitor.clone(), transport, mode.clone()).await.expect("a connection");
        let is_modern = matches!(mode, ClientLifecycleMode::Discover { .. });
        let their = Connected { client, is_modern };
        if !is_modern {
            their.client.set_level(SetLevelRequestParams::new(LoggingLevel::Info)).await.expect("it is set");
        }

        let tools = their.client.list_all_tools().await.expect("a list");
        assert_eq!(tools[0].name, "add", "{mode:?}");
        let sum = their.call("add", json!({ "a": 20, "b": 22 })).await;
        assert_eq!(sum.structured_content, Some(json!({ "result": 42 })), "{mode:?}");
        assert_eq!(their.call("fail", json!({})).await.is_error, Some(true), "{mode:?}");
        assert_eq!(their.text("locate", json!({ "region": " Österreich\n" })).await, " Österreich\n", "{mode:?}");
        assert_eq!(their.text("ask", json!({ "question": "why?" })).await, "WHY?", "{mode:?}");
        let planned = their.text("plan", json!({ "topic": "trip" })).await;
        assert_eq!(planned, "TRIP ONE, TRIP TWO (18), size Some(7)", "{mode:?}");

        their.call("report", json!({})).await;
        let mut heard = visitor.heard(4).await;
        // It hands them on in no order.
        heard.sort_unstable();
        let expected = ["log \"half way\"", "log {\"left\":0}", "progress 1 Some(\"half\")", "progress 2 None"];
        assert_eq!(heard, expected, "{mode:?}");

        let read = their.client.read_resource(ReadResourceRequestParams::new("user://3")).await.expect("contents");
        assert_eq!(json!(read)["contents"][0]["text"], r#"{"id":3,"name":"User 3"}"#, "{mode:?}");
        let missing = their.client.read_resource(ReadResourceRequestParams::new("user://77")).await;
        let Err(ServiceError::McpError(error)) = missing else { panic!("{mode:?}: {missing:?}") };
        assert_eq!(error.code.0, if is_modern { -32602 } else { -32002 }, "{mode:?}");
        let templates = their.client.list_all_resource_templates().await.expect("a list");
        assert_eq!(json!(templates[0])["uriTemplate"], "user://{id}", "{mode:?}");
        let arguments = json!({ "code": "x", "findings": "2" }).as_object().cloned().expect("an object");
        let get = GetPromptRequestParams::new("review").with_arguments(arguments);
        let got = their.client.get_prompt(get).await.expect("messages");
        let text = "x: 2 findings, None, strict None, on None";
        assert_eq!(json!(got)["messages"][0]["content"]["text"], text, "{mode:?}");
        let styles = their.client.complete_prompt_simple("review", "style", "SH").await.expect("values");
        assert_eq!(styles, ["short"], "{mode:?}");

        let name = if is_modern { "grown_modern" } else { "grown_legacy" };
        let mut heard = their.changes(name).await;
        heard.sort_unstable();
        assert_eq!(heard, ["prompts", "resources", "tools", "updated docs://readme"], "{mode:?}");
        assert_eq!(their.text(name, json!({})).await, "here", "{mode:?}");

        let linger = CallToolRequest::new(CallToolRequestParams::new("linger"));
        let request = ClientRequest::CallToolRequest(linger);
        let handle = their.client.send_cancellable_request(request, PeerRequestOptions::no_options()).await;
        assert_eq!(visitor.heard(1).await, ["progress 1 None"], "{mode:?}");
        handle.expect("it was sent").cancel(None).await.expect("it is cancelled");
        assert!(their.text("dropped", json!({})).await.parse::<u32>().is_ok_and(|dropped| dropped > 0), "{mode:?}");

        let echo = |number: u32| their.text("echo", json!({ "text": number.to_string() }));
        let many = join_all((0..50).map(echo)).await;
        assert_eq!(many, (0..50).map(|number| number.to_string()).collect::<Vec<_>>(), "{mode:?}");

        assert_eq!(their.text("leave", json!({})).await, "came back", "{mode:?}");
        assert_eq!(visitor.heard(2).await, ["log \"before\"", "log \"after\""], "{mode:?}");

        if !is_modern {
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
        their.client.cancel().await.expect("it ends");
    }
    served.shutdown().await;
}
