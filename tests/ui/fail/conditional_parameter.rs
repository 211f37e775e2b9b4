use mcp_runtime::prelude::*;

#[tool]
fn ping(#[cfg(unix)] text: String) {}

fn main() {}
