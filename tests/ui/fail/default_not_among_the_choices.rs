use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(default = "huge", one_of = ["small", "large"])] _it: String) {}

fn main() {}
