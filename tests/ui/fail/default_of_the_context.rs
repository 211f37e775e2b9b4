use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(default)] _it: Context) {}

fn main() {}
