use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(minimum = 5)] _it: u8) {}

fn main() {}
