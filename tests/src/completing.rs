//! Prompts and resources whose arguments complete, and a server of them.

use std::sync::Arc;

use mcp_runtime::prelude::*;
use mcp_runtime::protocol::Completion;
use mcp_runtime::{Completing, DynPrompt, Requester, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Snakes.
    Python,
    /// Crabs.
    Rust,
    /// What it is.
    TypeScript,
}

/// What is known of a database.
#[derive(Debug, Default)]
pub struct Schema;

impl Schema {
    const TABLES: [&str; 3] = ["users", "orders", "order_items"];

    fn columns(&self, table: &str) -> Option<&'static [&'static str]> {
        match table {
            "users" => Some(&["id", "name", "e-mail"]),
            "orders" | "order_items" => Some(&["id", "price"]),
            _ => None,
        }
    }
}

fn frameworks(asked: &Completing) -> &'static [&'static str] {
    match asked.argument("language") {
        Some(Language::Python) => &["django", "Flask", "pyramid"],
        Some(Language::Rust) => &["axum", "rocket"],
        _ => &[],
    }
}

/// Review code.
#[prompt]
pub fn code_review(
    /// The language of the code.
    language: Language,
    /// What it is written with.
    #[arg(complete = frameworks)]
    framework: &str,
    /// The code.
    code: &str,
    /// Whether to be strict.
    strict: Option<bool>,
    /// How deep to look.
    #[arg(default = 1, one_of = [1, 2, 5])]
    depth: u8,
) -> String {
    format!("{language:?} {framework} {code} {strict:?} {depth}")
}

async fn tables(asked: Completing, _schema: State<Schema>) -> Result<Vec<&'static str>> {
    tokio::task::yield_now().await;
    match asked.typed() {
        "panic" => panic!("secret details"),
        "io" => Err(std::io::Error::other("disk is full"))?,
        "said" => Err(ToolError::new("the archive is closed on Sundays")),
        "late" => std::future::pending().await,
        _ => Ok(Schema::TABLES.to_vec()),
    }
}

fn columns(asked: &Completing, schema: State<Schema>) -> Option<&'static [&'static str]> {
    assert!(asked.typed() != "panic", "secret details");
    schema.columns(asked.text("table")?)
}

/// Which comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The smallest one.
    Ascending,
    /// The largest one.
    Descending,
}

/// A column of a table.
#[resource("db://{table}/{column}{?limit,order}")]
pub fn column(
    #[arg(complete = tables)] table: &str,
    #[arg(complete = columns)] column: &str,
    limit: Option<u32>,
    order: Option<Order>,
) -> String {
    format!("{table} {column} {limit:?} {order:?}")
}

/// About the database.
#[resource("db://about")]
pub fn about() -> &'static str {
    "a database"
}

fn nobody(_: &Requester) -> bool {
    false
}

/// Nobody sees it.
#[prompt(visible = nobody)]
pub fn hidden(
    /// Whether to tell.
    tell: bool,
) -> String {
    tell.to_string()
}

/// Nobody sees it, either.
#[resource("hidden://{tell}", visible = nobody)]
pub fn hidden_resource(tell: bool) -> String {
    tell.to_string()
}

/// Many values, and values that are ranked already.
#[prompt]
pub fn many(
    /// One of many.
    #[arg(complete = |_: &Completing| (0..250).map(|number| format!("number {number}")))]
    one: &str,
    /// One of very many.
    #[arg(complete = |_: &Completing| Completion::new((0..250).map(|number| number.to_string())).total(1_000))]
    best: &str,
    /// One that is known elsewhere.
    #[arg(complete = |asked: &Completing| Completion::new([asked.typed(), "b"]).has_more(true))]
    passed_on: &str,
) -> String {
    format!("{one} {best} {passed_on}")
}

/// Translate a text: known only at run time.
#[must_use]
pub fn translate() -> DynPrompt {
    DynPrompt::new("translate", async |arguments, _ctx| format!("Translate {}", arguments["text"]))
        .description("Translate a text.")
        .argument("text", "What to translate.")
        .argument("language", "Into which language.")
        .complete("language", ["Dutch", "English", "French"])
}

/// Logs: known only at run time.
#[must_use]
pub fn logs() -> Resource {
    Resource::new("log://{year}/{month}{?level}", async |variables, _ctx| format!("{variables:?}"))
        .complete("year", async |_: Completing| vec![2025, 2026])
        .complete("month", |asked: &Completing| match asked.argument("year") {
            Some(2026) => (1..=7).collect::<Vec<u8>>(),
            _ => (1..=12).collect(),
        })
}

/// A shelf whose methods are what it offers, and what completes them.
#[derive(Debug)]
pub struct Shelf(pub Vec<&'static str>);

#[tool]
impl Shelf {
    fn titles(&self, _asked: &Completing) -> Vec<&'static str> {
        self.0.clone()
    }

    async fn found(&self, asked: Completing, _schema: State<Schema>) -> Result<Vec<String>> {
        tokio::task::yield_now().await;
        let typed = asked.typed();
        Ok(self.0.iter().filter(|title| title.starts_with(typed)).map(|title| title.to_uppercase()).collect())
    }

    fn places(asked: &Completing) -> [usize; 3] {
        let from = asked.argument("from").unwrap_or(0);
        [from, from + 1, from + 2]
    }

    /// Recommend a book.
    #[prompt]
    fn recommend(
        self: Arc<Self>,
        /// Its title.
        #[arg(complete = Self::titles)]
        title: &str,
    ) -> String {
        format!("Why should I read {title}?")
    }

    /// A book.
    #[resource("book://{title}/{place}{?from}")]
    fn book(
        &self,
        #[arg(complete = Shelf::found)] title: &str,
        #[arg(complete = Self::places)] place: usize,
        from: Option<usize>,
    ) -> String {
        format!("{title} {place} {from:?}")
    }
}

/// A server of all of these.
pub fn server() -> Server {
    let shelf = Arc::new(Shelf(vec!["Emma", "Dracula", "Moby-Dick"]));
    Server::new("completing")
        .version("1.2.3")
        .state(Schema)
        .prompts(prompts![code_review, hidden, many])
        .prompts(shelf.clone().prompts())
        .prompts(translate())
        .resources(resources![column, about, hidden_resource])
        .resources(shelf.resources())
        .resources(logs())
}
