use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(pattern = "(?i)^abc$")] _it: String) {}

fn main() {}
