use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(length = 5..5)] _it: String) {}

fn main() {}
