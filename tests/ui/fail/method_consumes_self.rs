use mcp_runtime::prelude::*;

struct Catalog;

#[tool]
impl Catalog {
    #[tool]
    fn close(self) {}
}

fn main() {}
