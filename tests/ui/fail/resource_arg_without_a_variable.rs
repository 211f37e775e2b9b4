use mcp_runtime::prelude::*;

#[resource("user://{id}")]
fn user(id: u32, #[arg(default = 10)] limit: u32) -> String {
    format!("{id} {limit}")
}

fn main() {}
