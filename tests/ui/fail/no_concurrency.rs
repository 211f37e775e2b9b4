use mcp_runtime::prelude::*;

#[tool(concurrency = 0)]
async fn set() {}

fn main() {}
