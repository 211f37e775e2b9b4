use mcp_runtime::prelude::*;

struct Catalog;

trait Counts {
    fn count(&self) -> u32;
}

#[tool]
impl Counts for Catalog {
    #[tool]
    fn count(&self) -> u32 {
        0
    }
}

fn main() {}
