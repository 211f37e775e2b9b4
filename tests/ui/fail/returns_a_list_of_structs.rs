use mcp_runtime::prelude::*;

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Product {
    name: String,
}

#[tool]
async fn all() -> Vec<Product> {
    Vec::new()
}

fn main() {}
