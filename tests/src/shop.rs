//! Tools that let the client's model work: with tools of its own, and for answers of a type.

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that is sold.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// What it is called.
    pub name: String,
    /// In cents.
    #[schemars(range(min = 1))]
    pub price: u32,
}

/// Let the model invent a product.
#[tool(task)]
pub async fn invent(ctx: Context) -> Result<Json<Product>> {
    Ok(Json(ctx.sample("Invent a product.").json().await?))
}

/// Search the catalog.
#[tool]
pub fn search(
    /// What to look for.
    query: String,
) -> Vec<String> {
    vec![format!("{query} 1"), format!("{query} 2")]
}

/// Reserve something, if the user agrees.
#[tool]
pub async fn reserve(item: String, ctx: Context) -> Result<String> {
    match ctx.confirm(format!("Reserve {item}?")).await? {
        true => Ok(format!("reserved {item}")),
        false => Err(ToolError::new("the user does not want it")),
    }
}

/// Let the model shop.
#[tool(task)]
pub async fn shop(wish: String, ctx: Context) -> Result<String> {
    let answer = ctx.sample(wish).system("You shop.").tools(tools![search, reserve]).await?;
    Ok(format!("{} ({} turns)", answer.text()?, answer.turns()))
}

/// Let the model find a product.
#[tool(task)]
pub async fn find(ctx: Context) -> Result<Json<Product>> {
    Ok(Json(ctx.sample("Find a product.").tools(tools![search]).json().await?))
}

/// What a client sees of them.
#[must_use]
pub fn tools() -> mcp_runtime::Tools {
    tools![invent, shop, find]
}
