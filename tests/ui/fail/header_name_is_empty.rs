use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(header = "")] _it: String) {}

fn main() {}
