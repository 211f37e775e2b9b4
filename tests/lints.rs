//! What the macro writes is clean under every lint: `cargo clippy` looks at this file.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::shadow_unrelated)]
#![forbid(unsafe_code)]
#![expect(clippy::cargo_common_metadata, reason = "of the workspace")]

use std::sync::Arc;

use mcp_runtime::prelude::*;

/// Everything that a parameter can be.
#[tool(annotations(read_only), timeout = "5s", concurrency = 2, icons = ["https://example.com/a.png"])]
async fn parameters(
    /// Described.
    #[arg(default = 1, range = 1..=5)]
    call: u8,
    #[arg(length = 1..=5, pattern = "^x", default = "x")] details: &str,
    #[arg(one_of = [1.5])] value: Option<f64>,
    State(limit): State<u8>,
    by_value: String,
    e: u8,
    f: u8,
    g: u8,
    ctx: &Context,
) -> Result<Json<f64>> {
    tokio::task::yield_now().await;
    let _ = (details, ctx, by_value.len(), e, f, g);
    Ok(Json(f64::from(call.max(*limit)) + value.unwrap_or_default()))
}

/// Blocks.
#[tool(blocking, strict)]
fn blocks(text: String) -> String {
    text
}

/// Everything that a resource can say.
#[resource(
    "a:{call}/{+details}{?value}",
    mime = "text/plain",
    annotations(audience = ["user", "assistant"], priority = 0.5),
    ttl = "5s",
    cache_scope = "public",
    timeout = "5s"
)]
async fn resource(
    call: u8,
    details: &str,
    #[arg(default = 1.5)] value: f64,
    State(limit): State<u8>,
    ctx: &Context,
) -> Result<Option<String>> {
    tokio::task::yield_now().await;
    let _ = (details, value, limit, ctx);
    Ok((call > 0).then(String::new))
}

/// A prompt.
#[prompt(title = "Prompt")]
fn prompt(
    /// Described.
    call: &str,
    #[arg(range = 1..)] details: Option<u8>,
) -> (String, &'static str) {
    (format!("{call} {details:?}"), "and so on")
}

/// A value with methods.
#[derive(Debug)]
struct Catalog {
    name: String,
}

#[tool]
impl Catalog {
    /// A method.
    #[tool]
    fn name(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }

    /// A method that waits.
    #[tool(lenient)]
    async fn later(self: Arc<Self>, times: usize) -> String {
        tokio::task::yield_now().await;
        self.name.repeat(times)
    }

    /// A method that is a resource.
    #[resource("b:{place}")]
    fn letter(&self, place: usize) -> Option<String> {
        self.name.chars().nth(place).map(String::from)
    }

    /// A method that is a prompt.
    #[prompt]
    async fn ask(self: Arc<Self>, question: &str) -> Result<String> {
        tokio::task::yield_now().await;
        Ok(format!("{question} {}", self.name))
    }
}

#[test]
fn a_server_of_them_can_be_made() {
    let catalog = Arc::new(Catalog { name: "c".to_owned() });
    let server = Server::new("x")
        .state(1_u8)
        .tools(tools![parameters, blocks])
        .tools(catalog.clone().tools())
        .resources(resources![resource].and(catalog.clone().resources()))
        .prompts(prompts![prompt].and(catalog.prompts()));
    drop(server);
    assert_eq!(blocks("a".to_owned()), "a");
}
