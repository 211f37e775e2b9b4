use mcp_runtime::prelude::*;

#[resource("user://{id}")]
fn user(id: u32, language: String, _ctx: &Context) -> String {
    format!("{id} {language}")
}

fn main() {}
