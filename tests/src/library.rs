//! Resources and prompts that tests read and get, and a server of them.

use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ContentBlock, GetPromptResult, ImageContent, PromptMessage, ResourceContents};
use mcp_runtime::{Inject, Requester, Resource, ToolCall};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Wish, World};

/// How to begin.
#[resource(
    "docs://readme",
    mime = "text/markdown",
    title = "Read me",
    size = 7,
    annotations(audience = ["user", "assistant"], priority = 0.8, last_modified = "2026-07-28T12:00:00Z"),
    icons = ["https://example.com/doc.png"],
    meta = serde_json::json!({ "com.example/shelf": 1 }),
    ttl = "1m",
    cache_scope = "public"
)]
pub fn readme() -> &'static str {
    "# Begin"
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who it is.
    pub id: u32,
    /// What they are called.
    pub name: String,
}

/// A user, if there is one.
#[resource("user://{id}")]
pub fn user(#[arg(range = 1..)] id: u32) -> Option<Json<User>> {
    (id < 10).then(|| Json(User { id, name: format!("User {id}") }))
}

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// In full.
    #[default]
    Long,
    /// In few words.
    Short,
}

/// A page of the manual.
#[resource("manual://{language}/{+page}{?style,version,draft}", mime = "text/html")]
pub fn manual(
    language: &str,
    page: &str,
    #[arg(default)] style: Style,
    version: Option<f64>,
    #[arg(default = false)] draft: bool,
    shelf: Shelf,
) -> String {
    format!("{} {language} {page} {style:?} {version:?} {draft}", shelf.0)
}

/// Where the manual stands.
#[derive(Debug)]
pub struct Shelf(String);

impl Inject for Shelf {
    fn inject(call: &ToolCall<'_>) -> Result<Self> {
        Ok(Self(call.name().to_uppercase()))
    }
}

/// Our logo.
#[resource("image://logo", mime = "image/png")]
pub fn logo() -> &'static [u8] {
    b"\x89PNG"
}

/// Several things at once.
#[resource("docs://all")]
pub async fn all() -> Vec<ResourceContents> {
    tokio::task::yield_now().await;
    vec![ResourceContents::text("docs://a", "text/plain", "a"), ResourceContents::blob("", "image/gif", b"GIF")]
}

/// Something that cannot be read.
#[resource("fail://{how}")]
pub fn failing(how: &str) -> Result<String> {
    match how {
        "panic" => panic!("secret details"),
        "said" => Err(ToolError::new("the archive is closed on Sundays")),
        _ => Err(std::io::Error::other("disk is full"))?,
    }
}

/// Nobody sees it.
#[resource("hidden://it", visible = nobody)]
pub fn hidden_resource() -> &'static str {
    "hidden"
}

fn nobody(_: &Requester) -> bool {
    false
}

/// A summary of a topic: two questions to the model at once, a step, and a question to the user.
#[resource("summary://{topic}")]
pub async fn summary(topic: String, ctx: Context, world: State<World>) -> Result<String> {
    asking(&topic, &ctx, &world).await
}

/// A plan for a topic, which asks the same.
#[prompt]
pub async fn planned(
    /// What it is about.
    topic: String,
    ctx: Context,
    world: State<World>,
) -> Result<String> {
    asking(&topic, &ctx, &world).await
}

async fn asking(topic: &str, ctx: &Context, world: &World) -> Result<String> {
    let (one, two) = tokio::join!(ctx.sample(format!("{topic} one")), ctx.sample(format!("{topic} two")));
    let draft = format!("{}, {}", one?.text()?, two?.text()?);
    let length = ctx
        .step("save", async || {
            world.record("step");
            Ok(draft.len())
        })
        .await?;
    let wish = ctx.elicit::<Wish>("Which size?").await?.accepted();
    Ok(format!("{draft} ({length}), size {:?}", wish.map(|wish| wish.size)))
}

/// Review code.
#[prompt(title = "Code Review", icons = ["https://example.com/review.png"])]
pub fn review(
    /// The code to review.
    code: &str,
    /// How many findings at most.
    #[arg(default = 3, range = 1..=10)]
    findings: u8,
    /// How to write.
    #[arg(title = "Style")]
    style: Option<Style>,
    /// Whether to be strict.
    strict: Option<bool>,
    #[arg(name = "focus-on", description = "Lines to look at.")] focus: Option<Vec<u32>>,
) -> String {
    format!("{code}: {findings} findings, {style:?}, strict {strict:?}, on {focus:?}")
}

/// Practise a conversation.
#[prompt]
pub async fn practise() -> (String, PromptMessage, Option<&'static str>, ImageContent, ContentBlock) {
    tokio::task::yield_now().await;
    let talk = PromptMessage::assistant("Gladly!");
    let page = ResourceContents::text("docs://readme", "text/markdown", "# Begin");
    ("Let us talk.".to_owned(), talk, None, ImageContent::png(b"PNG"), page.into())
}

/// All that can be said.
#[prompt]
pub fn whole() -> GetPromptResult {
    GetPromptResult::new([PromptMessage::user("a"), PromptMessage::user(ContentBlock::audio(b"RIFF", "audio/wav"))])
        .description("made for you")
}

/// Something that cannot be got.
#[prompt]
pub async fn failing_prompt(
    /// How it fails.
    how: &str,
) -> Result<String> {
    tokio::task::yield_now().await;
    match how {
        "panic" => panic!("secret details"),
        "said" => Err(ToolError::new("the archive is closed on Sundays")),
        _ => Err(std::io::Error::other("disk is full"))?,
    }
}

/// Nobody sees it.
#[prompt(visible = nobody)]
pub fn hidden_prompt() -> &'static str {
    "hidden"
}

/// Never comes.
#[prompt(timeout = "20ms")]
pub async fn late() -> String {
    std::future::pending().await
}

/// A shelf whose methods are what it offers.
#[derive(Debug)]
pub struct Books(Vec<&'static str>);

#[tool]
impl Books {
    /// How many books there are.
    #[tool]
    fn count_books(&self) -> usize {
        self.0.len()
    }

    /// A book.
    #[resource("book://{place}")]
    async fn book(&self, place: usize) -> Option<&'static str> {
        self.0.get(place).copied()
    }

    /// Recommend a book.
    #[prompt]
    fn recommend(
        self: Arc<Self>,
        /// Which one.
        place: usize,
    ) -> Result<String> {
        let book = self.0.get(place).ok_or_else(|| ToolError::new("there is no such book"))?;
        Ok(format!("Why should I read {book}?"))
    }
}

/// A server of all of these.
pub fn server(world: impl Into<Arc<World>>) -> Server {
    let books = Arc::new(Books(vec!["Emma", "Dracula"]));
    Server::new("library")
        .version("1.2.3")
        .state(world.into())
        .tools(books.clone().tools())
        .resources(resources![readme, user, manual, logo, all, failing, hidden_resource, summary])
        .resources(books.clone().resources())
        .resources(Resource::text("user://1", "the first of all").title("The First User"))
        .resources(Resource::bytes("bytes://it", [1, 2, 3]).description("Three bytes.").ttl(Duration::from_secs(5)))
        .prompts(prompts![review, practise, whole, failing_prompt, hidden_prompt, late, planned])
        .prompts(books.prompts())
}
