//! What a server does before its first connection, beside all of them and after the last.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{ErrorKind, MemoryTasks, ReadyServer, ToolError};
use mcp_tests::checked;
use mcp_tests::raw::{Call, Peer, meta};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<&'static str>>>);

impl Said {
    fn say(&self, what: &'static str) {
        self.0.lock().expect("no panic").push(what);
    }

    fn all(&self) -> Vec<&'static str> {
        self.0.lock().expect("no panic").clone()
    }
}

/// Works for a moment.
#[tool]
async fn work(said: State<Said>) {
    said.say("called");
}

fn server(said: &Said) -> Server {
    let say = |what| {
        let said = said.clone();
        move || async move { said.say(what) }
    };
    let start = |what| {
        let said = said.clone();
        move || async move {
            said.say(what);
            Ok(())
        }
    };
    let in_background = said.clone();
    Server::new("it")
        .state(said.clone())
        .tools(tools![work])
        .on_start(start("first"))
        .on_start(start("second"))
        .on_shutdown(say("last"))
        .on_shutdown(say("before the last"))
        .background(move |stop| async move {
            in_background.say("begun");
            stop.cancelled().await;
            in_background.say("told to stop");
        })
}

fn connect(ready: &ReadyServer) -> mcp_runtime::client::ClientBuilder {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let ready = ready.clone();
    tokio::spawn(async move { ready.serve(theirs).await });
    checked::over(ours)
}

#[tokio::test]
async fn hooks_run_once_around_all_connections() {
    let said = Said::default();
    let ready = server(&said).build().expect("it fits together");
    assert_eq!(said.all(), [""; 0]);
    let one = connect(&ready).connect().await.expect("a connection");
    let other = connect(&ready).connect().await.expect("a connection");
    one.call::<()>("work", ()).await.expect("called");
    other.call::<()>("work", ()).await.expect("called");
    ready.shutdown().await;
    let mut all = said.all();
    // It begins when it is scheduled.
    let begun = all.iter().position(|it| *it == "begun").expect("it began");
    all.remove(begun);
    assert_eq!(all, ["first", "second", "called", "called", "told to stop", "before the last", "last"]);
    ready.shutdown().await;
    assert_eq!(said.all().len(), 8, "what was done is not done again");
}

#[tokio::test]
async fn a_server_of_one_connection_ends_with_it() {
    let said = Said::default();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(server(&said).serve(theirs));
    drop(ours);
    serving.await.expect("no panic").expect("it served");
    assert_eq!(said.all().last(), Some(&"last"));
}

#[tokio::test]
async fn a_server_whose_start_fails_serves_nobody() {
    let said = Said::default();
    let fails = || async { Err::<(), _>(ToolError::new("the database is not there")) };
    let ready = server(&said).on_start(fails).build().expect("it fits together");
    let (_ours, theirs) = tokio::io::duplex(1 << 16);
    let error = ready.serve(theirs).await.expect_err("a hook failed");
    assert_eq!(error.kind(), ErrorKind::Startup);
    assert_eq!(error.to_string(), "the server did not start: the database is not there");
    assert_eq!(said.all(), ["first", "second"]);
    // Nobody else is served, either.
    let (_ours, theirs) = tokio::io::duplex(1 << 16);
    assert_eq!(ready.serve(theirs).await.expect_err("it did not start").kind(), ErrorKind::Startup);
    assert_eq!(said.all(), ["first", "second"]);
}

#[tokio::test]
async fn a_start_goes_on_when_the_first_connection_goes_away() {
    let said = Said::default();
    let go = Arc::new(tokio::sync::Notify::new());
    let waits = {
        let go = go.clone();
        move || async move {
            go.notified().await;
            Ok(())
        }
    };
    let ready = server(&said).on_start(waits).build().expect("it fits together");
    let (_ours, theirs) = tokio::io::duplex(1 << 16);
    let mut first = Box::pin(ready.serve(theirs));
    assert!(first.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending());
    assert_eq!(said.all(), ["first", "second"]);
    drop(first);
    go.notify_one();
    let client = connect(&ready).connect().await.expect("a connection");
    client.call::<()>("work", ()).await.expect("called");
    ready.shutdown().await;
    assert_eq!(said.all().iter().filter(|it| **it == "first").count(), 1);
}

#[tokio::test]
async fn a_server_can_be_told_to_stop_while_it_starts() {
    let ready = Server::new("it").on_start(std::future::pending).build().expect("it fits together");
    let (_ours, theirs) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn({
        let ready = ready.clone();
        async move { ready.serve(theirs).await }
    });
    ready.shutdown().await;
    serving.await.expect("no panic").expect("it ends well");
}

#[tokio::test]
async fn a_start_that_panics_is_one_that_failed() {
    let ready = Server::new("it").on_start(|| async { panic!("in a hook") }).build().expect("it fits together");
    let (_ours, theirs) = tokio::io::duplex(1 << 16);
    let error = ready.serve(theirs).await.expect_err("a hook panicked");
    assert_eq!(error.to_string(), "the server did not start: a hook of `Server::on_start` panicked");
}

#[tokio::test(start_paused = true)]
async fn background_work_that_does_not_end_is_stopped() {
    let said = Said::default();
    struct Gone(Said);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.say("background is gone");
        }
    }
    let gone = Gone(said.clone());
    let ready = server(&said)
        .background(move |_| async move {
            let _gone = gone;
            std::future::pending().await
        })
        .on_shutdown(|| async { panic!("in a hook") })
        .drain_timeout(Duration::from_secs(3))
        .build()
        .expect("it fits together");
    connect(&ready).connect().await.expect("a connection");
    let before = tokio::time::Instant::now();
    ready.shutdown().await;
    assert_eq!(before.elapsed().as_secs(), 3);
    let all = said.all();
    assert_eq!(all.last(), Some(&"last"), "a hook that panics keeps no other from running");
    let place = |what: &str| all.iter().position(|it| *it == what).expect("it was said");
    assert!(place("background is gone") < place("last"), "hooks have the world to themselves: {all:?}");
}

/// Says when it is dropped.
struct Held(Said, &'static str);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.say(self.1);
    }
}

/// Asks, and uses what the server closes at its end, to the last.
#[tool]
async fn ask(said: State<Said>, ctx: Context) -> Result<String> {
    let _held = Held(said.0.as_ref().clone(), "the call was dropped");
    Ok(ctx.sample("a name?").await?.text()?.to_owned())
}

/// The same, in the background.
#[tool(task)]
async fn ask_as_task(said: State<Said>, ctx: Context) -> Result<String> {
    let _held = Held(said.0.as_ref().clone(), "the task was dropped");
    Ok(ctx.sample("a name?").await?.text()?.to_owned())
}

/// Works until it may end.
#[tool(task)]
async fn work_as_task(said: State<Said>, go: State<Notify>) -> &'static str {
    go.notified().await;
    said.say("the task was finished");
    "done"
}

/// Never ends.
#[tool(task)]
async fn hang_as_task(said: State<Said>) {
    let _held = Held(said.0.as_ref().clone(), "the other task was dropped");
    std::future::pending().await
}

/// Calls that wait, and tasks, may use what a hook closes: they end before, and what became of a task can still be
/// asked for, at other servers.
#[tokio::test]
async fn calls_and_tasks_end_before_what_they_use() {
    let (said, go, store) = (Said::default(), Arc::new(Notify::new()), MemoryTasks::default());
    let server = |said: &Said| {
        let last = said.clone();
        Server::new("it")
            .state(said.clone())
            .state(go.clone())
            .tools(tools![ask, ask_as_task, work_as_task, hang_as_task])
            .task_store(store.clone())
            .drain_timeout(Duration::from_millis(200))
            .on_shutdown(move || async move { last.say("closed") })
            .build()
            .expect("it fits together")
    };
    let ready = server(&said);
    let mut peer = Peer::of(&ready);
    let asked = peer.call(&Call::new("ask", json!({}))).await.expect("a question");
    assert_eq!(asked["resultType"], "input_required");
    let mut tasks = Vec::new();
    for name in ["ask_as_task", "work_as_task", "hang_as_task"] {
        let mut call = Call::new(name, json!({}));
        call.params.insert("_meta".to_owned(), meta_with_tasks());
        tasks.push(peer.call(&call).await.expect("a task")["taskId"].clone());
    }
    go.notify_one();
    ready.shutdown().await;
    let mut all = said.all();
    assert_eq!(all.pop(), Some("closed"), "{all:?}");
    all.sort_unstable();
    let expected =
        ["the call was dropped", "the other task was dropped", "the task was dropped", "the task was finished"];
    assert_eq!(all, expected);

    let elsewhere = server(&Said::default());
    let mut peer = Peer::of(&elsewhere);
    let mut became = Vec::new();
    for task in tasks {
        let mut params = Map::from_iter([("taskId".to_owned(), task)]);
        params.insert("_meta".to_owned(), meta_with_tasks());
        let task = peer.request("tasks/get", params).await.expect("it is known");
        let said = task["error"]["message"].as_str().unwrap_or_default().to_owned();
        became.push((task["status"].as_str().expect("a status").to_owned(), said));
    }
    let stopped = ("failed".to_owned(), "the server ended before the task was finished".to_owned());
    assert_eq!(became, [stopped.clone(), ("completed".to_owned(), String::new()), stopped]);
}

fn meta_with_tasks() -> Value {
    let mut meta = meta();
    meta["io.modelcontextprotocol/clientCapabilities"]["extensions"] = json!({ "io.modelcontextprotocol/tasks": {} });
    meta
}
