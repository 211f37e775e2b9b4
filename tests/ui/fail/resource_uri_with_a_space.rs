use mcp_runtime::prelude::*;

#[resource("docs://read me")]
fn readme() -> String {
    String::new()
}

fn main() {}
