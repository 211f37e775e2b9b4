use mcp_runtime::prelude::*;

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Product {
    name: String,
}

#[tool]
fn create(name: String) -> Product {
    Product { name }
}

fn main() {}
