//! A server of theirs.

use std::process::Stdio;
use std::time::Duration;

use mcp_runtime::client::{Client, ClientBuilder, Era};
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult};
use mcp_tests::checked;
use serde_json::{Map, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A test that takes longer hangs.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// How a server of theirs is reached.
pub(crate) enum Theirs<'a> {
    /// Each client starts its own.
    Stdio(&'a dyn Fn() -> Command),
    /// One that was started, until this is dropped.
    Http { _process: Child, url: String },
    /// In this process.
    Made(&'a dyn Fn() -> ClientBuilder),
}

impl Theirs<'_> {
    /// Starts one that prints its URL.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut process = spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut lines = lines(process.stdout.take());
        let url = timeout(LONG, lines.next_line()).await.expect("in time").expect("it says").expect("its URL");
        drain(lines);
        Self::Http { _process: process, url }
    }

    /// Starts one at a URL, and waits until its errors have a line with this.
    pub(crate) async fn start_at(mut command: Command, url: String, says: &str) -> Self {
        let mut process = spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let mut lines = lines(process.stderr.take());
        let listens =
            async { while !lines.next_line().await.expect("it says").expect("that it listens").contains(says) {} };
        timeout(LONG, listens).await.expect("in time");
        drain(lines);
        Self::Http { _process: process, url }
    }

    /// A client of ours whose model answers with the question, or, where it has a tool, uses that for it, and whose user
    /// wants a size of 7.
    pub(crate) fn client(&self, era: Era) -> ClientBuilder {
        let client = match self {
            Self::Stdio(command) => checked::other::stdio(command()).on_stderr(|_| {}),
            Self::Http { url, .. } => checked::other::http(&**url),
            Self::Made(client) => client(),
        };
        client
            .era(era)
            .timeout(LONG)
            .probe_timeout(LONG)
            .sampling_tools()
            .on_sampling(|request: CreateMessageRequestParams| async move {
                let wish = request.joined_text();
                let Some(tool) = request.tools.first() else { return Ok(CreateMessageResult::text("parrot", wish)) };
                let uses = json!({ "type": "tool_use", "id": "1", "name": tool.name, "input": { "query": wish } });
                let answer = json!({ "role": "assistant", "model": "m", "stopReason": "toolUse", "content": [uses] });
                Ok(serde_json::from_value(answer).expect("an answer"))
            })
            .on_elicitation(|_: ElicitRequestParams| async {
                Ok(ElicitResult::accept(Map::from_iter([("size".to_owned(), json!(7))])))
            })
    }

    pub(crate) async fn connect(&self, era: Era) -> Client {
        self.client(era).connect().await.unwrap_or_else(|error| panic!("{era:?}: {error:?}"))
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).kill_on_drop(true).spawn().expect("it starts")
}

fn lines<S: AsyncRead + Unpin>(stream: Option<S>) -> Lines<BufReader<S>> {
    BufReader::new(stream.expect("it has one")).lines()
}

/// Whatever else it prints must not stop it.
fn drain<S: AsyncRead + Unpin + Send + 'static>(mut lines: Lines<BufReader<S>>) {
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
}
