use mcp_runtime::prelude::*;

#[tool(name = 7)]
fn ping() {}

fn main() {}
