//! The official server that has everything, of the legacy era.

use std::net::TcpListener;

use mcp_runtime::client::{Client, ClientBuilder, Era, ServerChange};
use mcp_runtime::protocol::{
    ContentBlock, ElicitRequestParams, ElicitResult, ListRootsResult, LoggingLevel, Root, SubscriptionFilter,
};
use mcp_tests::interop::{Feature, Role, Row};
use mcp_tests::peers::Peer;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::theirs::{LONG, Theirs};
use crate::{LEGACY, TARGET};

const PEER: Peer = Peer::Everything;

/// A client that can be asked everything.
fn client(theirs: &Theirs<'_>, era: Era) -> ClientBuilder {
    theirs
        .client(era)
        .on_elicitation(|form: ElicitRequestParams| async move {
            assert_eq!(form.message, "Please provide inputs for the following fields:");
            let content = json!({ "name": "Ada", "integer": 7, "untitledMultipleSelectEnum": ["Piano", "Bass"] });
            Ok(ElicitResult::accept(content.as_object().cloned().expect("an object")))
        })
        .on_roots(|()| async { Ok(ListRootsResult::new([Root::new("file:///tea")])) })
}

async fn text(client: &Client, tool: &str, arguments: serde_json::Value) -> String {
    let called = client.call_tool(tool, arguments).await.expect("a result");
    assert!(!called.is_error, "{tool}: {called:?}");
    called.joined_text()
}

async fn sees_everything(theirs: &Theirs<'_>, over: &'static str, era: Era) {
    let what = format!("{over}, {era:?}");
    let mut row = Row::new(PEER, Role::Server, over, LEGACY.to_string());
    let (said, mut heard) = mpsc::unbounded_channel();
    let (logged, mut logs) = mpsc::unbounded_channel();
    let client = client(theirs, era)
        .on_progress(move |it| _ = said.send(it.progress))
        .on_log(LoggingLevel::Debug, move |it| _ = logged.send(it.data));
    let client = client.connect().await.expect("a connection");
    assert_eq!(client.protocol_version(), LEGACY, "{what}");

    // What asks is there only when the client has said what it can be asked.
    let mut changes = client.subscribe(SubscriptionFilter::new().resource(NOTE)).await.expect("a subscription");
    let tools = client.list_tools().await.expect("a list");
    assert!(tools.iter().any(|tool| tool.name == "get-structured-content"), "{what}: {tools:?}");
    row.saw(Feature::List);

    assert_eq!(text(&client, "echo", json!({ "message": "tea" })).await, "Echo: tea", "{what}");
    let weather = client.call_tool("get-structured-content", json!({ "location": "Chicago" })).await.expect("it");
    assert!(weather.structured_content.is_some_and(|it| it.get().contains("\"temperature\":")), "{what}");
    let image = client.call_tool("get-tiny-image", ()).await.expect("an image");
    assert!(image.content.iter().any(|block| matches!(block, ContentBlock::Image(_))), "{what}: {image:?}");
    let wrong = client.call_tool("get-sum", json!({ "a": "x" })).await.expect("a result");
    assert!(wrong.is_error && wrong.joined_text().contains("nvalid"), "{what}: {wrong:?}");
    row.saw(Feature::Call);

    let read = client.read_resource(NOTE).await.expect("it is there").joined_text();
    assert!(read.contains("Resource 1"), "{what}: {read}");
    row.saw(Feature::Resources);
    let prompt = client.get_prompt("args-prompt", [("city", "Zürich")]).await.expect("a prompt");
    assert_eq!(prompt.joined_text(), "What's weather in Zürich?", "{what}");
    row.saw(Feature::Prompts);
    let names = client.complete_prompt("completable-prompt", "name", "A").argument("department", "Engineering");
    assert_eq!(names.await.expect("values").values, ["Alice"], "{what}");
    row.saw(Feature::Completion);

    let sampled = text(&client, "trigger-sampling-request", json!({ "prompt": "why?" })).await;
    assert!(sampled.contains("context: why?"), "{what}: {sampled}");
    row.saw(Feature::Sampling);
    row.lacks(Feature::SamplingWithTools, "no tool of its gives tools to the model");
    let elicited = text(&client, "trigger-elicitation-request", json!({})).await;
    assert!(elicited.contains("- Name: Ada") && elicited.contains("- Favorite Integer: 7"), "{what}: {elicited}");
    row.saw(Feature::Elicitation);
    let roots = text(&client, "get-roots-list", json!({})).await;
    assert!(roots.contains("file:///tea"), "{what}: {roots}");

    let long = text(&client, "trigger-long-running-operation", json!({ "duration": 0.05, "steps": 2 })).await;
    assert!(long.starts_with("Long running operation completed"), "{what}: {long}");
    assert_eq!([heard.try_recv(), heard.try_recv()], [Ok(1.0), Ok(2.0)], "{what}");
    row.saw(Feature::Progress);

    // It says so when somebody subscribes.
    let logged =
        async { while !logs.recv().await.expect("it goes on").as_str().is_some_and(|it| it.contains(NOTE)) {} };
    timeout(LONG, logged).await.expect("in time");
    row.saw(Feature::Logging);
    text(&client, "toggle-subscriber-updates", json!({})).await;
    let change = timeout(LONG, changes.next()).await.expect("in time").expect("it goes on").expect("a change");
    assert_eq!(change, ServerChange::Resource(NOTE.to_owned()), "{what}");
    row.saw(Feature::Subscriptions);
    row.lacks(Feature::Cancellation, "no tool of its shows that it was given up");
    client.close().await.expect("it ends");
    row.finish(TARGET);
}

const NOTE: &str = "demo://resource/dynamic/text/1";

#[tokio::test]
async fn the_server_that_has_everything_shows_it() {
    if PEER.program(TARGET, "stdio").is_none() {
        return;
    }
    let stdio = || PEER.program(TARGET, "stdio").expect("it is installed");
    for era in [Era::Auto, Era::Legacy] {
        sees_everything(&Theirs::Stdio(&stdio), "stdio", era).await;
    }
    for (mode, over, path) in [("streamableHttp", "HTTP", "mcp"), ("sse", "HTTP+SSE", "sse")] {
        // It must be told its port, and says when it listens.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        let mut command = PEER.program(TARGET, mode).expect("it is installed");
        command.env("PORT", port.to_string());
        let theirs = Theirs::start_at(command, format!("http://127.0.0.1:{port}/{path}"), &port.to_string()).await;
        for era in [Era::Auto, Era::Legacy] {
            sees_everything(&theirs, over, era).await;
        }
    }
}
