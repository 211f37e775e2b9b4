use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(default = "ABC", pattern = "^[a-z]+$")] _it: String) {}

fn main() {}
