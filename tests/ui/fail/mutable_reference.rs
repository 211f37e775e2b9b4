use mcp_runtime::prelude::*;

#[tool]
fn clear(items: &mut Vec<String>) {
    items.clear();
}

fn main() {}
