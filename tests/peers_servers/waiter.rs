//! What the server of the official Rust SDK does.
#![expect(deprecated, reason = "the SDK marks sampling and subscribing as the specification does since 2026-07-28")]

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CreateMessageRequestParams, ElicitRequest,
    ElicitRequestParams, ErrorData, GetPromptRequestParams, GetPromptResponse, InputRequest, InputRequests,
    InputRequiredResult, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ResourceUpdatedNotificationParam, SamplingMessage, ServerConfig,
    ServerRequest, SubscribeRequestParams, SubscriptionFilter, Tool,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast};

const NOTE: &str = "note://tea";

/// The server; all connections have one.
#[derive(Clone)]
pub(crate) struct Waiter {
    given_up: Arc<Notify>,
    touched: broadcast::Sender<()>,
    /// One for each subscription that is accepted and not yet served. They are made before it is acknowledged, which
    /// the SDK does before it calls `listen`: a client may touch the note in between.
    accepted: Arc<Mutex<VecDeque<broadcast::Receiver<()>>>>,
}

impl Default for Waiter {
    fn default() -> Self {
        Self { given_up: Arc::default(), touched: broadcast::Sender::new(1), accepted: Arc::default() }
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("it is one")
}

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn is_legacy(context: &RequestContext<RoleServer>) -> bool {
    context.peer.peer_info().is_some_and(|client| client.protocol_version < ProtocolVersion::V_2026_07_28)
}

/// What is asked, or, without arguments, what a model with a tool is asked.
fn question(request: &CallToolRequestParams) -> CreateMessageRequestParams {
    let question = request.arguments.as_ref().and_then(|it| it.get("question")?.as_str());
    let messages = vec![SamplingMessage::user_text(question.unwrap_or("tea"))];
    let params = CreateMessageRequestParams::new(messages, 10);
    if question.is_some() {
        return params;
    }
    let schema = json!({ "type": "object", "properties": { "query": { "type": "string" } } });
    params.with_tools(vec![Tool::new("search", "Search", schema.as_object().cloned().expect("an object"))])
}

fn form() -> ElicitRequestParams {
    let schema = json!({ "type": "object", "properties": { "size": { "type": "integer" } }, "required": ["size"] });
    read(json!({ "mode": "form", "message": "Which size?", "requestedSchema": schema }))
}

async fn progress(context: &RequestContext<RoleServer>, progress: f64) {
    if let Some(token) = context.meta.get_progress_token() {
        context.peer.notify_progress(ProgressNotificationParam::new(token, progress)).await.expect("it is told");
    }
}

/// Asks in the newer era.
fn asks(request: InputRequest) -> CallToolResponse {
    let mut requests = InputRequests::new();
    requests.insert("it".to_owned(), request);
    InputRequiredResult::new(Some(requests), Some("the state".to_owned())).into()
}

impl Waiter {
    async fn ask(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> CallToolResponse {
        let answer = if is_legacy(&context) {
            json!(context.peer.create_message(question(&request)).await.expect("an answer"))
        } else if let Some(answers) = request.input_responses {
            json!(answers)["it"].clone()
        } else {
            let question = rmcp::model::CreateMessageRequest::new(question(&request));
            return asks(InputRequest::CreateMessage(question));
        };
        let block = if answer["content"].is_array() { &answer["content"][0] } else { &answer["content"] };
        match (block["text"].as_str(), block["name"].as_str(), block["input"]["query"].as_str()) {
            (Some(said), ..) => text(said).into(),
            (_, Some(tool), Some(query)) => text(format!("{tool} {query}")).into(),
            _ => panic!("{answer}"),
        }
    }

    async fn order(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> CallToolResponse {
        let answer = if is_legacy(&context) {
            let request = ServerRequest::ElicitRequest(ElicitRequest::new(form()));
            json!(context.peer.send_request(request).await.expect("an answer"))
        } else if let Some(answers) = request.input_responses {
            json!(answers)["it"].clone()
        } else {
            return asks(InputRequest::Elicitation(ElicitRequest::new(form())));
        };
        text(answer["content"]["size"].to_string()).into()
    }
}

impl ServerHandler for Waiter {
    fn get_info(&self) -> ServerConfig {
        let capabilities = read(json!({ "tools": {}, "prompts": {}, "resources": { "subscribe": true } }));
        ServerConfig::new(capabilities).with_instructions("Ask.")
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = ["add", "ask", "shop", "order", "report", "linger", "dropped", "touch", "broken"].map(|name| {
            let schema = json!({ "type": "object" }).as_object().cloned().expect("an object");
            Tool::new(name, name, schema)
        });
        Ok(ListToolsResult::with_all_items(tools.into()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let result = match &*request.name {
            "ask" | "shop" => return Ok(self.ask(request, context).await),
            "order" => return Ok(self.order(request, context).await),
            "add" => {
                let numbers = request.arguments.unwrap_or_default();
                let number = |name: &str| numbers[name].as_i64().expect("a number");
                text((number("a") + number("b")).to_string())
            }
            "report" => {
                progress(&context, 1.0).await;
                progress(&context, 2.0).await;
                text("reported")
            }
            "linger" => {
                progress(&context, 1.0).await;
                context.ct.cancelled().await;
                self.given_up.notify_one();
                text("given up")
            }
            "dropped" => {
                self.given_up.notified().await;
                text("true")
            }
            "touch" => {
                if is_legacy(&context) {
                    let update = ResourceUpdatedNotificationParam::new(NOTE);
                    context.peer.notify_resource_updated(update).await.expect("it is told");
                } else {
                    self.touched.send(()).expect("somebody listens");
                }
                text("touched")
            }
            _ => CallToolResult::error(vec![ContentBlock::text("the shelf fell")]),
        };
        Ok(result.into())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match &*request.uri {
            NOTE => {
                let contents = json!([{ "uri": NOTE, "text": "about tea" }]);
                Ok(read::<rmcp::model::ReadResourceResult>(json!({ "contents": contents })).into())
            }
            _ => Err(ErrorData::resource_not_found("there is no such note", None)),
        }
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let name = request.arguments.unwrap_or_default()["name"].as_str().expect("a name").to_owned();
        let content = json!({ "type": "text", "text": format!("Greet {name}") });
        let messages = json!([{ "role": "user", "content": content }]);
        Ok(read::<rmcp::model::GetPromptResult>(json!({ "messages": messages })).into())
    }

    fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> {
        std::future::ready(Ok(()))
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.accepted.lock().expect("it is whole").push_back(self.touched.subscribe());
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut touched = self.accepted.lock().expect("it is whole").pop_front().expect("it was accepted");
        loop {
            tokio::select! {
                _ = context.cancelled() => return Ok(()),
                _ = touched.recv() => context.sink().notify_resource_updated(NOTE).await.expect("it is told"),
            }
        }
    }
}
