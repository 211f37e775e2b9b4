use mcp_runtime::prelude::*;

#[resource("files://{path*}")]
fn file(path: &str) -> String {
    path.to_owned()
}

fn main() {}
