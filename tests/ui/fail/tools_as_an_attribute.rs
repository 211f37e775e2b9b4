use mcp_runtime::prelude::*;

struct Catalog;

#[tools]
impl Catalog {
    fn count(&self) -> u32 {
        0
    }
}

fn main() {}
