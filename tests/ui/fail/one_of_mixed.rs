use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(one_of = ["small", 2])] _it: String) {}

fn main() {}
