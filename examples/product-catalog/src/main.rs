//! A product catalog as a Model Context Protocol server, and a client that shows it at work.
//!
//! ```text
//! product-catalog                 serve on standard input and output, products in memory
//! product-catalog --db FILE       the same, products in a file
//! product-catalog demo            start itself as a server and create a product
//! product-catalog demo --era legacy
//! ```

mod catalog;
mod demo;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use mcp_runtime::prelude::*;

use crate::catalog::Catalog;

/// A product catalog, served to models.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The SQLite database to keep products in; without it they are gone with the process.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,

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
        None => Ok(server(Catalog::open(cli.db.as_deref())?).serve_stdio().await?),
    }
}

fn server(catalog: impl Into<Arc<Catalog>>) -> Server {
    Server::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .title("Product Catalog")
        .instructions("Creates products and lists them. Descriptions are written by your own model.")
        .state(catalog.into())
        .tools(tools![tools::add, tools::create_product, tools::list_products])
}

#[cfg(test)]
mod tests {
    use mcp_runtime::assert_tool_surface;
    use mcp_runtime::testing::Trial;

    use super::{Catalog, server};

    #[test]
    fn what_models_see_is_reviewed() {
        let catalog = Catalog::open(None).expect("a database in memory");
        assert_tool_surface!("tests/tools.json", server(catalog));
    }

    /// On every kind of client, and also where the function runs again: one product, once.
    #[tokio::test]
    async fn a_product_is_created_once_whatever_happens_between_the_rounds() {
        let open = || Catalog::open(None).expect("a database in memory");
        Trial::new(open, server)
            .model_says("Shines.")
            .assert_replay_safe("create_product", [("product_name", "Lamp"), ("keywords", "light")], async |catalog| {
                let products = catalog.find("", 10).expect("the products");
                products.into_iter().map(|product| (product.name, product.description)).collect::<Vec<_>>()
            })
            .await;
    }
}
