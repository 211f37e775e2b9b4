use mcp_runtime::prelude::*;

#[tool(name = "create product")]
fn ping() {}

fn main() {}
