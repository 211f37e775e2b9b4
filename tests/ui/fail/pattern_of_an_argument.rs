use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Point {
    x: i32,
    y: i32,
}

#[tool]
fn set(Point { x, y }: Point) -> i32 {
    x + y
}

fn main() {}
