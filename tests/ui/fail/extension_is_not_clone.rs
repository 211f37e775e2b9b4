use mcp_runtime::prelude::*;

struct User;

#[tool]
fn set(_user: Extension<User>) {}

fn main() {}
