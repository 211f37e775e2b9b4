use mcp_runtime::prelude::*;

#[tool(blocking)]
async fn ping() {}

fn main() {}
