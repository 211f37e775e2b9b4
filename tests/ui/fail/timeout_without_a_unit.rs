use mcp_runtime::prelude::*;

#[tool(timeout = "5")]
async fn set() {}

fn main() {}
