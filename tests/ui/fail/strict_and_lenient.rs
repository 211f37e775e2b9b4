use mcp_runtime::prelude::*;

#[tool(strict, lenient)]
fn set(_it: u8) {}

fn main() {}
