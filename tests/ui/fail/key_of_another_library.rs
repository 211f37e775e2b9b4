use mcp_runtime::prelude::*;

#[tool(read_only)]
fn set(#[arg(min_length = 3)] _it: String, #[arg(max = 5)] _count: u8) {}

fn main() {}
