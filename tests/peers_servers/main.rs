//! Our client, against servers of other makers: over standard streams and over HTTP, in the eras that each of them
//! speaks.
//!
//! `tests/interop/install` fetches them; see `mcp_tests::peers`.

mod everything;
mod http;
mod rmcp;
mod theirs;
mod waiter;

use mcp_runtime::ErrorKind;
use mcp_runtime::client::{Client, Era, ServerChange};
use mcp_runtime::protocol::{ProtocolVersion, SubscriptionFilter};
use mcp_tests::interop::{Feature, Role, Row};
use mcp_tests::peers::Peer;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::theirs::{LONG, Theirs};

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// What clients hear of from a server.
#[derive(Clone, Copy)]
enum Tells {
    /// That a resource was changed, which a tool does.
    OfResources,
    /// That the tools are not what they were.
    OfTools,
    /// Of nothing, for this reason.
    Nothing(&'static str),
}

/// Sees all that every one of their servers can do, in an era, and fills in a row for it.
async fn sees_all(
    theirs: &Theirs<'_>,
    peer: Peer,
    over: &'static str,
    era: Era,
    version: ProtocolVersion,
    tells: Tells,
) {
    let what = format!("{peer:?}, {over}, {era:?}");
    let mut row = Row::new(peer, Role::Server, over, version.to_string());
    let (said, mut heard) = mpsc::unbounded_channel();
    let client = theirs.client(era).on_progress(move |it| _ = said.send(it.progress)).connect().await;
    let client = client.unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert_eq!(client.protocol_version(), version, "{what}");
    see_offers(&client, &what, &mut row).await;
    see_answers(&client, &what, &mut row).await;
    if peer == Peer::FastMcp4 {
        const BENEATH: &str = "with the SDK on which it stands; it has nothing of its own for that any more";
        row.saw_but(Feature::Sampling, BENEATH);
        row.saw_but(Feature::SamplingWithTools, BENEATH);
    }

    assert_eq!(client.call::<String>("report", ()).await.expect("a result"), "reported", "{what}");
    assert_eq!([heard.try_recv(), heard.try_recv()], [Ok(1.0), Ok(2.0)], "{what}");
    row.saw(Feature::Progress);
    // A call that is dropped when it has begun is dropped at the server.
    tokio::select! {
        ended = client.call_tool("linger", ()) => panic!("{what}: {ended:?}"),
        begun = timeout(LONG, heard.recv()) => assert_eq!(begun.expect("in time"), Some(1.0), "{what}"),
    }
    assert!(client.call::<bool>("dropped", ()).await.expect("it is"), "{what}");
    row.saw(Feature::Cancellation);
    see_changes(&client, tells, &what, &mut row).await;
    client.close().await.expect("it ends");
    row.finish(TARGET);
}

async fn see_offers(client: &Client, what: &str, row: &mut Row) {
    assert_eq!(client.instructions(), Some("Ask."), "{what}");
    assert!(client.list_tools().await.expect("a list").iter().any(|tool| tool.name == "add"), "{what}");
    row.saw(Feature::List);
    assert_eq!(client.call::<i64>("add", [("a", 20), ("b", 22)]).await.expect("a sum"), 42, "{what}");
    let failed = client.call_tool("broken", ()).await.expect("a result");
    // Version 2 in Python keeps the reason to itself.
    assert!(failed.is_error && !failed.joined_text().is_empty(), "{what}: {failed:?}");
    row.saw(Feature::Call);
    assert_eq!(client.read_resource("note://tea").await.expect("it is there").joined_text(), "about tea", "{what}");
    let error = client.read_resource("note://nothing").await.expect_err("it is not there");
    assert_eq!(error.kind(), ErrorKind::Refused, "{what}: {error:?}");
    row.saw(Feature::Resources);
    let prompt = client.get_prompt("greet", [("name", "Ada")]).await.expect("a prompt");
    assert_eq!(prompt.joined_text(), "Greet Ada", "{what}");
    row.saw(Feature::Prompts);
}

async fn see_answers(client: &Client, what: &str, row: &mut Row) {
    assert_eq!(client.call::<String>("ask", [("question", "why?")]).await.expect("an answer"), "why?", "{what}");
    row.saw(Feature::Sampling);
    assert_eq!(client.call::<String>("shop", ()).await.expect("an answer"), "search tea", "{what}");
    row.saw(Feature::SamplingWithTools);
    assert_eq!(client.call::<i64>("order", ()).await.expect("an answer"), 7, "{what}");
    row.saw(Feature::Elicitation);
}

async fn see_changes(client: &Client, tells: Tells, what: &str, row: &mut Row) {
    let (filter, tool, expected) = match tells {
        Tells::OfResources => {
            let filter = SubscriptionFilter::new().resource("note://tea");
            (filter, "touch", ServerChange::Resource("note://tea".to_owned()))
        }
        Tells::OfTools => (SubscriptionFilter::new().tools(), "change", ServerChange::Tools),
        Tells::Nothing(why) => {
            match client.subscribe(SubscriptionFilter::new().tools()).await {
                Ok(subscription) => assert!(!subscription.filter().tools_list_changed, "{what}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Refused, "{what}: {error:?}"),
            }
            return row.lacks(Feature::Subscriptions, why);
        }
    };
    let mut changes = client.subscribe(filter).await.expect("a subscription");
    client.call_tool(tool, ()).await.expect("it is changed");
    let change = timeout(LONG, changes.next()).await.expect("in time").expect("it goes on").expect("a change");
    assert_eq!(change, expected, "{what}");
    row.saw(Feature::Subscriptions);
}

const MODERN: ProtocolVersion = ProtocolVersion::V2026_07_28;
const LEGACY: ProtocolVersion = ProtocolVersion::V2025_11_25;

/// Sees all of a server over standard streams and over HTTP: a program, with what it is to be told for each.
async fn sees_both(
    peer: Peer,
    program: &str,
    stdio: &[&str],
    http: &[&str],
    eras: &[(Era, ProtocolVersion)],
    tells: impl Fn(ProtocolVersion) -> Tells,
) {
    let command = |arguments: &[&str]| {
        let mut command = peer.program(TARGET, program)?;
        command.args(arguments);
        Some(command)
    };
    let Some(served) = command(http) else { return };
    let mut seen = None;
    for (era, version) in eras {
        // Each client starts a server; who finds out what that speaks need not be told it.
        if seen.replace(version) != Some(version) {
            let stdio = || command(stdio).expect("it is installed");
            sees_all(&Theirs::Stdio(&stdio), peer, "stdio", *era, *version, tells(*version)).await;
        }
    }
    let theirs = Theirs::start(served).await;
    for (era, version) in eras {
        sees_all(&theirs, peer, "HTTP", *era, *version, tells(*version)).await;
    }
}

const BOTH: [(Era, ProtocolVersion); 3] = [(Era::Auto, MODERN), (Era::Modern, MODERN), (Era::Legacy, LEGACY)];
const ONLY_LEGACY: [(Era, ProtocolVersion); 2] = [(Era::Auto, LEGACY), (Era::Legacy, LEGACY)];

#[tokio::test]
async fn a_python_server_of_version_2_shows_all() {
    let peer = Peer::PythonSdk2;
    sees_both(peer, "server_v2.py", &["stdio"], &["streamable"], &BOTH, |_| Tells::OfResources).await;
}

#[tokio::test]
async fn a_python_server_of_version_1_shows_all() {
    let peer = Peer::PythonSdk1;
    sees_both(peer, "server_v1.py", &["stdio"], &["streamable"], &ONLY_LEGACY, |_| Tells::OfTools).await;
}

#[tokio::test]
async fn a_server_of_fastmcp_4_shows_all() {
    let tells = |version: ProtocolVersion| match version.is_modern() {
        true => Tells::Nothing(
            "it does not serve `subscriptions/listen` (https://github.com/PrefectHQ/fastmcp/issues/4920)",
        ),
        false => Tells::OfTools,
    };
    sees_both(Peer::FastMcp4, "server_fastmcp.py", &[], &["http"], &BOTH, tells).await;
}

#[tokio::test]
async fn a_server_of_fastmcp_3_shows_all() {
    sees_both(Peer::FastMcp3, "server_fastmcp.py", &[], &["http"], &ONLY_LEGACY, |_| Tells::OfTools).await;
}

/// Over HTTP it has legacy clients without sessions, or others with; those are the ones that can be asked.
#[tokio::test]
async fn a_typescript_server_shows_all() {
    let (peer, tells) = (Peer::TypeScriptServer, |_: ProtocolVersion| Tells::OfResources);
    sees_both(peer, "server.mjs", &["stdio"], &["http"], &BOTH[..2], tells).await;
    sees_both(peer, "server.mjs", &["stdio"], &["sessions"], &BOTH[2..], tells).await;
}

#[tokio::test]
async fn a_typescript_server_of_version_1_shows_all() {
    let (peer, tells) = (Peer::TypeScriptSdk1, |_: ProtocolVersion| Tells::OfResources);
    sees_both(peer, "server.mjs", &["stdio"], &["http"], &ONLY_LEGACY, tells).await;
}

/// The transport of 2024-11-05.
#[tokio::test]
async fn servers_of_the_oldest_transport_show_all() {
    let servers = [
        (Peer::PythonSdk1, "server_v1.py", Tells::OfTools),
        (Peer::PythonSdk2, "server_v2.py", Tells::OfResources),
        (Peer::TypeScriptSdk1, "server.mjs", Tells::OfResources),
    ];
    for (peer, program, tells) in servers {
        let Some(mut command) = peer.program(TARGET, program) else { return };
        command.arg("sse");
        let theirs = Theirs::start(command).await;
        for era in [Era::Auto, Era::Legacy] {
            sees_all(&theirs, peer, "HTTP+SSE", era, LEGACY, tells).await;
        }
    }
}
