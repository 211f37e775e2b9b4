use mcp_runtime::prelude::*;

#[derive(serde::Deserialize)]
struct Product {
    name: String,
}

#[tool]
fn create(product: Product) -> String {
    product.name
}

fn main() {}
