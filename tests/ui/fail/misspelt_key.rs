use mcp_runtime::prelude::*;

#[tool(tilte = "Ping")]
fn ping() {}

fn main() {}
