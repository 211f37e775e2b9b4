//! Clients over HTTP whose connections end: in the modern era that cancels what was asked on them, in the legacy
//! one it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use mcp_runtime::http::{Request, Response};
use mcp_runtime::prelude::*;
use mcp_tests::http::{Served, modern, modern_headers, request};
use mcp_tests::raw::said;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What calls did, and when they may go on.
#[derive(Default)]
struct World {
    begun: AtomicU32,
    steps: AtomicU32,
    dropped: AtomicU32,
    ended: AtomicU32,
    go: Notify,
}

struct Held(State<World>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Say something, and go on when the test says so.
#[tool]
async fn speak(ctx: Context, world: State<World>) -> &'static str {
    let held = Held(world.clone());
    ctx.report_progress(1.0).await;
    world.begun.fetch_add(1, Ordering::SeqCst);
    world.go.notified().await;
    world.ended.fetch_add(1, Ordering::SeqCst);
    std::mem::forget(held);
    "spoken"
}

/// Ask, do something, and go on when the test says so.
#[tool]
async fn ask_and_wait(ctx: Context, world: State<World>) -> Result<String> {
    let answer = ctx.sample("one").await?.text()?.to_owned();
    let held = Held(world.clone());
    ctx.step("count", async || Ok(world.steps.fetch_add(1, Ordering::SeqCst))).await?;
    world.begun.fetch_add(1, Ordering::SeqCst);
    world.go.notified().await;
    std::mem::forget(held);
    Ok(answer)
}

async fn served() -> (Served, Arc<World>) {
    let world = Arc::<World>::default();
    let tools = tools![speak, ask_and_wait, mcp_tests::add];
    (Served::start(Server::new("t").state(world.clone()).tools(tools)).await, world)
}

fn call(id: i64, tool: &str) -> Value {
    let mut call = modern(id, "tools/call", json!({ "name": tool, "arguments": {} }));
    call["params"]["_meta"]["progressToken"] = json!(id);
    call
}

async fn until(count: &AtomicU32, number: u32) {
    let counted = async {
        while count.load(Ordering::SeqCst) != number {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted).await.expect("it happens");
}

#[tokio::test]
async fn who_leaves_a_stream_cancels_the_call() {
    let (served, world) = served().await;
    let mut stream = served.modern(&call(1, "speak"), &[]).await;
    assert_eq!(stream.message().await.unwrap()["method"], "notifications/progress");
    drop(stream);
    until(&world.dropped, 1).await;
    assert_eq!(world.ended.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_round_that_was_left_is_run_again_from_the_state_of_the_one_before() {
    let (served, world) = served().await;
    let asked = served.modern(&call(1, "ask_and_wait"), &[]).await.json().await;
    let question = asked["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let mut retry = call(2, "ask_and_wait");
    retry["params"]["inputResponses"] = json!({ question: said("ONE") });
    retry["params"]["requestState"] = asked["result"]["requestState"].clone();
    tokio::select! {
        _ = served.modern(&retry, &[]) => panic!("it waits"),
        () = until(&world.begun, 1) => {}
    }
    until(&world.dropped, 1).await;
    world.go.notify_one();
    let answered = served.modern(&retry, &[]).await.json().await;
    assert_eq!(answered["result"]["content"][0]["text"], "ONE");
    // Nobody was told that the step had been done.
    assert_eq!(world.steps.load(Ordering::SeqCst), 2);
    // An outcome that is there stays, whoever has heard it.
    assert_eq!(served.modern(&retry, &[]).await.json().await, answered);
    assert_eq!(world.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_legacy_client_that_leaves_has_cancelled_nothing() {
    let (served, world) = served().await;
    let session = served.session("2025-11-25").await;
    let message = request(1, "tools/call", json!({ "name": "speak", "arguments": {} }));
    // Before anything was said.
    tokio::select! {
        _ = served.legacy(Some(&session), &message) => panic!("it waits"),
        () = until(&world.begun, 1) => {}
    }
    // Its id is in use for as long as the call goes on.
    let again = served.legacy(Some(&session), &message).await.json().await;
    assert_eq!(again["error"]["data"], json!({ "id": 1 }));
    world.go.notify_one();
    until(&world.ended, 1).await;
    assert_eq!(world.dropped.load(Ordering::SeqCst), 0);
    // After something was said.
    let mut message = request(2, "tools/call", json!({ "name": "speak", "arguments": {} }));
    message["params"]["_meta"] = json!({ "progressToken": 2 });
    let mut stream = served.legacy(Some(&session), &message).await;
    let primed = stream.event().await.unwrap();
    assert_eq!(stream.message().await.unwrap()["method"], "notifications/progress");
    drop(stream);
    world.go.notify_one();
    let rest = served.get(&session, primed.id.as_deref()).await.messages().await;
    assert_eq!(rest.last().unwrap()["result"]["content"][0]["text"], "spoken");
    assert_eq!(world.dropped.load(Ordering::SeqCst), 0);
}

/// POSTs a modern message on a connection of HTTP/2.
fn http_2(
    sender: &mut hyper::client::conn::http2::SendRequest<Full<Bytes>>,
    served: &Served,
    message: &Value,
) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
    let mut request = Request::post(format!("http://{}/mcp", served.address));
    for (name, value) in modern_headers(message) {
        request = request.header(name, value);
    }
    sender.send_request(request.body(Full::from(message.to_string())).expect("a request"))
}

#[tokio::test]
async fn one_stream_of_a_connection_is_left_and_the_others_go_on() {
    let (served, world) = served().await;
    let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    let (io, executor) = (hyper_util::rt::TokioIo::new(stream), hyper_util::rt::TokioExecutor::new());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let left = http_2(&mut sender, &served, &call(1, "speak")).await.unwrap();
    let stays = http_2(&mut sender, &served, &call(2, "speak")).await.unwrap();
    until(&world.begun, 2).await;
    drop(left);
    until(&world.dropped, 1).await;
    world.go.notify_one();
    let body = stays.into_body().collect().await.unwrap().to_bytes();
    assert!(std::str::from_utf8(&body).unwrap().contains("spoken"));
    // And what is asked next on that connection is answered.
    let after = http_2(&mut sender, &served, &call(3, "speak"));
    world.go.notify_one();
    after.await.unwrap().into_body().collect().await.unwrap();
    assert_eq!((world.ended.load(Ordering::SeqCst), world.dropped.load(Ordering::SeqCst)), (2, 1));
}
