use mcp_runtime::prelude::*;

fn is_admin(name: &str) -> bool {
    name == "ada"
}

#[tool(visible = is_admin)]
fn set() {}

fn main() {}
