use mcp_runtime::prelude::*;

/// Choose.
#[tool]
fn choose(#[arg(pattern = "^[[:alpha:]]+$")] choice: String) -> String {
    choice
}

fn main() {}
