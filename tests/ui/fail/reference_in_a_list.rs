use mcp_runtime::prelude::*;

#[tool]
fn join(texts: Vec<&str>) -> String {
    texts.join(" ")
}

fn main() {}
