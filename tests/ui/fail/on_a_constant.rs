use mcp_runtime::prelude::*;

#[tool]
const LIMIT: u8 = 1;

fn main() {}
