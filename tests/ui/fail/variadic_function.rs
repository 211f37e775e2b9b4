use mcp_runtime::prelude::*;

#[tool]
unsafe extern "C" fn set(_it: u8, more: ...) {}

fn main() {}
