//! A client that starts this very program as its server and creates a product. The model is a
//! script, unless another one is asked for; everything else is real.

use std::io::{self, Write as _};
use std::process::Stdio;

use clap::{Args, ValueEnum};
use mcp_runtime::client::{Approval, Client, Era, SamplingRequest};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult, Implementation};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::catalog::Product;

#[derive(Args)]
pub struct Options {
    /// Which protocol versions the client speaks.
    #[arg(long, value_enum, default_value = "auto")]
    era: EraOption,

    /// Talk to the server over HTTP instead of its standard input and output.
    #[arg(long)]
    http: bool,

    /// Also say how the messages travelled, on standard error.
    #[arg(long)]
    debug: bool,

    #[cfg(feature = "genai")]
    #[command(flatten)]
    model: crate::model::ModelOptions,
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
    // Its server ends with it.
    let (client, _server) = match options.http {
        false => (Client::stdio(Command::new(std::env::current_exe()?)), None),
        true => {
            let (server, url) = serve().await?;
            (Client::http(&url), Some(server))
        }
    };
    let client = client
        .era(era)
        .info(Implementation::new("product-catalog-demo", env!("CARGO_PKG_VERSION")))
        .approve_sampling(show);
    let scripted = |_: CreateMessageRequestParams| async {
        Ok(CreateMessageResult::text("fake-model", "This is a fake LLM response"))
    };
    #[cfg(feature = "genai")]
    let client = match options.model.model() {
        Some(model) => client.on_sampling(model),
        None => client.on_sampling(scripted),
    };
    #[cfg(not(feature = "genai"))]
    let client = client.on_sampling(scripted);
    let client = client.connect().await?;

    let tools = client.list_tools().await?;
    for tool in &tools {
        say(&format!("Tool:  {}", tool.name))?;
    }
    say("Using tool: create_product")?;
    let arguments = [("product_name", "Test Product"), ("keywords", "key-1, key-2")];
    let product: Product = client.call("create_product", arguments).await?;
    say(&format!("Result: {}", serde_json::to_string_pretty(&product)?))?;

    if tools.iter().any(|tool| tool.name == "suggest_keywords") {
        say("Using tool: suggest_keywords")?;
        let keywords: Vec<String> = client.call("suggest_keywords", [("product_name", "Test Product")]).await?;
        say(&format!("Result: {}", keywords.join(", ")))?;
    }

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

/// Starts this program as a server over HTTP; says where it is.
async fn serve() -> Result<(Child, String)> {
    let mut server = Command::new(std::env::current_exe()?)
        .args(["--http", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stderr = server.stderr.take().ok_or_else(|| ToolError::new("the server has no standard error"))?;
    let line = BufReader::new(stderr).lines().next_line().await?;
    let url = line.as_deref().and_then(|line| line.strip_prefix("serving at "));
    let url = url.ok_or_else(|| ToolError::new("the server does not say where it is"))?.to_owned();
    Ok((server, url))
}

/// Prints what the model is asked, and lets it be asked.
async fn show(request: SamplingRequest) -> Approval<CreateMessageRequestParams> {
    for text in request.params.messages.iter().flat_map(|it| &it.content).filter_map(|block| block.as_text()) {
        // A model whose questions cannot be printed still answers.
        let _ = say(&format!("Sampling request: {text}"));
    }
    Approval::Allow
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
