use mcp_runtime::prelude::*;
use mcp_runtime::protocol::CallToolResult;

struct Product;

#[tool(output_schema = Product)]
fn set() -> CallToolResult {
    CallToolResult::default()
}

fn main() {}
