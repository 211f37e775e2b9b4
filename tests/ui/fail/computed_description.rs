use mcp_runtime::prelude::*;

#[doc = include_str!("missing_comma.rs")]
#[tool]
fn ping() {}

fn main() {}
