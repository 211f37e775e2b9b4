//! A server that has something of everything, for clients of other makers.

use std::time::Duration;

use mcp_runtime::http::HeaderMap;
use mcp_runtime::prelude::*;
use mcp_runtime::{DynPrompt, Resource, ServerHandle};

use crate::library::{manual, readme, review, user};
use crate::{Effects, Guard, changing, shop};

/// Offer one more tool, prompt and resource, called after this.
#[tool]
pub fn grow(name: String, handle: State<ServerHandle>) -> Result<()> {
    handle.add_tools(DynTool::new(&*name, serde_json::json!({ "type": "object" }), |_, _| async { "here" }))?;
    handle.add_prompts(DynPrompt::new(&*name, |_, _| async { "here" }))?;
    handle.add_resources(Resource::text(format!("grown://{name}"), "here"))?;
    Ok(())
}

/// Let go of the connection, and go on when the client has come back, or would have.
#[tool]
pub async fn leave(ctx: Context) -> &'static str {
    ctx.info("before").await;
    ctx.close_stream();
    tokio::time::sleep(Duration::from_millis(50)).await;
    ctx.info("after").await;
    "came back"
}

/// What makes the way to the server break.
pub const CUT: &str = "cut here";

/// Have the connection break, and go on.
#[tool]
pub async fn stay(ctx: Context) -> &'static str {
    ctx.info(CUT).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    ctx.info("after").await;
    "still here"
}

/// Where it is; clients over HTTP say that in a header, too.
#[tool]
pub fn locate(#[arg(header = "Region")] region: &str) -> &str {
    region
}

/// Say that it has begun, and never end.
#[tool]
pub async fn linger(ctx: Context, effects: State<Effects>) -> String {
    let _guard = Guard(effects);
    ctx.report_progress(1.0).await;
    std::future::pending().await
}

/// The session that this is called in; no text where there is none.
#[tool]
pub fn session(headers: Extension<HeaderMap>) -> String {
    let id = headers.get("mcp-session-id").and_then(|id| id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

/// The server.
pub fn server() -> Server {
    let server = crate::server(std::sync::Arc::default())
        .tools(shop::tools())
        .tools(tools![changing::touch, grow, leave, linger, locate, session, stay])
        .resources(resources![readme, user, manual])
        .prompts(prompts![review]);
    let handle = server.handle();
    server.state(handle)
}
