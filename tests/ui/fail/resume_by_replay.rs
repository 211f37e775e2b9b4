use mcp_runtime::prelude::*;

#[tool(resume = "replay")]
async fn set() {}

fn main() {}
