use mcp_runtime::prelude::*;

#[tool(icons = 5)]
fn set() {}

fn main() {}
