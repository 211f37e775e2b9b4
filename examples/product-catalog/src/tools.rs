//! What the catalog offers to models.

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use crate::catalog::{Catalog, Product};

/// Products of the catalog.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Products {
    /// Those that were found, the oldest first.
    products: Vec<Product>,
}

/// Add two integers.
#[tool(annotations(read_only))]
pub fn add(
    /// The first summand.
    a: i64,
    /// The second summand.
    b: i64,
) -> Result<i64> {
    a.checked_add(b).ok_or_else(|| ToolError::new("the sum does not fit into 64 bits"))
}

/// Create a product and let the client's model describe it.
#[tool]
pub async fn create_product(
    /// Name of the product.
    #[arg(length = 1..=200, examples = ["Pencil"])]
    product_name: String,
    /// What the description is about, comma separated.
    keywords: String,
    ctx: Context,
    catalog: State<Catalog>,
) -> Result<Json<Product>> {
    let description =
        ctx.sample(format!("Create a product description about {keywords}")).max_tokens(100).await?.text()?.to_owned();
    Ok(Json(catalog.insert(product_name, description)?))
}

/// List the products of the catalog.
#[tool(annotations(read_only))]
pub fn list_products(
    /// Only products whose name or description contains this text.
    containing: Option<&str>,
    /// At most so many.
    #[arg(default = 20, range = 1..=100)]
    limit: u32,
    catalog: State<Catalog>,
) -> Result<Json<Products>> {
    Ok(Json(Products { products: catalog.find(containing.unwrap_or_default(), limit)? }))
}
