use mcp_runtime::prelude::*;

#[prompt]
fn review<T: ToString>(code: T) -> String {
    code.to_string()
}

fn main() {}
