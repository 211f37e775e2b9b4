use mcp_runtime::prelude::*;

#[prompt]
fn char() -> String {
    String::new()
}

fn main() {}
