use mcp_runtime::prelude::*;

#[resource("docs://readme", annotations(priority = 2))]
fn readme() -> String {
    String::new()
}

fn main() {}
