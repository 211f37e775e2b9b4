//! A client that starts this very program as its server and creates a product. The model is a
//! script; everything else is real.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use mcp_runtime::client::{Client, Era};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult, ErrorObject, Implementation};
use tokio::process::Command;

use crate::catalog::Product;

#[derive(Args)]
pub struct Options {
    /// Which protocol versions the client speaks.
    #[arg(long, value_enum, default_value = "auto")]
    era: EraOption,

    /// Also say how the messages travelled, on standard error.
    #[arg(long)]
    debug: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum EraOption {
    /// The newest that the server speaks.
    Auto,
    /// Up to 2025-11-25: the server sends its question in the middle of the call.
    Legacy,
    /// 2026-07-28: the server ends the round with its question.
    Modern,
}

pub async fn run(options: Options) -> Result<()> {
    let era = match options.era {
        EraOption::Auto => Era::Auto,
        EraOption::Legacy => Era::Legacy,
        EraOption::Modern => Era::Modern,
    };
    let client = Client::stdio(Command::new(std::env::current_exe()?))
        .era(era)
        .info(Implementation::new("product-catalog-demo", env!("CARGO_PKG_VERSION")))
        .on_sampling(scripted_model)
        .connect()
        .await?;

    for tool in client.list_tools().await? {
        say(&format!("Tool:  {}", tool.name))?;
    }
    say("Using tool: create_product")?;
    let arguments = [("product_name", "Test Product"), ("keywords", "key-1, key-2")];
    let product: Product = client.call("create_product", arguments).await?;
    say(&format!("Result: {}", serde_json::to_string_pretty(&product)?))?;

    if options.debug {
        let carrier = if client.protocol_version().is_modern() {
            "the question ended a round (input_required), the answer came with the next one"
        } else {
            "the question was a request of the server in the middle of the call"
        };
        writeln!(io::stderr(), "Protocol version {}: {carrier}", client.protocol_version())?;
    }
    Ok(client.close().await?)
}

/// Stands in for a model: it prints what it was asked and always answers the same.
async fn scripted_model(request: CreateMessageRequestParams) -> Result<CreateMessageResult, ErrorObject> {
    for message in &request.messages {
        for text in message.content.iter().filter_map(|block| block.as_text()) {
            // A model that cannot print still answers.
            let _ = say(&format!("Sampling request: {text}"));
        }
    }
    Ok(CreateMessageResult::text("fake-model", "This is a fake LLM response"))
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
