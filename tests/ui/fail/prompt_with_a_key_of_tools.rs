use mcp_runtime::prelude::*;

#[prompt(task)]
async fn review() -> String {
    String::new()
}

fn main() {}
