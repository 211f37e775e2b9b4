//! The tools that tests call, and servers of them.
#![expect(clippy::missing_errors_doc, clippy::missing_panics_doc, reason = "tools fail and panic on purpose here")]

pub mod changing;
pub mod checked;
pub mod completing;
pub mod conform;
pub mod constrained;
pub mod cutting;
pub mod http;
pub mod interop;
pub mod library;
pub mod over;
pub mod peers;
pub mod raw;
pub mod scaled;
pub mod scripted;
pub mod shop;
pub mod whole;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CallToolResult, ContentBlock, Icon, ResourceLink};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Counts what tools did.
#[derive(Debug, Default)]
pub struct Effects {
    /// Code before a question that ran.
    pub before: AtomicU64,
    /// Code after a question that ran.
    pub after: AtomicU64,
    /// Futures that were dropped before they were done.
    pub dropped: AtomicU64,
    /// Tells that one was.
    pub drops: Notify,
    /// Whether threads that block may go on.
    pub released: Mutex<bool>,
    /// Tells that they may.
    pub release: Condvar,
}

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// To the right.
    pub x: i32,
    /// Up.
    pub y: i32,
}

/// Add two integers.
#[tool]
pub fn add(
    /// The first summand.
    a: i64,
    /// The second summand.
    b: i64,
) -> i64 {
    a + b
}

/// Repeat a text.
#[tool]
pub fn echo(text: &str) -> &str {
    text
}

/// Many kinds of arguments.
#[tool]
pub fn many(count: u8, ratio: f64, flag: bool, point: Location, names: Vec<String>, note: Option<String>) -> String {
    format!("{count} {ratio} {flag} {point:?} {names:?} {note:?}")
}

/// An alias is an argument too.
pub type Location = Point;

/// Mirror a point.
#[tool]
pub fn mirror(point: Point) -> Json<Point> {
    Json(Point { x: -point.x, y: -point.y })
}

/// Numbers below a limit.
#[tool]
pub fn below(limit: u8) -> Vec<u8> {
    (0..limit).collect()
}

/// The square root, if there is one.
#[tool]
pub fn root(of: f64) -> Option<f64> {
    (of >= 0.0).then(|| of.sqrt())
}

/// A list as structured content.
#[tool]
pub fn bare_list() -> Json<Vec<i32>> {
    Json(vec![1, 2])
}

/// Blocks that older protocol versions do not know.
#[tool]
pub fn blocks() -> CallToolResult {
    CallToolResult::text("text")
        .with(ContentBlock::audio(b"RIFF", "audio/wav"))
        .with(ContentBlock::ResourceLink(ResourceLink::new("file:///a", "a")))
}

/// Nothing.
#[tool(title = "Say Nothing")]
pub fn nothing() {}

/// Fail.
#[tool]
pub fn fail() -> Result<()> {
    Err(std::io::Error::other("disk is full"))?
}

/// Panic.
#[tool]
pub fn explode() -> String {
    panic!("secret details")
}

/// Panic later.
#[tool]
pub async fn explode_later() -> String {
    tokio::task::yield_now().await;
    panic!("secret details")
}

/// Never return.
#[tool]
pub async fn hang(effects: State<Effects>) -> String {
    let _guard = Guard(effects);
    std::future::pending().await
}

struct Guard(State<Effects>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
        self.0.drops.notify_one();
    }
}

/// How many futures were dropped before they were done; waits for the first one.
#[tool]
pub async fn dropped(effects: State<Effects>) -> u64 {
    if effects.dropped.load(Ordering::SeqCst) == 0 {
        effects.drops.notified().await;
    }
    effects.dropped.load(Ordering::SeqCst)
}

/// Print to standard output, as careless code does.
#[tool]
#[expect(clippy::print_stdout, reason = "that is what is tested")]
pub fn print() -> &'static str {
    println!("{{\"not\": \"protocol\"}}");
    "printed"
}

/// Run a child process that reads its standard input to the end.
#[tool(blocking)]
pub fn child() -> Result<String> {
    let output = std::process::Command::new("cat").output()?;
    Ok(format!("cat read {} bytes and {}", output.stdout.len(), output.status))
}

/// Block a thread until `release` is called.
#[tool(blocking)]
pub fn block(effects: State<Effects>) -> &'static str {
    let released = effects.released.lock().unwrap_or_else(PoisonError::into_inner);
    // A test that fails must not leave a thread behind for ever.
    let waited = effects.release.wait_timeout_while(released, Duration::from_secs(60), |released| !*released);
    match waited {
        Ok((_, waited)) if !waited.timed_out() => "done",
        _ => "never released",
    }
}

/// Let `block` go on.
#[tool]
pub fn release(effects: State<Effects>) {
    *effects.released.lock().unwrap_or_else(PoisonError::into_inner) = true;
    effects.release.notify_all();
}

/// Ask the model.
#[tool]
pub async fn ask(question: String, ctx: Context, effects: State<Effects>) -> Result<String> {
    effects.before.fetch_add(1, Ordering::SeqCst);
    let answer = ctx.sample(question).await?;
    effects.after.fetch_add(1, Ordering::SeqCst);
    Ok(answer.text()?.to_owned())
}

/// Ask the model two things at once, and then a third.
#[tool]
pub async fn ask_thrice(ctx: &Context, effects: State<Effects>) -> Result<String> {
    effects.before.fetch_add(1, Ordering::SeqCst);
    let (one, two) = tokio::join!(ctx.sample("one"), ctx.sample("two").system("Be brief.").max_tokens(7));
    let (one, two) = (one?, two?);
    let three = ctx.sample(format!("{} and {}", one.text()?, two.text()?)).await?;
    effects.after.fetch_add(1, Ordering::SeqCst);
    Ok(three.text()?.to_owned())
}

/// What tools did to the world outside, word by word: in memory, or in a file that processes share.
#[derive(Debug, Default)]
pub struct World {
    words: Mutex<Vec<String>>,
    file: Option<std::path::PathBuf>,
}

impl World {
    /// One that is a file.
    #[must_use]
    pub fn in_file(file: impl Into<std::path::PathBuf>) -> Self {
        Self { file: Some(file.into()), ..Self::default() }
    }

    /// Does something.
    pub fn record(&self, word: &str) {
        use std::io::Write as _;
        self.words.lock().unwrap_or_else(PoisonError::into_inner).push(word.to_owned());
        if let Some(file) = &self.file {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
            // At once: others write too.
            file.expect("a file").write_all(format!("{word}\n").as_bytes()).expect("written");
        }
    }

    /// Does something unless it was done under this key, as a system outside does that is given one with a
    /// request. That it was asked to is recorded each time.
    pub fn record_once(&self, word: &str, key: &str) {
        self.record(&format!("{word} {key}"));
        let folder = self.file.as_ref().expect("a file").with_extension("done");
        std::fs::create_dir_all(&folder).expect("a folder");
        let done = std::fs::OpenOptions::new().write(true).create_new(true).open(folder.join(key));
        match done {
            Ok(_) => self.record(&format!("done {word}")),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists),
        }
    }

    /// The keys under which something was done.
    pub fn done(&self) -> std::collections::BTreeSet<String> {
        let folder = self.file.as_ref().expect("a file").with_extension("done");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.filter_map(|file| file.file_name().into_string().ok()).collect()
    }

    /// What was done, and how often.
    pub fn counts(&self) -> std::collections::BTreeMap<String, u32> {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(file) = &self.file {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            words = text.lines().map(str::to_owned).collect();
        }
        let mut counts = std::collections::BTreeMap::new();
        words.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
        counts
    }
}

/// A size, as the user may wish it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Wish {
    /// In centimetres.
    pub size: u8,
}

/// Plan something: two questions to the model at once, a step, a timer, and a question to the user.
#[tool(task)]
pub async fn plan(topic: String, ctx: Context, world: State<World>) -> Result<String> {
    world.record("before");
    let (one, two) = tokio::join!(ctx.sample(format!("{topic} one")), ctx.sample(format!("{topic} two")));
    let draft = format!("{}, {}", one?.text()?, two?.text()?);
    let length = ctx
        .step("save", async || {
            world.record("step");
            Ok(draft.len())
        })
        .await?;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let wish = ctx.elicit::<Wish>("Which size?").await?.accepted();
    world.record("after");
    Ok(format!("{draft} ({length}), size {:?}", wish.map(|wish| wish.size)))
}

/// Ask the model, and do without if it cannot be asked.
#[tool]
pub async fn ask_or_not(ctx: Context) -> String {
    match ctx.sample("anything").await {
        Ok(answer) => answer.text().unwrap_or("no text").to_owned(),
        Err(error) => format!("went on without: {error}"),
    }
}

/// Report progress and log.
#[tool]
pub async fn report(ctx: Context) -> &'static str {
    ctx.debug("details").await;
    ctx.report_progress(1.0).total(2.0).message("half").await;
    ctx.info("half way").await;
    ctx.report_progress(1.0).total(2.0).await;
    ctx.report_progress(2.0).total(2.0).await;
    ctx.warning(serde_json::json!({ "left": 0 })).logger("reporter").await;
    "reported"
}

/// Who calls?
#[tool]
pub fn who(ctx: Context) -> String {
    let name = ctx.client_info().map_or_else(|| "nobody".to_owned(), |info| info.name);
    let sampling = ctx.client_capabilities().sampling.is_some();
    format!("{name}, request {}, sampling {sampling}, {} keys in _meta", ctx.request_id(), ctx.meta().len())
}

/// A server of all these tools.
pub fn server(effects: std::sync::Arc<Effects>) -> Server {
    server_in(effects, None)
}

/// The same, with a world outside.
pub fn server_in(effects: std::sync::Arc<Effects>, world: Option<std::sync::Arc<World>>) -> Server {
    Server::new("fixture")
        .version("1.2.3")
        .title("Fixture")
        .website_url("https://example.com")
        .icon(Icon::new("https://example.com/icon.png").mime_type("image/png").size("48x48"))
        .instructions("For tests.")
        .state(effects)
        .state(world.unwrap_or_default())
        .tools(tools![
            add,
            echo,
            many,
            mirror,
            below,
            root,
            bare_list,
            blocks,
            nothing,
            fail,
            explode,
            explode_later,
            hang,
            dropped,
            print,
            child,
            block,
            release,
            ask,
            ask_thrice,
            ask_or_not,
            report,
            who,
            plan,
        ])
}
