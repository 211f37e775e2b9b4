use mcp_runtime::prelude::*;

struct Catalog;

#[tool]
impl Catalog {
    #[tool]
    fn clear(&mut self) {}
}

fn main() {}
