use mcp_runtime::prelude::*;

#[prompt]
fn review(#[arg(complete = langauges)] language: &str) -> String {
    language.to_owned()
}

fn main() {}
