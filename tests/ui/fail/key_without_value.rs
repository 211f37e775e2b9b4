use mcp_runtime::prelude::*;

#[tool(title)]
fn ping() {}

fn main() {}
