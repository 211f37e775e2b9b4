use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(desciption = "A number.")] _it: u8) {}

fn main() {}
