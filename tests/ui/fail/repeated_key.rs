use mcp_runtime::prelude::*;

#[tool(name = "a", name = "b")]
fn ping() {}

fn main() {}
