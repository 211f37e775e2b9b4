use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(range = 5)] _it: u8) {}

fn main() {}
