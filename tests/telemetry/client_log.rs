//! What tools trace is heard by whoever calls them.

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use mcp_runtime::prelude::*;
use mcp_runtime::{ClientLog, Resume};
use mcp_tests::raw::{Call, Peer, meta, shout, text};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::{Instrument as _, Span};
use tracing_subscriber::prelude::*;

/// What goes to standard error elsewhere.
static OPERATOR: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Operator;

impl io::Write for Operator {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OPERATOR.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the operator has read so far.
fn operator() -> String {
    String::from_utf8(OPERATOR.lock().expect("nobody panicked").clone()).expect("UTF-8")
}

/// For all threads of this program, so that blocking tools are seen, too.
static LOG: LazyLock<ClientLog> = LazyLock::new(|| {
    let log = ClientLog::new().targets([module_path!()]);
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Operator))
        .with(log.layer())
        .init();
    log
});

fn start(server: Server) -> Peer {
    LazyLock::force(&LOG);
    Peer::start(server)
}

fn call(name: &str, level: &str) -> Call {
    let mut call = Call::new(name, json!({}));
    let mut meta = meta();
    meta["io.modelcontextprotocol/logLevel"] = json!(level);
    call.params.insert("_meta".to_owned(), meta);
    call
}

/// What came of the log, as level, logger and data.
fn messages(peer: &mut Peer) -> Vec<Value> {
    let heard = std::mem::take(&mut peer.heard);
    let message = |mut it: Value| (it["method"] == "notifications/message").then(|| it["params"].take());
    heard.into_iter().filter_map(message).collect()
}

fn data(peer: &mut Peer) -> Vec<Value> {
    messages(peer).into_iter().map(|mut it| it["data"].take()).collect()
}

/// Trace in every way. It does not know of its client.
#[tool]
fn trace_all() {
    tracing::trace!("too much");
    tracing::debug!("details");
    tracing::info!(path = "a.csv", rows = 3, ratio = 0.5, done = true, "imported");
    tracing::warn!(left = ?vec![1, 2]);
    let error = io::Error::other("disk is full");
    tracing::error!(error = &error as &dyn std::error::Error, "not saved");
    tracing::info!(target: "sqlx::query", "a secret");
    tracing::info!(target: "mcp_runtime::engine", "the runtime's own");
    tracing::info!(target: "client_logs", "somebody else's");
    tracing::info!(target: "client_log::db", "below");
    tracing::info_span!("inner").in_scope(|| tracing::info!("inside"));
}

#[tokio::test]
async fn events_are_messages_with_their_fields() {
    let mut peer = start(Server::new("s").tools(tools![trace_all]));
    peer.call(&call("trace_all", "debug")).await.expect("a result");
    let module = "client_log";
    let imported = json!({ "message": "imported", "path": "a.csv", "rows": 3, "ratio": 0.5, "done": true });
    assert_eq!(
        messages(&mut peer),
        [
            json!({ "level": "debug", "logger": module, "data": "details" }),
            json!({ "level": "info", "logger": module, "data": imported }),
            json!({ "level": "warning", "logger": module, "data": { "left": "[1, 2]" } }),
            json!({ "level": "error", "logger": module, "data": { "message": "not saved", "error": "disk is full" } }),
            json!({ "level": "info", "logger": "client_log::db", "data": "below" }),
            json!({ "level": "info", "logger": module, "data": "inside" }),
        ]
    );
    let operator = operator();
    for line in ["imported", "a secret", "the runtime's own"] {
        assert!(operator.contains(line), "whoever operates it still sees {line:?} in {operator}");
    }
}

#[tokio::test]
async fn clients_hear_what_they_asked_for() {
    let mut peer = start(Server::new("s").tools(tools![trace_all]));
    peer.call(&Call::new("trace_all", json!({}))).await.expect("a result");
    assert!(messages(&mut peer).is_empty(), "nobody asked");
    peer.call(&call("trace_all", "error")).await.expect("a result");
    assert_eq!(messages(&mut peer).len(), 1);

    let legacy = start(Server::new("s").tools(tools![trace_all]));
    let mut peer = legacy;
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" }, "_meta": {},
    });
    let Value::Object(hello) = hello else { unreachable!() };
    peer.request("initialize", hello).await.expect("it shakes hands");
    let mut bare = Call::new("trace_all", json!({}));
    bare.params.insert("_meta".to_owned(), json!({}));
    peer.call(&bare).await.expect("a result");
    assert_eq!(messages(&mut peer).len(), 5, "from `info` on, until it says otherwise");
}

/// Spawn tasks with the span and without.
#[tool]
async fn spawn() {
    let inside = async { tracing::info!("with its span") }.instrument(Span::current());
    tokio::spawn(inside).await.expect("it ends");
    tokio::spawn(async { tracing::info!("without") }).await.expect("it ends");
    tokio::task::yield_now().await;
    tracing::info!("later");
}

/// Block a thread.
#[tool(blocking)]
fn block() {
    tracing::info!("on a thread");
}

#[tokio::test]
async fn tasks_with_the_span_and_threads_belong_to_the_call() {
    let mut peer = start(Server::new("s").tools(tools![spawn, block]));
    peer.call(&call("spawn", "info")).await.expect("a result");
    assert_eq!(data(&mut peer), ["with its span", "later"]);
    peer.call(&call("block", "info")).await.expect("a result");
    assert_eq!(data(&mut peer), ["on a thread"]);
}

/// Ask the model, and trace around that.
#[tool]
async fn ask(ctx: Context) -> Result<String> {
    tracing::info!("before");
    let answer = ctx.sample("well?").await?.text()?.to_owned();
    tracing::info!("after");
    Ok(answer)
}

#[tokio::test]
async fn each_round_hears_its_own_and_nothing_twice() {
    for resume in [Resume::Auto, Resume::Replay] {
        let mut peer = start(Server::new("s").resume(resume).tools(tools![ask]));
        let call = call("ask", "info");
        let asked = peer.call(&call).await.expect("a question");
        assert_eq!(data(&mut peer), ["before"], "{resume:?}");
        let result = peer.call(&call.next(&asked, shout)).await.expect("a result");
        assert_eq!(text(&result), "WELL?");
        assert_eq!(data(&mut peer), ["after"], "{resume:?}");
    }
}

/// Wait, and say whose call it is.
#[tool]
async fn whose(ctx: Context, go: State<Notify>) {
    let id = ctx.request_id().to_string();
    go.notified().await;
    tracing::info!(id, "mine");
}

#[tokio::test]
async fn calls_at_the_same_time_are_told_apart() {
    let go = Arc::new(Notify::new());
    let mut peer = start(Server::new("s").state(go.clone()).tools(tools![whose]));
    let (heard, deaf) = (call("whose", "info"), Call::new("whose", json!({})));
    let one = peer.send("tools/call", heard.params).await;
    let two = peer.send("tools/call", deaf.params).await;
    let three = peer.send("tools/call", call("whose", "info").params).await;
    // By the time that this is answered, all have arrived.
    peer.request("tools/list", Default::default()).await.expect("a list");
    go.notify_waiters();
    for id in [one, two, three] {
        peer.receive(id).await.expect("a result");
    }
    let mut ids: Vec<_> = data(&mut peer).into_iter().map(|mut it| it["id"].take()).collect();
    ids.sort_by_key(Value::to_string);
    assert_eq!(ids, [one.to_string(), three.to_string()]);
}

struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("while it is written");
        f.write_str("chatty")
    }
}

/// Trace something that traces.
#[tool]
fn chat() {
    tracing::info!(value = ?Chatty, "outer");
}

#[tokio::test]
async fn what_is_traced_while_an_event_is_sent_is_not() {
    let mut peer = start(Server::new("s").tools(tools![chat]));
    peer.call(&call("chat", "info")).await.expect("a result");
    let own: Vec<_> = data(&mut peer).into_iter().filter(|it| it.is_object()).collect();
    assert_eq!(own, [json!({ "message": "outer", "value": "chatty" })]);
}

/// Trace more than anybody can read.
#[tool]
fn flood() {
    for number in 0..1000 {
        tracing::info!(number);
    }
}

#[tokio::test]
async fn what_there_is_no_room_for_is_dropped_and_counted() {
    let mut peer = start(Server::new("s").tools(tools![flood]));
    let before = LOG.dropped();
    peer.call(&call("flood", "info")).await.expect("a result");
    let came = messages(&mut peer).len() as u64;
    assert!((1..1000).contains(&came), "{came}");
    assert_eq!(LOG.dropped() - before, 1000 - came);
}

/// Leave a task behind.
#[tool]
fn leave(go: State<Notify>) {
    let go = go.0.clone();
    let task = async move {
        go.notified().await;
        tracing::info!("nobody is there");
        go.notify_one();
    };
    tokio::spawn(task.instrument(Span::current()));
}

#[tokio::test]
async fn when_the_call_has_ended_nothing_is_sent() {
    let go = Arc::new(Notify::new());
    let mut peer = start(Server::new("s").state(go.clone()).tools(tools![leave, trace_all]));
    peer.call(&call("leave", "info")).await.expect("a result");
    tokio::task::yield_now().await;
    go.notify_one();
    tokio::task::yield_now().await;
    peer.call(&Call::new("trace_all", json!({}))).await.expect("a result");
    assert!(messages(&mut peer).is_empty());
}

#[test]
fn whoever_serves_over_http_without_a_state_key_reads_what_that_means() {
    LazyLock::force(&LOG);
    let warnings = || operator().matches("no state key was given").count();
    let with_key = Server::new("s").state_key([7; 32]).build().expect("it fits together");
    drop(with_key.http());
    assert_eq!(warnings(), 0);
    let without = Server::new("s").build().expect("it fits together");
    assert_eq!(warnings(), 0, "over other transports it means nothing");
    drop(without.http());
    assert_eq!(warnings(), 1);
    assert!(operator().contains("MCP_STATE_KEY"), "the cure");
}
