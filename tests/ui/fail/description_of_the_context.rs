use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(description = "The call.")] _it: Context) {}

fn main() {}
