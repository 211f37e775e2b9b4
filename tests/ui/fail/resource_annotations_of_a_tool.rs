use mcp_runtime::prelude::*;

#[resource("docs://readme", annotations(read_only))]
fn readme() -> String {
    String::new()
}

fn main() {}
