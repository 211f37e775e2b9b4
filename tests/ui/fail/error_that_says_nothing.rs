use mcp_runtime::prelude::*;

struct Failure;

#[tool]
fn set() -> Result<(), Failure> {
    Err(Failure)
}

fn main() {}
