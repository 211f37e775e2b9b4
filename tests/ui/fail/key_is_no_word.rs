use mcp_runtime::prelude::*;

#[tool("ping")]
fn ping() {}

fn main() {}
