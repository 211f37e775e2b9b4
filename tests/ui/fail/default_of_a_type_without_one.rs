use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
enum Size {
    Small,
}

#[tool]
fn set(#[arg(default)] _it: Size) {}

fn main() {}
