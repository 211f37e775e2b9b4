use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(name = "")] _it: u8) {}

fn main() {}
