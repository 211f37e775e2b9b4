use mcp_runtime::Completing;
use mcp_runtime::prelude::*;

fn languages(_asked: &Completing) -> [&'static str; 2] {
    ["python", "rust"]
}

#[tool]
fn review(#[arg(complete = languages)] language: &str) -> String {
    language.to_owned()
}

fn main() {
    let _ = tools![review];
}
