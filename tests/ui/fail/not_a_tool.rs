use mcp_runtime::prelude::*;

struct Ping {}

fn server() -> Server {
    Server::new("x").tools(tools![Ping])
}

fn main() {}
