use mcp_runtime::prelude::*;

#[tool(glue = "Ping")]
fn ping() {}

fn main() {}
