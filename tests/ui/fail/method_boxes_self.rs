use mcp_runtime::prelude::*;

struct Catalog;

#[tool]
impl Catalog {
    /// Close it.
    #[tool]
    fn close(self: Box<Self>) {}
}

fn main() {
    let _ = tools![].and(std::sync::Arc::new(Catalog).tools());
}
