use mcp_runtime::prelude::*;

#[tool]
fn join(texts: Vec<(u8, &str)>) -> u32 {
    texts.len() as u32
}

fn main() {}
