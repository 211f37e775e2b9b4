use mcp_runtime::prelude::*;

#[resource("docs://readme")]
struct Readme;

fn main() {}
