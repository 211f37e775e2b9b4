use mcp_runtime::prelude::*;

struct Product {
    name: String,
}

#[tool]
async fn create(name: String, product: Product, ctx: Context) -> String {
    let _ = ctx;
    name + &product.name
}

fn main() {}
