//! Servers and clients over sockets, and over what carries whole messages.

use futures_channel::mpsc;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::CreateMessageResult;
use mcp_runtime::{Client, ErrorKind, Messages, Transport};
use mcp_tests::{add, checked};
use serde_json::{Value, json};

/// Ask the model.
#[tool]
async fn ask(ctx: Context) -> Result<String> {
    Ok(ctx.sample("the question").await?.text()?.to_owned())
}

fn server() -> Server {
    Server::new("s").tools(tools![add, ask])
}

/// Calls a tool whose model answers, and one that needs none.
async fn is_whole(transport: impl Transport, era: Era) {
    let client = checked::over(transport)
        .era(era)
        .on_sampling(|_| async { Ok(CreateMessageResult::text("a-model", "the answer")) })
        .connect()
        .await
        .expect("a connection");
    assert_eq!(client.call::<String>("ask", ()).await.expect("answered"), "the answer", "{era:?}");
    assert_eq!(client.call::<i64>("add", json!({ "a": 1, "b": 2 })).await.expect("a sum"), 3, "{era:?}");
    client.close().await.expect("it ends");
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_a_transport() {
    for era in [Era::Legacy, Era::Modern] {
        let (ours, theirs) = tokio::net::UnixStream::pair().expect("sockets");
        let serving = tokio::spawn(server().serve(theirs));
        is_whole(ours, era).await;
        serving.await.expect("no panic").expect("it ends with its client");
    }
}

#[tokio::test]
async fn a_tcp_connection_is_a_transport() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    for era in [Era::Legacy, Era::Modern] {
        let connect = tokio::net::TcpStream::connect(address);
        let (ours, accepted) = tokio::join!(connect, listener.accept());
        let serving = tokio::spawn(server().serve(accepted.expect("a connection").0));
        is_whole(ours.expect("a connection"), era).await;
        serving.await.expect("no panic").expect("it ends with its client");
    }
}

#[tokio::test]
async fn whole_messages_are_a_transport() {
    for era in [Era::Legacy, Era::Modern] {
        let (to_server, at_server) = mpsc::channel::<String>(1);
        let (to_client, at_client) = mpsc::channel::<String>(1);
        let serving = tokio::spawn(server().serve(Messages::new(at_server.map(std::io::Result::Ok), to_client)));
        is_whole(Messages::new(at_client.map(std::io::Result::Ok), to_server), era).await;
        serving.await.expect("no panic").expect("it ends with its client");
    }
}

fn call(id: i64) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
        "name": "add", "arguments": { "a": id, "b": 1 }, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    } })
}

#[tokio::test]
async fn a_message_may_have_line_breaks_and_gets_one_message_as_its_answer() {
    let (mut to_server, at_server) = mpsc::unbounded::<Vec<u8>>();
    let (to_client, mut at_client) = mpsc::unbounded::<String>();
    tokio::spawn(server().serve(Messages::new(at_server.map(std::io::Result::Ok), to_client)));
    for id in 1..=3 {
        let message = serde_json::to_vec_pretty(&call(id)).expect("JSON");
        assert!(message.contains(&b'\n'));
        to_server.send(message).await.expect("it listens");
    }
    for id in 1..=3 {
        let answer = at_client.next().await.expect("an answer");
        assert!(!answer.contains('\n'), "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("one message");
        assert_eq!((&answer["id"], &answer["result"]["structuredContent"]["result"]), (&json!(id), &json!(id + 1)));
    }
}

#[tokio::test]
async fn an_error_of_what_carries_messages_is_that_of_the_server() {
    let broken = stream::iter([Err::<Vec<u8>, _>("the cable is cut")]);
    let (to_client, _at_client) = mpsc::unbounded::<String>();
    let error = server().serve(Messages::new(broken, to_client)).await.expect_err("it is broken");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(std::error::Error::source(&error).expect("the reason").to_string(), "the cable is cut");
}

#[tokio::test]
async fn who_waits_when_what_carries_messages_ends_learns_it() {
    let (to_server, mut at_server) = mpsc::unbounded::<String>();
    let (to_client, at_client) = mpsc::unbounded::<String>();
    let client = Client::over(Messages::new(at_client.map(std::io::Result::Ok), to_server)).era(Era::Modern);
    let (connected, ()) = tokio::join!(client.connect(), async move {
        at_server.next().await.expect("a request");
        drop(to_client);
    });
    assert_eq!(connected.expect_err("nobody answers").kind(), ErrorKind::Closed);
}
