use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(range = 1..=100)] _it: String) {}

fn main() {}
