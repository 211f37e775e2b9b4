use mcp_runtime::prelude::*;

struct Catalog;

#[tool]
impl Catalog {
    #[tool(nmae = "x")]
    fn rename<T>(&self, #[arg(range = 1..)] _name: String) {}

    #[tool(glue = Clear)]
    fn clear(&self, _all: &mut bool) {}
}

fn main() {
    let _ = std::sync::Arc::new(Catalog).tools();
}
