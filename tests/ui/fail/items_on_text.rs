use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(items = 1..)] _it: &str) {}

fn main() {}
