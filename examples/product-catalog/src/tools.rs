//! What the catalog offers to models and to people.

use mcp_runtime::Requester;
use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Product};

/// Products of the catalog.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Products {
    /// Those that were found, the oldest first.
    products: Vec<Product>,
}

/// How descriptions are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// As structured data.
    pub typed: bool,
}

/// What a model is asked for then.
#[derive(Debug, Deserialize, JsonSchema)]
struct Copy {
    /// One or two sentences for the catalog, without the name.
    #[schemars(length(min = 1, max = 500))]
    description: String,
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
    style: State<Style>,
) -> Result<Json<Product>> {
    let question = ctx.sample(format!("Create a product description about {keywords}")).max_tokens(100);
    let description = match style.typed {
        true => question.json::<Copy>().await?.description,
        false => question.await?.text()?.to_owned(),
    };
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

/// Suggest keywords for a product, like those that the catalog has.
#[tool(annotations(read_only), visible = model_uses_tools)]
pub async fn suggest_keywords(
    /// Name of the product.
    product_name: String,
    ctx: Context,
) -> Result<Vec<String>> {
    let prompt =
        format!("Suggest five keywords for the description of {product_name}. Look at similar products first.");
    Ok(ctx.sample(prompt).tools(tools![list_products]).json().await?)
}

/// Others cannot be asked this.
fn model_uses_tools(requester: &Requester) -> bool {
    requester.client_capabilities().sampling.as_ref().is_some_and(|sampling| sampling.tools.is_some())
}

/// What an id may be.
fn product_ids(_asked: &Completing, catalog: State<Catalog>) -> Result<Vec<String>> {
    Ok(catalog.find("", 1_000)?.into_iter().map(|product| product.id).collect())
}

/// A product of the catalog.
#[resource("product://{id}")]
pub fn product(#[arg(complete = product_ids)] id: &str, catalog: State<Catalog>) -> Result<Option<Json<Product>>> {
    Ok(catalog.get(id)?.map(Json))
}

/// Write an advertisement for a product.
#[prompt]
pub fn advertise(
    /// The id of the product.
    #[arg(complete = product_ids)]
    id: &str,
    /// How many sentences it may have.
    #[arg(default = 3, range = 1..=10)]
    sentences: u8,
    catalog: State<Catalog>,
) -> Result<String> {
    let Product { name, description, .. } =
        catalog.get(id)?.ok_or_else(|| ToolError::new("there is no such product"))?;
    Ok(format!("Advertise this product in at most {sentences} sentences: {name}. {description}"))
}
