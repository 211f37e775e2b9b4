use mcp_runtime::prelude::*;

/// Count.
#[tool]
fn count(#[arg(range = 0..=999999999999999999999999999999999999999999)] number: u128) -> u128 {
    number
}

fn main() {}
