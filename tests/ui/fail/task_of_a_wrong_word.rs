use mcp_runtime::prelude::*;

#[tool(task = "5s")]
async fn work() {}

fn main() {}
