use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(one_of = ["small", "large"])] _it: u8) {}

fn main() {}
