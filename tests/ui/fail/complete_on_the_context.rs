use mcp_runtime::prelude::*;

#[prompt]
fn review(#[arg(complete = ["a", "b"])] _ctx: Context) -> String {
    String::new()
}

fn main() {}
