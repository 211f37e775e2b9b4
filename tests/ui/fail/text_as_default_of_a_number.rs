use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(default = "ten")] _it: u32) {}

fn main() {}
