use mcp_runtime::prelude::*;

struct Product;

#[tool]
fn set() -> (String, Product) {
    (String::new(), Product)
}

fn main() {}
