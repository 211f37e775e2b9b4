use mcp_runtime::prelude::*;

#[resource(5)]
fn readme() -> String {
    String::new()
}

fn main() {}
