use mcp_runtime::prelude::*;

#[prompt]
fn review(#[arg(completer = ["python", "rust"])] language: &str) -> String {
    language.to_owned()
}

fn main() {}
