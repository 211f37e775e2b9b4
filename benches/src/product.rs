//! The tool that asks its client, and the messages that call it.

use mcp_runtime::prelude::{Context, Server, tool, tools};

/// Create a product and let the client's model describe it.
#[tool]
pub(crate) async fn create_product(
    product_name: String,
    keywords: String,
    ctx: Context,
) -> mcp_runtime::prelude::Result<String> {
    let answer = ctx.sample(format!("Create a product description about {keywords}")).max_tokens(100).await?;
    Ok(format!("{product_name}: {}", answer.text()?))
}

pub(crate) fn server() -> Server {
    Server::new("bench").version("1.0.0").tools(tools![create_product])
}

pub(crate) const META: &str = concat!(
    r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#,
    r#""io.modelcontextprotocol/clientCapabilities":{"sampling":{}}}"#
);
pub(crate) const CALL: &str = concat!(
    r#""method":"tools/call","params":{"name":"create_product","#,
    r#""arguments":{"product_name":"Test Product","keywords":"key-1, key-2"}"#
);

/// The first message of a modern call.
pub(crate) fn modern_call(id: u64) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{CALL},{META}}}}}\n")
}
