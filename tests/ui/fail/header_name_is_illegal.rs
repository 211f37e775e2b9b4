use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(header = "My Region")] _it: String) {}

fn main() {}
