//! Scopes stand in parentheses.

use mcp_runtime::prelude::*;

/// Change the catalog.
#[tool(scopes = ["catalog:write"])]
fn change() {}

/// Remove a product.
#[tool(scopes())]
fn remove() {}

fn main() {}
