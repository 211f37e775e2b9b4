//! A server that offers what another one does: between any two protocol versions.

mod calls;
mod changes;

use mcp_runtime::Resource;
use mcp_runtime::client::{Client, ClientBuilder, Era};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, ListRootsResult, Root,
};
use mcp_tests::checked;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

/// Adds.
#[tool(title = "Sum", annotations(read_only), tags = ["math"])]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Fails.
#[tool]
fn fail() -> Result<()> {
    Err(ToolError::new("no"))
}

/// Asks a model twice.
#[tool]
async fn ask(what: String, ctx: Context) -> Result<String> {
    let first = ctx.sample(&*what).await?.text()?.to_owned();
    let second = ctx.sample(format!("{first} again")).await?;
    Ok(second.text()?.to_owned())
}

/// Asks everybody.
#[tool]
async fn ask_all(ctx: Context) -> Result<String> {
    let agreed = ctx.confirm("May I?").await?;
    let roots = ctx.roots().await?.len();
    Ok(format!("{agreed} {roots}"))
}

/// Greets.
#[prompt]
fn greet(name: &str) -> String {
    format!("Hello, {name}")
}

/// A thing.
#[resource("thing://{id}{?kind}")]
fn thing(id: &str, kind: Option<&str>) -> Option<String> {
    (id != "none").then(|| format!("{id} {kind:?}"))
}

fn upstream() -> Server {
    Server::new("upstream")
        .version("3.2.1")
        .instructions("Ask.")
        .tools(tools![add, fail, ask, ask_all])
        .prompts(prompts![greet])
        .resources(resources![thing])
        .resources(Resource::text("thing://fixed/it", "fixed"))
}

async fn proxy(era: Era) -> Server {
    checked::in_memory(upstream()).era(era).proxy().await.expect("a proxy")
}

/// A client that answers everything.
fn agreeable(builder: ClientBuilder) -> ClientBuilder {
    builder
        .on_sampling(|request: CreateMessageRequestParams| async move {
            Ok(CreateMessageResult::text("m", request.joined_text().to_uppercase()))
        })
        .on_elicitation(|form: ElicitRequestParams| async move { Ok(ElicitResult::accept(form.defaults())) })
        .on_roots(|()| async { Ok(ListRootsResult::new([Root::new("file:///srv")])) })
}

fn all_pairs() -> impl Iterator<Item = (Era, Era)> {
    [Era::Legacy, Era::Modern].into_iter().flat_map(|above| [(above, Era::Legacy), (above, Era::Modern)])
}

/// A server by hand, which answers each message with some.
fn by_hand(mut answer: impl FnMut(&Value) -> Vec<Value> + Send + 'static) -> ClientBuilder {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (reader, mut writer) = tokio::io::split(theirs);
        let mut lines = tokio::io::BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            for mut message in answer(&serde_json::from_str(&line).expect("JSON")) {
                message["jsonrpc"] = json!("2.0");
                writer.write_all(format!("{message}\n").as_bytes()).await.expect("written");
            }
        }
    });
    checked::other::over(ours)
}

fn one_tool() -> Value {
    json!({ "tools": [{ "name": "it", "inputSchema": { "type": "object" } }], "resultType": "complete",
        "ttlMs": 0, "cacheScope": "public" })
}

async fn names(client: &Client) -> Vec<String> {
    client.list_tools().await.expect("a list").into_iter().map(|tool| tool.name).collect()
}
