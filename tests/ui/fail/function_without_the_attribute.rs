use mcp_runtime::prelude::*;

fn ping() {}

fn server() -> Server {
    Server::new("x").tools(tools![ping])
}

fn main() {}
