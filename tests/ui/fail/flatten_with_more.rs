use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Paging {
    _page: u32,
}

#[tool]
fn set(#[arg(flatten, description = "Paging.")] _paging: Paging) {}

fn main() {}
