//! One of everything that a server can offer, each in a few lines.

#![expect(clippy::missing_errors_doc, reason = "the errors of tools are for models")]

use std::sync::Mutex;
use std::time::Duration;

use mcp_runtime::layer::{CallRequest, CallResult, Next, RateLimit, ResponseLimit, Timing, from_fn};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult, ImageContent, PromptMessage};
use mcp_runtime::{Requester, Resource, ServerHandle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the server remembers.
#[derive(Debug, Default)]
pub struct Notes {
    by_name: Mutex<Vec<(String, String)>>,
}

impl Notes {
    fn with<T>(&self, change: impl FnOnce(&mut Vec<(String, String)>) -> T) -> T {
        change(&mut self.by_name.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn names(&self) -> Vec<String> {
        self.with(|notes| notes.iter().map(|(name, _)| name.clone()).collect())
    }

    fn find(&self, name: &str) -> Option<String> {
        self.with(|notes| notes.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone()))
    }
}

// Tools.

/// Add two numbers.
#[tool(annotations(read_only))]
pub fn add(
    /// The first one.
    a: f64,
    /// The other one.
    b: f64,
) -> f64 {
    a + b
}

/// What the weather is like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Weather {
    /// Degrees Celsius.
    pub degrees: f32,
    /// In words.
    pub sky: String,
}

/// Look up the weather: structured content, with its schema.
#[tool]
pub fn weather(
    /// Where.
    #[arg(length = 1..=80, examples = ["Oslo"])]
    city: &str,
    /// For which day, from today on.
    #[arg(default = 0, range = 0..=6)]
    day: u8,
) -> Json<Weather> {
    Json(Weather { degrees: 20.0 - f32::from(day), sky: format!("clear over {city}") })
}

/// A picture of one red pixel.
#[tool]
pub fn picture() -> ImageContent {
    ImageContent::new(b"\x89PNG\r\n", "image/png")
}

/// Keep a note, and tell whoever listens.
#[tool(annotations(idempotent))]
pub fn keep_note(
    /// What it is called.
    name: String,
    /// What it says.
    text: String,
    notes: State<Notes>,
    ctx: Context,
) {
    let uri = format!("note://{name}");
    notes.with(|notes| {
        notes.retain(|(known, _)| *known != name);
        notes.push((name, text));
    });
    ctx.notify_resource_updated(&uri);
}

/// Count slowly, and say how far it is.
#[tool(timeout = "1m")]
pub async fn count(
    /// How far.
    #[arg(range = 1..=1000)]
    to: u32,
    ctx: Context,
) -> u32 {
    let mut progress = ctx.progress(to);
    for _ in 0..to {
        tokio::time::sleep(Duration::from_millis(1)).await;
        progress.inc(1).await;
    }
    ctx.info(serde_json::json!({ "counted to": to })).logger("counter").await;
    to
}

/// What a model makes of a text.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// One sentence.
    sentence: String,
}

/// Let a model summarize a note: that of the client, or the server's own.
#[tool]
pub async fn summarize(
    /// Of which note.
    name: String,
    notes: State<Notes>,
    ctx: Context,
) -> Result<Json<Summary>> {
    let text = notes.find(&name).ok_or_else(|| ToolError::new(format!("there is no note `{name}`")))?;
    Ok(Json(ctx.sample(format!("Summarize in JSON: {text}")).json().await?))
}

/// Who gets a letter.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Address {
    /// Their name
    name: String,
    /// Where they live
    city: Option<String>,
}

/// Ask the user whom to write to; the letter gets its number once, whatever happens in between.
#[tool]
pub async fn write_letter(ctx: Context) -> Result<String> {
    let number = ctx.step("number", async || Ok(7)).await?;
    match ctx.elicit::<Address>("Whom to write to?").await? {
        Elicited::Accept(Address { name, city: Some(city) }) => Ok(format!("letter {number} to {name} in {city}")),
        Elicited::Accept(Address { name, city: None }) => Ok(format!("letter {number} to {name}")),
        Elicited::Decline | Elicited::Cancel => Ok("no letter".to_owned()),
    }
}

/// Which directories the client opens.
#[tool]
pub async fn roots(ctx: Context) -> Result<Vec<String>> {
    Ok(ctx.roots().await?.into_iter().map(|root| root.uri).collect())
}

/// Grow: offer one more tool, which clients hear of.
#[tool]
pub fn grow(handle: State<ServerHandle>) -> Result<&'static str> {
    handle.add_tools(tools![grown])?;
    Ok("call `grown`")
}

/// There only after `grow`.
#[tool]
pub fn grown() -> &'static str {
    "I am new"
}

/// Only for clients that say that they are inspectors.
#[tool(visible = is_inspector, tags = ["internal"])]
pub fn inspect(notes: State<Notes>) -> Vec<String> {
    notes.names()
}

fn is_inspector(requester: &Requester) -> bool {
    requester.client_info().is_some_and(|client| client.name.contains("inspector"))
}

// Resources.

/// What this server is for.
#[resource("info://purpose", ttl = "1h", cache_scope = "public")]
pub fn purpose() -> &'static str {
    "It shows one of everything."
}

/// A note.
#[resource("note://{name}", mime = "text/plain")]
pub fn note(#[arg(complete = names_of_notes)] name: &str, notes: State<Notes>) -> Option<String> {
    notes.find(name)
}

fn names_of_notes(asked: &Completing) -> Result<Vec<String>> {
    Ok(asked.state::<Notes>()?.names())
}

// Prompts.

/// How a text sounds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// As to a friend.
    #[default]
    Warm,
    /// As to a stranger.
    Formal,
}

/// Write a greeting.
#[prompt]
pub fn greeting(
    /// Whom to greet.
    name: &str,
    /// How it sounds; clients complete it.
    #[arg(default)]
    tone: Tone,
) -> Vec<PromptMessage> {
    vec![
        PromptMessage::user(format!("Greet {name}, and sound {tone:?}.")),
        PromptMessage::assistant("Which language?"),
        PromptMessage::user("English."),
    ]
}

// Around and beside.

/// Refuses calls that name something secret.
async fn discreet(request: CallRequest, next: Next) -> CallResult {
    match request.argument::<String>("name") {
        Some(name) if name.starts_with("secret") => Err("that is a secret".into()),
        _ => next.run(request).await,
    }
}

/// A server that is offered as a part of this one.
fn calculator() -> Server {
    Server::new("calculator").tools(tools![add])
}

/// All of it together.
pub fn server() -> Server {
    let server = Server::new("everything")
        .version(env!("CARGO_PKG_VERSION"))
        .title("One of everything")
        .instructions("Keep a note first; `summarize` and the resource `note://{name}` need one.")
        .state(Notes::default())
        .tools(tools![add, weather, picture, count, write_letter, roots, grow, inspect])
        .tools(tools![keep_note, summarize].layer(from_fn(discreet)))
        .resources(resources![purpose, note])
        .resources(Resource::bytes("info://logo", b"\x89PNG\r\n").mime_type("image/png"))
        .prompts(prompts![greeting])
        .mount("calculator", calculator())
        .layer(Timing::new())
        .layer(RateLimit::new(1_000, Duration::from_secs(1)))
        .layer(ResponseLimit::new(1 << 20))
        .visible(|item, requester| !item.has_tag("internal") || is_inspector(requester))
        .sampling_fallback(|_: CreateMessageRequestParams| async {
            // Here a provider is asked; see `mcp_runtime::sampling`.
            Ok(CreateMessageResult::text("a-model", r#"{ "sentence": "In short: a note." }"#))
        })
        .page_size(50)
        .list_ttl(Duration::from_secs(300))
        .on_start(|| async { Ok(()) })
        .on_shutdown(|| async {});
    let handle = server.handle();
    let ticking = handle.clone();
    server.state(handle).background(move |stop| async move {
        let hour = || tokio::time::sleep(Duration::from_secs(3600));
        while stop.run_until_cancelled(hour()).await.is_some() {
            ticking.resource_updated("info://purpose");
        }
    })
}
