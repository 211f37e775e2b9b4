use mcp_runtime::Completing;
use mcp_runtime::prelude::*;

async fn languages(_asked: Completing, _ctx: Context) -> Vec<String> {
    Vec::new()
}

#[prompt]
fn review(#[arg(complete = languages)] language: &str) -> String {
    language.to_owned()
}

fn main() {}
