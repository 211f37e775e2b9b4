//! What calls tell their clients while they run: progress and log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageResult, LoggingLevel, ProgressNotificationParams};
use mcp_runtime::{Client, Extensions, Resume};
use mcp_tests::checked;
use mcp_tests::raw::{Call, Peer, meta, shout, text};
use serde_json::{Value, json};

type Heard<T> = Arc<Mutex<Vec<T>>>;

fn heard<T: Clone>(heard: &Heard<T>) -> Vec<T> {
    heard.lock().expect("nobody panicked").clone()
}

/// A client that writes down the progress of its calls.
async fn client(era: Era, server: Server) -> (Client, Heard<ProgressNotificationParams>) {
    let all = Heard::default();
    let listener = all.clone();
    let client = checked::in_memory(server)
        .era(era)
        .on_sampling(|_| async { Ok(CreateMessageResult::text("m", "yes")) })
        .on_progress(move |it| listener.lock().expect("nobody panicked").push(it))
        .connect()
        .await
        .expect("a connection");
    (client, all)
}

fn counts(all: &[ProgressNotificationParams]) -> Vec<f64> {
    all.iter().map(|it| it.progress).collect()
}

/// Import rows, one each 20 milliseconds.
#[tool]
async fn import(rows: u32, ctx: Context) {
    let mut progress = ctx.progress(rows);
    for row in 1..=rows {
        tokio::time::sleep(Duration::from_millis(20)).await;
        progress.message(format!("row {row}")).inc(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_is_reported_ten_times_a_second_and_to_its_end() {
    for era in [Era::Legacy, Era::Modern] {
        let (client, all) = client(era, Server::new("s").tools(tools![import])).await;
        client.call_tool("import", json!({ "rows": 101 })).await.expect("a result");
        let all = heard(&all);
        assert_eq!(counts(&all).first(), Some(&1.0), "the first one goes out at once");
        assert_eq!(counts(&all).last(), Some(&101.0), "and the last one, although it comes too early");
        assert!(counts(&all).is_sorted_by(|one, next| one < next), "{all:?}");
        assert!((20..=22).contains(&all.len()), "in two seconds: {}", all.len());
        for it in &all {
            assert_eq!((it.total, it.message.clone()), (Some(101.0), Some(format!("row {}", it.progress))));
        }
    }
}

/// Stop in the middle.
#[tool]
async fn stop(ctx: Context) {
    let mut progress = ctx.progress(10.5);
    progress.inc(1).await;
    progress.inc(0.5).await;
    progress.inc(-1).await;
    progress.inc(f64::NAN).await;
    progress.set(1).await;
    progress.inc_now(2u8);
}

#[tokio::test(start_paused = true)]
async fn what_was_held_back_goes_out_when_the_helper_goes() {
    for era in [Era::Legacy, Era::Modern] {
        let (client, all) = client(era, Server::new("s").tools(tools![stop])).await;
        client.call_tool("stop", ()).await.expect("a result");
        assert_eq!(counts(&heard(&all)), [1.0, 3.5], "{era:?}");
        assert_eq!(heard(&all)[0].total, Some(10.5));
    }
}

/// Count an iterator, and a stream.
#[tool]
async fn count(ctx: Context) -> usize {
    let of_iterator = ctx.progress(()).iter(0..3).count();
    let mut items = ctx.progress(Some(5)).stream(stream::iter(0..5));
    let mut of_stream = 0;
    while items.next().await.is_some() {
        of_stream += 1;
        items.progress().message("streaming");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    of_iterator + of_stream
}

/// Stop an iterator early: the item that it stops at is not done.
#[tool]
fn find(ctx: Context) -> Option<u32> {
    ctx.progress(10).iter(0..10).find(|number| *number == 4)
}

#[tokio::test(start_paused = true)]
async fn items_of_iterators_and_streams_are_counted() {
    for era in [Era::Legacy, Era::Modern] {
        let (client, all) = client(era, Server::new("s").tools(tools![count, find])).await;
        assert_eq!(client.call::<usize>("count", ()).await.expect("a number"), 8);
        let counted = heard(&all);
        // The second count goes on where the first one ended.
        assert_eq!(counts(&counted), [1.0, 3.0, 4.0, 5.0]);
        assert_eq!((counted[0].total, counted[2].total), (None, Some(5.0)));
        assert_eq!(counted[3].message.as_deref(), Some("streaming"));
        all.lock().expect("nobody panicked").clear();
        assert_eq!(client.call::<Option<u32>>("find", ()).await.expect("a number"), Some(4));
        assert_eq!(counts(&heard(&all)), [1.0, 4.0]);
    }
}

/// Say that all is done.
#[tool]
async fn finish(ctx: Context) {
    let mut progress = ctx.progress(7usize);
    progress.inc(1).await;
    progress.message("done");
    progress.finish().await;
    ctx.progress(()).finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_can_be_said() {
    let (client, all) = client(Era::Modern, Server::new("s").tools(tools![finish])).await;
    client.call_tool("finish", ()).await.expect("a result");
    assert_eq!(counts(&heard(&all)), [1.0, 7.0]);
    assert_eq!(heard(&all)[1].message.as_deref(), Some("done"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_nobody_asked() {
    let mut peer = Peer::start(Server::new("s").tools(tools![import, stop, count, finish]));
    for call in [Call::new("import", json!({ "rows": 9 })), Call::new("stop", json!({})), Call::new("count", json!({}))]
    {
        peer.call(&call).await.expect("a result");
    }
    assert!(peer.heard.is_empty(), "{:?}", peer.heard);
}

/// Do one half, ask, and do the other one.
#[tool]
async fn halves(ctx: Context) -> Result<String> {
    let mut progress = ctx.progress(4);
    progress.inc(1).await;
    progress.inc(1).await;
    let answer = ctx.sample("go on?").await?.text()?.to_owned();
    tokio::time::sleep(Duration::from_millis(100)).await;
    progress.inc(1).await;
    progress.inc(1).await;
    ctx.info(answer.clone()).logger("halves").await;
    Ok(answer)
}

#[tokio::test(start_paused = true)]
async fn no_carrier_repeats_what_was_reported() {
    let servers = [Resume::Auto, Resume::Replay].map(|resume| (Era::Modern, resume));
    for (era, resume) in servers.into_iter().chain([(Era::Legacy, Resume::Auto)]) {
        let (client, all) = client(era, Server::new("s").resume(resume).tools(tools![halves])).await;
        client.call_tool("halves", ()).await.expect("a result");
        let counts = counts(&heard(&all));
        assert_eq!(counts.first(), Some(&1.0));
        assert_eq!(counts.last(), Some(&4.0));
        assert!(counts.is_sorted_by(|one, next| one < next), "{era:?} {resume:?}: {counts:?}");
    }
}

/// Count without ever waiting for the client.
#[tool]
async fn rush(ctx: Context) {
    let mut progress = ctx.progress(1000);
    progress.message("x".repeat(4096));
    for _ in 0..1000 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        progress.inc_now(1);
    }
}

#[tokio::test(start_paused = true)]
async fn reports_to_a_client_that_does_not_read_are_held_back() {
    let mut peer = Peer::start_buffered(Server::new("s").tools(tools![rush]), Extensions::new(), 64);
    let mut call = Call::new("rush", json!({}));
    let mut meta = meta();
    meta["progressToken"] = json!("t");
    call.params.insert("_meta".to_owned(), meta);
    let id = peer.send("tools/call", call.params).await;
    tokio::time::sleep(Duration::from_secs(101)).await;
    peer.receive(id).await.expect("a result");
    let counts: Vec<_> = peer.heard.iter().filter_map(|it| it["params"]["progress"].as_f64()).collect();
    assert!(counts.is_sorted_by(|one, next| one < next), "{counts:?}");
    assert!((200..1000).contains(&counts.len()), "{}", counts.len());
}

/// Log at every level.
#[tool]
async fn all_levels(ctx: Context) {
    ctx.debug("a").await;
    ctx.info("b").logger("db").await;
    ctx.notice("c").await;
    ctx.warning("d").await;
    ctx.error("e").await;
    ctx.critical("f").await;
    ctx.alert("g").await;
    ctx.emergency(json!({ "all": "is lost" })).logger("storage").await;
    ctx.log(LoggingLevel::Debug, "again").await;
}

async fn logged(level: &str) -> Vec<Value> {
    let mut peer = Peer::start(Server::new("s").tools(tools![all_levels]));
    let mut call = Call::new("all_levels", json!({}));
    let mut meta = meta();
    meta["io.modelcontextprotocol/logLevel"] = json!(level);
    call.params.insert("_meta".to_owned(), meta);
    peer.call(&call).await.expect("a result");
    peer.heard.into_iter().map(|mut it| it["params"].take()).collect()
}

#[tokio::test]
async fn every_level_can_be_reached_and_asked_for() {
    let levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    for (place, level) in levels.into_iter().enumerate() {
        let came: Vec<_> = logged(level).await.into_iter().map(|it| it["level"].clone()).collect();
        let mut expected = levels[place..].to_vec();
        expected.extend((place == 0).then_some("debug"));
        assert_eq!(came, expected);
    }
    let all = logged("info").await;
    assert_eq!(all[0], json!({ "level": "info", "logger": "db", "data": "b" }));
    assert_eq!(all[1], json!({ "level": "notice", "data": "c" }));
    assert_eq!(all[6], json!({ "level": "emergency", "logger": "storage", "data": { "all": "is lost" } }));
}

#[tokio::test]
async fn a_logged_message_is_not_repeated_when_the_call_runs_again() {
    let mut peer = Peer::start(Server::new("s").resume(Resume::Replay).tools(tools![halves]));
    let mut call = Call::new("halves", json!({}));
    let mut meta = meta();
    meta["io.modelcontextprotocol/logLevel"] = json!("debug");
    call.params.insert("_meta".to_owned(), meta);
    let asked = peer.call(&call).await.expect("a question");
    assert!(peer.heard.is_empty());
    let result = peer.call(&call.next(&asked, shout)).await.expect("a result");
    assert_eq!(text(&result), "GO ON?");
    let messages: Vec<_> = peer.heard.iter().map(|it| it["params"]["logger"].clone()).collect();
    assert_eq!(messages, ["halves"]);
}
