use mcp_runtime::prelude::*;

#[derive(schemars::JsonSchema)]
struct Product {
    name: String,
}

#[tool]
fn create(product: Product) -> String {
    product.name
}

fn main() {}
