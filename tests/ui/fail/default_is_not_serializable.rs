use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
enum Size {
    Small,
}

#[tool]
fn set(#[arg(default = Size::Small)] _it: Size) {}

fn main() {}
