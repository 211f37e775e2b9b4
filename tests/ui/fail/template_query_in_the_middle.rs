use mcp_runtime::prelude::*;

#[resource("search://{?text}/results")]
fn search(text: &str) -> String {
    text.to_owned()
}

fn main() {}
