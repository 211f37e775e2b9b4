use mcp_runtime::prelude::*;

#[tool(name = "")]
fn ping() {}

fn main() {}
