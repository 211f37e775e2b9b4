use mcp_runtime::prelude::*;

#[resource("user://{id}/{id}")]
fn user(id: u32) -> String {
    id.to_string()
}

fn main() {}
