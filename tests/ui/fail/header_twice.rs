use mcp_runtime::prelude::*;

#[tool]
fn set(#[arg(header = "Region")] _from: String, #[arg(header = "region")] _to: String) {}

fn main() {}
