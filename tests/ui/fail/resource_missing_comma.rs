use mcp_runtime::prelude::*;

#[resource("docs://readme" mime = "text/plain")]
fn readme() -> String {
    String::new()
}

fn main() {}
