use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(deprecated = "use another")] _it: u8) {}

fn main() {}
