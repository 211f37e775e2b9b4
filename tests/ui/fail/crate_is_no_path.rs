use mcp_runtime::prelude::*;

#[tool(crate = "my_runtime")]
fn set() {}

fn main() {}
