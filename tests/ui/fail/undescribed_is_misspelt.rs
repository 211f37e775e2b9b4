use mcp_runtime::prelude::*;

#[tool(undescribed = "forbid")]
fn set() {}

fn main() {}
