use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(pattern = "[a-z")] _it: String) {}

fn main() {}
