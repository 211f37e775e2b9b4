//! A scope is one word, and each is given once.

use mcp_runtime::prelude::*;

/// Change the catalog.
#[tool(scopes("catalog write", "", "admin", "admin", 7))]
fn change() {}

/// Read the catalog.
#[tool(scopes("catalog read", "", "admin", "admin"))]
fn read() {}

/// Remove a product.
#[tool(scope("admin"))]
fn remove() {}

fn main() {}
