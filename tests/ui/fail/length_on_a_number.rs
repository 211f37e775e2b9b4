use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(length = 1..=10)] _it: u32) {}

fn main() {}
