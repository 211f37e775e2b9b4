use mcp_runtime::prelude::*;

#[tool(name = "ping" title = "Ping")]
fn ping() {}

fn main() {}
