use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(header = "Tags")] _it: Vec<String>) {}

fn main() {}
