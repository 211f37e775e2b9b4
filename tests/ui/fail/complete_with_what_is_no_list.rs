use mcp_runtime::Completing;
use mcp_runtime::prelude::*;

fn languages(_asked: &Completing) -> u32 {
    2
}

#[prompt]
fn review(#[arg(complete = languages)] language: &str) -> String {
    language.to_owned()
}

fn main() {}
