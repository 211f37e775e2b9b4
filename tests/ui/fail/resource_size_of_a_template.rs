use mcp_runtime::prelude::*;

#[resource("user://{id}", size = 10)]
fn user(id: u32) -> String {
    id.to_string()
}

fn main() {}
