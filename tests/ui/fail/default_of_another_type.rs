use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(default = 10)] _it: String) {}

fn main() {}
