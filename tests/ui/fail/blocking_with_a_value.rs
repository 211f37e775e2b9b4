use mcp_runtime::prelude::*;

#[tool(blocking = true)]
fn ping() {}

fn main() {}
