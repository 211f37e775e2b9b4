use mcp_runtime::prelude::*;

#[tool]
const fn one() -> i64 {
    1
}

fn main() {}
