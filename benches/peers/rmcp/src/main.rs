//! A server with rmcp, the official Rust SDK: `peer-rmcp stdio|http TOOL [best]`. As its documentation builds it; `best`
//! keeps the router of its tools, reads pipes through the reactor, and answers with JSON instead of streams.
#![allow(deprecated)] // Sampling, as the specification has it since 2026-07-28.

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::{InputResponses, RequestState};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResponse, CallToolResult, ContentBlock, CreateMessageRequest, CreateMessageRequestParams,
    CreateMessageResult, ErrorData, InputRequest, InputRequests, InputRequiredResult, ProtocolVersion, SamplingMessage,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::transport::{stdio, stdio_pipes};
use rmcp::{RoleServer, ServerHandler, ServiceExt, tool, tool_handler, tool_router};

type Error = Box<dyn std::error::Error>;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Numbers {
    a: i64,
    b: i64,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Text {
    text: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Wish {
    product_name: String,
    keywords: String,
}

impl Wish {
    fn question(&self) -> CreateMessageRequestParams {
        let text = format!("Create a product description about {}", self.keywords);
        CreateMessageRequestParams::new(vec![SamplingMessage::user_text(text)], 100)
    }

    fn product(&self, answer: CreateMessageResult) -> CallToolResponse {
        let blocks = answer.message.content.into_vec();
        let text = blocks.first().and_then(|block| block.as_text()).map(|text| &*text.text).unwrap_or_default();
        CallToolResult::success(vec![ContentBlock::text(format!("{}: {text}", self.product_name))]).into()
    }

    /// In the older era the client is asked meanwhile, in the newer one it calls again.
    async fn create(
        self,
        state: Option<String>,
        answers: Option<rmcp::model::InputResponses>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let client = context.peer.peer_info();
        if client.is_some_and(|client| client.protocol_version < ProtocolVersion::V_2026_07_28) {
            let answer = context.peer.create_message(self.question()).await;
            return Ok(self.product(answer.map_err(|error| ErrorData::internal_error(error.to_string(), None))?));
        }
        if let (Some(_), Some(answers)) = (state, answers) {
            let answer = serde_json::to_value(&answers["description"]).and_then(serde_json::from_value);
            return Ok(self.product(answer.map_err(|error| ErrorData::invalid_params(error.to_string(), None))?));
        }
        let question = InputRequest::CreateMessage(CreateMessageRequest::new(self.question()));
        let questions = InputRequests::from_iter([("description".to_owned(), question)]);
        Ok(InputRequiredResult::new(Some(questions), Some("asked".to_owned())).into())
    }
}

#[derive(Clone)]
struct Documented;

#[tool_router]
impl Documented {
    /// Add two integers.
    #[tool]
    async fn add(&self, Parameters(Numbers { a, b }): Parameters<Numbers>) -> String {
        (a + b).to_string()
    }

    /// Say it again.
    #[tool]
    async fn echo(&self, Parameters(Text { text }): Parameters<Text>) -> String {
        text
    }

    /// Create a product and let the client's model describe it.
    #[tool]
    async fn create_product(
        &self,
        Parameters(wish): Parameters<Wish>,
        RequestState(state): RequestState,
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        wish.create(state, answers, context).await
    }
}

#[tool_handler]
impl ServerHandler for Documented {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[derive(Clone)]
struct Best {
    tool_router: ToolRouter<Self>,
}

#[tool_router]
impl Best {
    /// Add two integers.
    #[tool]
    async fn add(&self, Parameters(Numbers { a, b }): Parameters<Numbers>) -> String {
        (a + b).to_string()
    }

    /// Say it again.
    #[tool]
    async fn echo(&self, Parameters(Text { text }): Parameters<Text>) -> String {
        text
    }

    /// Create a product and let the client's model describe it.
    #[tool]
    async fn create_product(
        &self,
        Parameters(wish): Parameters<Wish>,
        RequestState(state): RequestState,
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        wish.create(state, answers, context).await
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Best {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

async fn over_http<H: ServerHandler + Clone + Sync>(
    handler: H,
    settings: StreamableHttpServerConfig,
) -> Result<(), Error> {
    let service =
        StreamableHttpService::new(move || Ok(handler.clone()), LocalSessionManager::default().into(), settings);
    let router = axum::Router::new().nest_service("/mcp", service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/mcp", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let best = || Best { tool_router: Best::tool_router() };
    let settings = StreamableHttpServerConfig::default();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["stdio", _] => _ = Documented.serve(stdio()).await?.waiting().await?,
        ["stdio", _, "best"] => _ = best().serve(stdio_pipes()).await?.waiting().await?,
        ["http", _] => over_http(Documented, settings).await?,
        // Questions need a session.
        ["http", "create_product", "best"] => over_http(best(), settings).await?,
        ["http", _, "best"] => {
            over_http(best(), settings.with_legacy_session_mode(false).with_json_response(true)).await?
        }
        _ => return Err("usage: peer-rmcp stdio|http TOOL [best]".into()),
    }
    Ok(())
}
