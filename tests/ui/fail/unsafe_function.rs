use mcp_runtime::prelude::*;

#[tool]
unsafe fn poke(address: u64) -> u64 {
    address
}

fn main() {}
