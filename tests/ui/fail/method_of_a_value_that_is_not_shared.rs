use mcp_runtime::prelude::*;
use std::cell::RefCell;

struct Catalog {
    names: RefCell<Vec<String>>,
}

#[tool]
impl Catalog {
    #[tool]
    fn count(&self) -> usize {
        self.names.borrow().len()
    }
}

fn main() {}
