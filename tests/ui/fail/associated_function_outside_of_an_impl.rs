use mcp_runtime::prelude::*;

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Catalog;

impl Catalog {
    #[tool]
    fn open() -> Json<Self> {
        Json(Self)
    }
}

fn main() {}
