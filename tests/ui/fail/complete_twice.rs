use mcp_runtime::prelude::*;

#[prompt]
fn review(#[arg(complete = ["python", "rust"], complete = ["go"])] language: &str) -> String {
    language.to_owned()
}

fn main() {}
