use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(length = -1..)] _it: String) {}

fn main() {}
