use mcp_runtime::prelude::*;

#[tool(annotations(read_only, destructive))]
fn set() {}

fn main() {}
