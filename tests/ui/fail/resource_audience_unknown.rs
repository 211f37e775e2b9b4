use mcp_runtime::prelude::*;

#[resource("docs://readme", annotations(audience = ["user", "everyone"]))]
fn readme() -> String {
    String::new()
}

fn main() {}
