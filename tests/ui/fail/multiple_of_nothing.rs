use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(multiple_of = 0)] _it: u8) {}

fn main() {}
