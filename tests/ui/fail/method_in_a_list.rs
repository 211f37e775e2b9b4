use mcp_runtime::prelude::*;

struct Catalog;

#[tool]
impl Catalog {
    /// Rename a product.
    #[tool]
    fn rename(&self) {}
}

fn main() {
    let _ = tools![Catalog::rename];
}
