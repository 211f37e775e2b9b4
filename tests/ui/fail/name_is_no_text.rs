use mcp_runtime::prelude::*;

#[tool(name = set_it)]
fn set() {}

fn main() {}
