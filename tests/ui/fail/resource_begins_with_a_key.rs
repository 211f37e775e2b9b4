use mcp_runtime::prelude::*;

#[resource(name = "readme")]
fn readme() -> String {
    String::new()
}

fn main() {}
