use mcp_runtime::prelude::*;

#[derive(schemars::JsonSchema)]
struct Product {
    name: String,
}

#[tool]
fn create(name: String) -> Json<Product> {
    Json(Product { name })
}

fn main() {}
