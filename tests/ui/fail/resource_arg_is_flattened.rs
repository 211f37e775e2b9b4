use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Paging {
    page: u32,
}

#[resource("users://all")]
fn users(#[arg(flatten)] paging: Paging) -> String {
    paging.page.to_string()
}

fn main() {}
