use mcp_runtime::prelude::*;

#[prompt]
fn review(#[arg(complete)] language: &str) -> String {
    language.to_owned()
}

fn main() {}
