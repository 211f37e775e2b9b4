//! Our client over HTTP, against servers made with the official SDKs in Python and TypeScript.
//!
//! `tests/interop/install` fetches them; see `mcp_tests::peers`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use mcp_runtime::ErrorKind;
use mcp_runtime::client::{Client, ClientBuilder, Era, ServerChange};
use mcp_runtime::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, ProtocolVersion,
    SubscriptionFilter,
};
use mcp_tests::checked;
use mcp_tests::peers::{installed, node};
use serde_json::{Map, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A test that takes longer hangs.
const LONG: Duration = Duration::from_secs(120);

/// A server of theirs, until it is dropped.
struct Theirs {
    _process: Child,
    url: String,
}

impl Theirs {
    async fn start(mut command: Command) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("it has one")).lines();
        let url = timeout(LONG, lines.next_line()).await.expect("in time").expect("it says").expect("its URL");
        // Whatever else it prints must not stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _process: process, url }
    }

    fn client(&self, era: Era) -> ClientBuilder {
        checked::other::http(&*self.url)
            .era(era)
            .timeout(LONG)
            .probe_timeout(LONG)
            .on_sampling(|request: CreateMessageRequestParams| async move {
                Ok(CreateMessageResult::text("parrot", request.joined_text()))
            })
            .on_elicitation(|_: ElicitRequestParams| async {
                Ok(ElicitResult::accept(Map::from_iter([("size".to_owned(), json!(7))])))
            })
    }

    async fn connect(&self, era: Era) -> Client {
        self.client(era).connect().await.unwrap_or_else(|error| panic!("{} {era:?}: {error:?}", self.url))
    }
}

fn python(name: &str, lock: &str, program: &str, mode: &str) -> Option<Command> {
    let place = installed(env!("CARGO_TARGET_TMPDIR"), name, lock)?;
    let mut command = Command::new(place.join("bin/python"));
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/python").join(program)).arg(mode);
    Some(command)
}

fn python_2(mode: &str) -> Option<Command> {
    python("mcp", include_str!("interop/python/mcp.txt"), "http_server.py", mode)
}

fn python_1(mode: &str) -> Option<Command> {
    python("fastmcp", include_str!("interop/python/fastmcp.txt"), "http_server_v1.py", mode)
}

fn typescript() -> Option<Command> {
    let node = node(env!("CARGO_TARGET_TMPDIR"))?;
    let lock = include_str!("interop/typescript/package-lock.json");
    let program = installed(env!("CARGO_TARGET_TMPDIR"), "typescript", lock)?;
    let mut command = Command::new(node);
    // The program is a link; what it imports stands beside the link.
    command.args(["--preserve-symlinks", "--preserve-symlinks-main"]).arg(program.join("http_server.mjs"));
    Some(command)
}

/// What every one of their servers can do.
async fn see_all(client: &Client, what: &str) {
    assert_eq!(client.instructions(), Some("Ask."), "{what}");
    assert!(client.list_tools().await.expect("a list").iter().any(|tool| tool.name == "add"), "{what}");
    assert_eq!(client.call::<i64>("add", [("a", 20), ("b", 22)]).await.expect("a sum"), 42, "{what}");
    let failed = client.call_tool("broken", ()).await.expect("a result");
    // Version 2 in Python keeps the reason to itself.
    assert!(failed.is_error && !failed.joined_text().is_empty(), "{what}: {failed:?}");
    assert_eq!(client.read_resource("note://tea").await.expect("it is there").joined_text(), "about tea", "{what}");
    let error = client.read_resource("note://nothing").await.expect_err("it is not there");
    assert_eq!(error.kind(), ErrorKind::Refused, "{what}: {error:?}");
    let prompt = client.get_prompt("greet", [("name", "Ada")]).await.expect("a prompt");
    assert_eq!(prompt.joined_text(), "Greet Ada", "{what}");
}

async fn see_answers(client: &Client, what: &str) {
    assert_eq!(client.call::<String>("ask", [("question", "why?")]).await.expect("an answer"), "why?", "{what}");
}

async fn see_progress(theirs: &Theirs, era: Era, what: &str) {
    let (said, mut heard) = mpsc::unbounded_channel();
    let client = theirs.client(era).on_progress(move |it| _ = said.send(it.progress)).connect().await;
    let client = client.expect("a connection");
    assert_eq!(client.call::<String>("report", ()).await.expect("a result"), "reported", "{what}");
    assert_eq!([heard.try_recv(), heard.try_recv()], [Ok(1.0), Ok(2.0)], "{what}");
    client.close().await.expect("it ends");
}

#[tokio::test]
async fn python_servers_of_version_2_are_called() {
    for mode in ["streamable", "json", "stateless"] {
        let Some(command) = python_2(mode) else { return };
        let theirs = Theirs::start(command).await;
        for (era, version) in [
            (Era::Auto, ProtocolVersion::V2026_07_28),
            (Era::Modern, ProtocolVersion::V2026_07_28),
            (Era::Legacy, ProtocolVersion::V2025_11_25),
        ] {
            let what = format!("{mode} {era:?}");
            let client = theirs.connect(era).await;
            assert_eq!(client.protocol_version(), version, "{what}");
            see_all(&client, &what).await;
            // Their legacy transport has no way to ask without sessions, or without event streams.
            if version.is_modern() || mode == "streamable" {
                see_answers(&client, &what).await;
                assert_eq!(client.call::<i64>("order", ()).await.expect("an answer"), 7, "{what}");
            }
            let region: String = client.call("region", [("region", "Zürich")]).await.expect("it");
            assert_eq!(region, "Zürich", "{what}");
            if mode == "streamable" {
                see_progress(&theirs, era, &what).await;
            }
            client.close().await.expect("it ends");
        }
    }
}

#[tokio::test]
async fn a_python_server_of_version_2_tells_of_changes() {
    let Some(command) = python_2("streamable") else { return };
    let theirs = Theirs::start(command).await;
    let client = theirs.connect(Era::Modern).await;
    let mut changes = client.subscribe(SubscriptionFilter::new().resource("note://tea")).await.expect("a subscription");
    assert_eq!(client.call::<String>("touch", ()).await.expect("touched"), "touched");
    let change = timeout(LONG, changes.next()).await.expect("in time").expect("it goes on").expect("a change");
    assert_eq!(change, ServerChange::Resource("note://tea".to_owned()));
}

#[tokio::test]
async fn python_servers_of_version_1_are_called() {
    for mode in ["streamable", "json", "stateless", "resumable"] {
        let Some(command) = python_1(mode) else { return };
        let theirs = Theirs::start(command).await;
        for era in [Era::Auto, Era::Legacy] {
            let what = format!("{mode} {era:?}");
            let client = theirs.connect(era).await;
            assert_eq!(client.protocol_version(), ProtocolVersion::V2025_11_25, "{what}");
            see_all(&client, &what).await;
            if matches!(mode, "streamable" | "resumable") {
                see_answers(&client, &what).await;
                assert_eq!(client.call::<i64>("order", ()).await.expect("an answer"), 7, "{what}");
                see_progress(&theirs, era, &what).await;
                let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await.expect("a subscription");
                // It does not say that it tells of changes, so that nobody is told.
                assert!(!changes.filter().tools_list_changed, "{what}");
                assert_eq!(client.call::<String>("change", ()).await.expect("it"), "changed");
                assert!(timeout(Duration::from_millis(50), changes.next()).await.is_err(), "{what}");
            }
            if mode == "resumable" {
                assert_eq!(client.call::<String>("come_back", ()).await.expect("it"), "come back", "{what}");
            }
            client.close().await.expect("it ends");
        }
    }
}

#[tokio::test]
async fn python_servers_of_the_oldest_transport_are_called() {
    for command in [python_1("sse"), python_2("sse")] {
        let Some(command) = command else { return };
        let theirs = Theirs::start(command).await;
        for era in [Era::Auto, Era::Legacy] {
            let client = theirs.connect(era).await;
            assert!(!client.protocol_version().is_modern());
            see_all(&client, &theirs.url).await;
            see_answers(&client, &theirs.url).await;
            assert_eq!(client.call::<i64>("order", ()).await.expect("an answer"), 7);
            client.close().await.expect("it ends");
        }
    }
}

#[tokio::test]
async fn typescript_servers_are_called() {
    let Some(command) = typescript() else { return };
    let mut theirs = Theirs::start(command).await;
    for (era, version) in [
        (Era::Auto, ProtocolVersion::V2026_07_28),
        (Era::Modern, ProtocolVersion::V2026_07_28),
        (Era::Legacy, ProtocolVersion::V2025_11_25),
    ] {
        let what = format!("{era:?}");
        let client = theirs.connect(era).await;
        assert_eq!(client.protocol_version(), version, "{what}");
        see_all(&client, &what).await;
        let region: String = client.call("region", [("region", "Zürich")]).await.expect("it");
        assert_eq!(region, "Zürich", "{what}");
        if version.is_modern() {
            see_answers(&client, &what).await;
        }
        client.close().await.expect("it ends");
    }
    theirs.url = theirs.url.replace("/mcp", "/sessions");
    for era in [Era::Auto, Era::Legacy] {
        let what = format!("sessions {era:?}");
        let client = theirs.connect(era).await;
        assert_eq!(client.protocol_version(), ProtocolVersion::V2025_11_25, "{what}");
        see_all(&client, &what).await;
        see_answers(&client, &what).await;
        see_progress(&theirs, era, &what).await;
        client.close().await.expect("it ends");
    }
}
