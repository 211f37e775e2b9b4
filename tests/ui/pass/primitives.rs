//! Every shape of a prompt and of a resource.

use std::borrow::Cow;
use std::sync::Arc;

use mcp_runtime::Requester;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    AudioContent, ContentBlock, EmbeddedResource, GetPromptResult, ImageContent, PromptMessage, ReadResourceResult,
    ResourceContents, ResourceLink,
};

const DESCRIPTION: &str = "described elsewhere";

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
}

#[derive(Clone)]
struct User;

fn everyone(_: &Requester) -> bool {
    true
}

#[resource("a:static")]
fn text() -> &'static str {
    "text"
}

#[resource("a:{type}-{size}/{+rest}{?limit,flag}", mime = "text/plain", name = "n", title = "T", description = DESCRIPTION)]
#[expect(unused_variables)]
fn variables(
    r#type: &str,
    size: Size,
    rest: String,
    #[arg(default = 10, range = 1..=100)] limit: u32,
    flag: Option<bool>,
    ctx: &Context,
    State(state): State<String>,
    user: Option<Extension<User>>,
) -> Result<Option<String>> {
    Ok(None)
}

#[resource("a:named/{user.id}")]
fn renamed(#[arg(name = "user.id")] id: u8) -> Vec<u8> {
    vec![id]
}

#[resource("a:borrowed/{?maybe}")]
fn borrowed(maybe: Option<&str>) -> Cow<'static, str> {
    maybe.map_or(Cow::Borrowed("none"), |maybe| Cow::Owned(maybe.to_owned()))
}

#[resource("a:bytes")]
fn bytes() -> &'static [u8] {
    b"bytes"
}

#[resource("a:array")]
fn array() -> [u8; 2] {
    [1, 2]
}

#[resource("a:json")]
fn json() -> Json<Vec<u8>> {
    Json(vec![1])
}

#[resource("a:contents")]
fn contents() -> ResourceContents {
    ResourceContents::text("", "text/plain", "text")
}

#[resource("a:several", ttl = "5s", cache_scope = "private", size = 3, annotations(audience = "user"))]
async fn several() -> Result<Vec<ResourceContents>, std::io::Error> {
    Ok(Vec::new())
}

#[resource(
    "a:result",
    timeout = "1s",
    concurrency = 2,
    resume = "replay",
    visible = everyone,
    icons = ["https://example.com/a.png"],
    meta = serde_json::json!({}),
    annotations(priority = 0.5, last_modified = "2026-07-28"),
)]
async fn result() -> ReadResourceResult {
    ReadResourceResult::new([])
}

#[resource("a:blocking", blocking, glue = Blocking)]
fn blocking() -> Option<Json<u8>> {
    None
}

#[prompt]
fn prompt() -> String {
    String::new()
}

#[prompt(name = "any name at all", title = "T", description = DESCRIPTION, undescribed = "allow")]
fn arguments(
    a: &str,
    b: Option<&str>,
    c: Option<f64>,
    size: Size,
    #[arg(default)] list: Vec<u32>,
    ctx: Context,
    state: State<String>,
) -> Vec<PromptMessage> {
    let _ = (a, b, c, size, list, ctx, state);
    Vec::new()
}

#[prompt(timeout = "1s", concurrency = 2, resume = "parked", visible = everyone, meta = serde_json::json!({}))]
async fn several_messages() -> Result<(PromptMessage, &'static str, Option<ImageContent>, Vec<AudioContent>)> {
    Ok((PromptMessage::assistant("a"), "b", None, Vec::new()))
}

#[prompt(blocking, glue = BlockingPrompt)]
fn blocking_prompt() -> GetPromptResult {
    GetPromptResult::default()
}

#[prompt]
fn content() -> (ContentBlock, EmbeddedResource, ResourceLink) {
    let embedded = EmbeddedResource::new(contents());
    (ContentBlock::text("a"), embedded, ResourceLink::new("a:b", "b"))
}

mod elsewhere {
    use mcp_runtime::prelude::*;

    #[prompt]
    pub fn prompt() -> &'static str {
        "elsewhere"
    }

    #[resource("b:static")]
    pub fn text() -> &'static str {
        "elsewhere"
    }
}

struct Shelf;

#[tool(undescribed = "allow")]
impl Shelf {
    #[cfg_attr(all(), resource("c:{id}"))]
    fn book(&self, id: u32) -> String {
        id.to_string()
    }

    #[prompt]
    async fn recommend(self: Arc<Self>, id: u32) -> String {
        self.book(id)
    }

    #[resource("c:all")]
    fn all() -> &'static str {
        "all"
    }
}

fn main() {
    let shelf = Arc::new(Shelf);
    let _ = Server::new("s")
        .state("state".to_owned())
        .resources(resources![text, variables, renamed, borrowed, bytes, array, json, contents, several, result])
        .resources(resources![Blocking, elsewhere::text].and(shelf.clone().resources()))
        .prompts(prompts![
            prompt,
            arguments,
            several_messages,
            BlockingPrompt,
            content,
            #[cfg(any())]
            elsewhere::prompt
        ])
        .prompts(shelf.prompts());
    assert_eq!(text(), "text");
}
