use mcp_runtime::prelude::*;

#[resource("docs://readme", mime_type = "text/plain")]
fn readme() -> String {
    String::new()
}

fn main() {}
