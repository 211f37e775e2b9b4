use mcp_runtime::prelude::*;

#[tool(resume = "never")]
async fn set() {}

fn main() {}
