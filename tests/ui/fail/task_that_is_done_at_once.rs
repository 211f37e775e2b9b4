use mcp_runtime::prelude::*;

#[tool(task)]
fn add(a: u8, b: u8) -> u8 {
    a + b
}

fn main() {}
