use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(pattern = "^a$")] _it: Vec<String>) {}

fn main() {}
