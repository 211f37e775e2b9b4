use mcp_runtime::prelude::*;

struct Catalog;

#[tool]
impl Catalog {
    /// Rename a product.
    #[tool]
    #[tool]
    fn rename(&self) {}
}

fn main() {}
