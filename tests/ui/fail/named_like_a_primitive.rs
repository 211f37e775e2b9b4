use mcp_runtime::prelude::*;

/// Reverse a text.
#[tool]
fn str(x: &str) -> usize {
    x.len()
}

fn main() {}
