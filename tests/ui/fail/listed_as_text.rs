use mcp_runtime::prelude::*;

#[tool]
fn set() {}

fn main() {
    let _ = Server::new("x").tools(tools!["set", set(), set]);
}
