use mcp_runtime::prelude::*;

#[tool]
fn set() {}

#[tool]
fn get() {}

fn main() {
    let _ = Server::new("x").tools(tools![set, get, set]);
}
