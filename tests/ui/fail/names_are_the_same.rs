use mcp_runtime::prelude::*;

#[tool]
fn set(_id: u8, #[arg(name = "_id")] _product: u8) {}

fn main() {}
