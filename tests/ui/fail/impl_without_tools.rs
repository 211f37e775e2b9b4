use mcp_runtime::prelude::*;

struct Catalog;

#[tool]
impl Catalog {
    fn count(&self) -> u32 {
        0
    }
}

fn main() {}
