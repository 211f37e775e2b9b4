use mcp_runtime::prelude::*;

#[tool(annotations)]
fn set() {}

fn main() {}
