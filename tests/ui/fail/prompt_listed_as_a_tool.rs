use mcp_runtime::prelude::*;

#[prompt]
fn review() -> String {
    String::new()
}

fn main() {
    let _ = tools![review];
}
