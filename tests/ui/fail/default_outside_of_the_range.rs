use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(default = 500, range = 1..=100)] _it: u32) {}

fn main() {}
