use mcp_runtime::prelude::*;

#[tool]
fn ping(#[cfg_attr(unix, allow(unused))] text: String) {}

fn main() {}
