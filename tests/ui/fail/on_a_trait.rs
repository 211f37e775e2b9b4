use mcp_runtime::prelude::*;

#[tool]
trait Catalog {
    fn count(&self) -> u32;
}

fn main() {}
