use mcp_runtime::prelude::*;

#[tool(annotations(readonly))]
fn set() {}

fn main() {}
