use mcp_runtime::prelude::*;

/// Choose.
#[tool]
fn choose(#[arg(one_of = ["a", "b", "a"])] choice: String, #[arg(length = ..0)] text: String) -> String {
    choice + &text
}

fn main() {}
