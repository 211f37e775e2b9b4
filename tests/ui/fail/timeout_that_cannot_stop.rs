use mcp_runtime::prelude::*;

#[tool(timeout = "5s")]
fn set() {}

fn main() {}
