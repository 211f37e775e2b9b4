use mcp_runtime::prelude::*;

/// Count letters.
#[tool]
fn letters(text: &'static str) -> usize {
    text.len()
}

fn main() {}
