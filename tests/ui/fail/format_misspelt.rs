use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(format = "datetime")] _it: String) {}

fn main() {}
