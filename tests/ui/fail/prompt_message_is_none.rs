use mcp_runtime::prelude::*;

#[prompt]
fn count() -> (String, u32) {
    (String::new(), 1)
}

fn main() {}
