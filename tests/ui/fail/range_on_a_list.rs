use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(range = 1..)] _it: Vec<u8>) {}

fn main() {}
