use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(header = "Ratio")] _it: f64) {}

fn main() {}
