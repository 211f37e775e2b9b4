use mcp_runtime::prelude::*;

#[tool]
fn größe() -> u32 {
    0
}

fn main() {}
