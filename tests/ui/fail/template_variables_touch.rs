use mcp_runtime::prelude::*;

#[resource("user://{first}{last}")]
fn user(first: &str, last: &str) -> String {
    format!("{first} {last}")
}

fn main() {}
