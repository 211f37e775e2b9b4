use mcp_runtime::prelude::*;

#[tool]
fn set(it: ) -> u8 {
    1
}

fn other() -> u8 {
    2
}

fn main() {}
