use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(name = "db")] _it: State<u8>) {}

fn main() {}
