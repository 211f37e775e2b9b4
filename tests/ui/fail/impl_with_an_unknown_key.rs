use mcp_runtime::prelude::*;

struct Catalog;

#[tool(name = "catalog")]
impl Catalog {
    #[tool]
    fn count(&self) -> u32 {
        0
    }
}

fn main() {}
