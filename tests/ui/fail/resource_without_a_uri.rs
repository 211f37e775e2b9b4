use mcp_runtime::prelude::*;

#[resource]
fn readme() -> String {
    String::new()
}

fn main() {}
