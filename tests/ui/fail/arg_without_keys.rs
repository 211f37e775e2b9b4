use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg] _it: u8) {}

fn main() {}
