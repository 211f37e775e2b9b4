use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(one_of = [])] _it: String) {}

fn main() {}
