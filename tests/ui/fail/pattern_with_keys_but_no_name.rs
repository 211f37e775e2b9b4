use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(default)] (x, y): (i32, i32)) -> i32 {
    x + y
}

fn main() {}
