use mcp_runtime::prelude::*;

#[resource("user://{usr_id}")]
fn user(user_id: &str) -> String {
    user_id.to_owned()
}

fn main() {}
