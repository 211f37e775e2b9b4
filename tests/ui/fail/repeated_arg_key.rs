use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(default = 1, default = 2)] _it: u8) {}

fn main() {}
