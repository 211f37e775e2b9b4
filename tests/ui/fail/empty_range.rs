use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(range = 100..=1)] _it: u8) {}

fn main() {}
