use mcp_runtime::prelude::*;

#[derive(serde::Deserialize)]
struct Code(String);

#[prompt]
fn review(code: Code) -> String {
    code.0
}

fn main() {}
