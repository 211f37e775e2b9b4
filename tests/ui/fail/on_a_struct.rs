use mcp_runtime::prelude::*;

#[tool]
struct Catalog;

fn main() {}
