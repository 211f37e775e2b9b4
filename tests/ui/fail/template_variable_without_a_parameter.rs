use mcp_runtime::prelude::*;

#[resource("user://{id}/posts/{post}")]
fn post(id: u32) -> String {
    id.to_string()
}

fn main() {}
