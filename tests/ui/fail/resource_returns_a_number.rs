use mcp_runtime::prelude::*;

#[resource("count://all")]
fn count() -> u32 {
    1
}

fn main() {}
