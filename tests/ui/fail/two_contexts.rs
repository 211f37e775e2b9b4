use mcp_runtime::prelude::*;

#[tool]
async fn set(_ctx: Context, _again: &Context) {}

fn main() {}
