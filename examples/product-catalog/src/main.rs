//! A product catalog as a Model Context Protocol server, and a client that shows it at work.
//!
//! ```text
//! product-catalog                 serve on standard input and output, products in memory
//! product-catalog --db FILE       the same, products in a file
//! product-catalog --http 127.0.0.1:8000   serve over HTTP, at http://127.0.0.1:8000/mcp
//! product-catalog demo            start itself as a server and create a product
//! product-catalog demo --era legacy
//! product-catalog demo --http     the same over HTTP
//! ```
//!
//! With the feature `genai` models of providers answer:
//!
//! ```text
//! product-catalog demo --provider openai
//! product-catalog demo --provider openai --base-url http://localhost:8000/v1
//! product-catalog --provider openai    serve clients that have no model, too
//! ```

mod catalog;
mod demo;
#[cfg(feature = "genai")]
mod model;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use mcp_runtime::prelude::*;
use tokio::net::TcpListener;

use crate::catalog::Catalog;
use crate::tools::Style;

/// A product catalog, served to models.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The SQLite database to keep products in; without it they are gone with the process.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,

    /// The address to serve HTTP at, such as 127.0.0.1:8000, instead of standard input and output.
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,

    /// Ask models for descriptions as structured data, which is checked.
    #[arg(long)]
    typed: bool,

    #[cfg(feature = "genai")]
    #[command(flatten)]
    model: model::ModelOptions,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Start this program as a server, and create a product with a scripted model.
    Demo(demo::Options),
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Demo(options)) => demo::run(options).await,
        None => {
            let server = server(Catalog::open(cli.db.as_deref())?, Style { typed: cli.typed });
            #[cfg(feature = "genai")]
            let server = match cli.model.model() {
                Some(model) => server.sampling_fallback(model),
                None => server,
            };
            match cli.http {
                Some(address) => {
                    let listener = TcpListener::bind(address).await?;
                    eprintln!("serving at http://{}/mcp", listener.local_addr()?);
                    Ok(server.build()?.http().serve(listener).await?)
                }
                None => Ok(server.serve_stdio().await?),
            }
        }
    }
}

fn server(catalog: impl Into<Arc<Catalog>>, style: Style) -> Server {
    Server::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .title("Product Catalog")
        .instructions("Creates products and lists them. Descriptions are written by your own model.")
        .state(catalog.into())
        .state(style)
        .tools(tools![tools::add, tools::create_product, tools::list_products, tools::suggest_keywords])
        .resources(resources![tools::product])
        .prompts(prompts![tools::advertise])
}

#[cfg(test)]
mod tests {
    use mcp_runtime::protocol::{CreateMessageResult, SamplingContent, ToolUseContent};
    use mcp_runtime::testing::Trial;
    use mcp_runtime::{Client, assert_tool_surface};
    use serde_json::json;

    use super::{Catalog, Style, server};
    use crate::catalog::Product;

    #[test]
    fn what_models_see_is_reviewed() {
        let catalog = Catalog::open(None).expect("a database in memory");
        assert_tool_surface!("tests/tools.json", server(catalog, Style::default()));
    }

    /// What was created can be read, and advertised.
    #[tokio::test]
    async fn a_product_is_a_resource_and_fills_in_a_prompt() {
        let catalog = Catalog::open(None).expect("a database in memory");
        let product = catalog.insert("Lamp".to_owned(), "Shines.".to_owned()).expect("a product");
        let client = Client::in_memory(server(catalog, Style::default())).connect().await.expect("a connection");
        let read = client.read_resource(&format!("product://{}", product.id)).await.expect("the product");
        assert_eq!(serde_json::from_str::<Product>(&read.joined_text()).expect("JSON"), product);
        assert!(client.read_resource("product://0").await.is_err());
        let prompt = client.get_prompt("advertise", [("id", &product.id)]).await.expect("the prompt");
        assert_eq!(prompt.joined_text(), "Advertise this product in at most 3 sentences: Lamp. Shines.");
        let ids = client.complete_prompt("advertise", "id", &product.id[..4]).await.expect("what may be meant");
        assert_eq!(ids.values, [product.id]);
    }

    /// On every kind of client, and also where the function runs again: one product, once.
    #[tokio::test]
    async fn a_product_is_created_once_whatever_happens_between_the_rounds() {
        let open = || Catalog::open(None).expect("a database in memory");
        for (typed, says) in [(false, "Shines."), (true, r#"{ "description": "Shines." }"#)] {
            Trial::new(open, move |catalog| server(catalog, Style { typed }))
                .model_says(says)
                .assert_replay_safe(
                    "create_product",
                    [("product_name", "Lamp"), ("keywords", "light")],
                    async |catalog| {
                        let products = catalog.find("", 10).expect("the products");
                        products.into_iter().map(|product| (product.name, product.description)).collect::<Vec<_>>()
                    },
                )
                .await;
        }
    }

    /// A model that looks at the catalog first.
    fn looks(messages: usize) -> CreateMessageResult {
        let mut answer = CreateMessageResult::text("scripted", "");
        let (name, input) = match messages {
            1 => ("list_products", json!({ "containing": "lamp" })),
            _ => ("final_response", json!({ "value": ["bright", "small"] })),
        };
        let mut asked = ToolUseContent::default();
        asked.id = format!("use {messages}");
        asked.name = name.to_owned();
        asked.input = input.as_object().cloned().unwrap_or_default();
        answer.content = vec![SamplingContent::ToolUse(asked)];
        answer
    }

    #[tokio::test]
    async fn keywords_are_suggested_after_a_look_at_the_catalog() {
        let open = || Catalog::open(None).expect("a database in memory");
        let keywords: Vec<String> = Trial::new(open, |catalog| server(catalog, Style::default()))
            .model(|question| looks(question.messages.len()))
            .on_every_carrier(async |client, _| {
                client.call("suggest_keywords", [("product_name", "Lamp")]).await.expect("keywords")
            })
            .await;
        assert_eq!(keywords, ["bright", "small"]);
    }
}
