use mcp_runtime::prelude::*;

#[tool]
fn set(_it: u8);

fn main() {}
