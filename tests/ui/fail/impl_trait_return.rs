use mcp_runtime::prelude::*;

#[tool]
fn count() -> impl std::fmt::Display {
    1
}

fn main() {}
