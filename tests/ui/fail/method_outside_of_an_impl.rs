use mcp_runtime::prelude::*;

struct Catalog;

impl Catalog {
    #[tool]
    fn count(&self) -> u32 {
        0
    }
}

fn main() {}
