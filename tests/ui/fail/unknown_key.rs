use mcp_runtime::prelude::*;

#[tool(retries = 3)]
fn ping() {}

fn main() {}
