use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(range = 0.5..=1.5)] _it: i64) {}

fn main() {}
