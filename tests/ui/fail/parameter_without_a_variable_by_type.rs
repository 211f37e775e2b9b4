use mcp_runtime::prelude::*;

type Language = String;

#[resource("user://{id}")]
fn user(id: u32, language: Language, _ctx: &Context) -> String {
    format!("{id} {language}")
}

fn main() {}
