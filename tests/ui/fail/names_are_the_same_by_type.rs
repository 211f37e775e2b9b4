use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Product {}

#[tool]
fn set(#[arg(name = "product")] _old: u8, product: Product) {
    let Product {} = product;
}

fn main() {
    let _ = tools![set];
}
