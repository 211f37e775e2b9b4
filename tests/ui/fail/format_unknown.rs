use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(format = "phone")] _it: String) {}

fn main() {}
