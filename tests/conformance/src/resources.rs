//! Resources.

use mcp_runtime::prelude::*;
use mcp_runtime::{Resource, Resources};
use serde_json::json;

use crate::PNG;

/// A text.
#[resource("test://static-text", mime = "text/plain")]
pub fn static_text() -> &'static str {
    "This is the content of the static text resource."
}

/// Data about something.
#[resource("test://template/{id}/data", mime = "application/json")]
pub fn template(id: &str) -> String {
    json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") }).to_string()
}

/// Something to be subscribed to.
#[resource("test://watched-resource", mime = "text/plain")]
pub fn watched_resource() -> &'static str {
    "Watched resource content"
}

/// All of them.
#[must_use]
pub fn all() -> Resources {
    let image = Resource::bytes("test://static-binary", PNG).mime_type("image/png").description("One pixel.");
    resources![static_text, template, watched_resource].and(image)
}
