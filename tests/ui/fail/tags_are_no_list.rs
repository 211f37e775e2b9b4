use mcp_runtime::prelude::*;

#[tool(tags = "beta")]
fn one() {}

#[prompt(tag = "beta")]
fn misspelt() -> &'static str {
    ""
}

#[resource("a:b", tags = [1])]
fn numbers() -> &'static str {
    ""
}

fn main() {}
