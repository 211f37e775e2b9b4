use mcp_runtime::prelude::*;

/// Count.
#[tool]
fn count(#[arg(exclusive_minimum = 10, exclusive_maximum = 5)] number: u8) -> u8 {
    number
}

fn main() {}
