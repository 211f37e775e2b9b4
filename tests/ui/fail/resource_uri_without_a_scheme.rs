use mcp_runtime::prelude::*;

#[resource("readme")]
fn readme() -> String {
    String::new()
}

fn main() {}
