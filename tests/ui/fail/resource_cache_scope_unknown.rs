use mcp_runtime::prelude::*;

#[resource("docs://readme", cache_scope = "shared")]
fn readme() -> String {
    String::new()
}

fn main() {}
