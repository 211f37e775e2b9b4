//! Legacy clients over HTTP, message by message.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::client::Speaker;
use mcp_runtime::prelude::*;
use mcp_runtime::{EventStore, StoredEvent};
use mcp_tests::conform::Conversation;
use mcp_tests::http::{ACCEPT, Reply, Served, modern, request};
use mcp_tests::{Effects, changing, server};
use serde_json::{Value, json};
use tokio::sync::Notify;

fn call(id: i64, tool: &str, arguments: Value) -> Value {
    request(id, "tools/call", json!({ "name": tool, "arguments": arguments }))
}

fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {message}"))
}

fn answer(question: &Value, text: &str) -> Value {
    let content = json!({ "type": "text", "text": text });
    json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "role": "assistant", "model": "m", "content": content } })
}

async fn served() -> (Served, Arc<Effects>) {
    let effects = Arc::<Effects>::default();
    (Served::start(server(effects.clone())).await, effects)
}

#[tokio::test]
async fn a_session_lasts_until_its_client_ends_it() {
    let (served, _) = served().await;
    let session = served.session("2025-06-18").await;
    assert!(session.len() >= 32 && session.bytes().all(|byte| byte.is_ascii_graphic()));
    let reply = served.legacy(Some(&session), &call(1, "add", json!({ "a": 1, "b": 2 }))).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(text(&reply.json().await), "3");
    let ping = served.legacy(Some(&session), &request(2, "ping", json!({}))).await.json().await;
    assert_eq!(ping["result"], json!({}));
    let level = request(3, "logging/setLevel", json!({ "level": "error" }));
    assert_eq!(served.legacy(Some(&session), &level).await.json().await["result"], json!({}));
    let headers = [("mcp-session-id", &*session)];
    assert!((200..300).contains(&served.send("DELETE", &headers, "").await.status));
    assert_eq!(served.legacy(Some(&session), &request(4, "ping", json!({}))).await.status, 404);
    assert_eq!(served.get(&session, None).await.status, 404);
    assert_eq!(served.send("DELETE", &headers, "").await.status, 404);
}

#[tokio::test]
async fn without_a_session_there_is_only_its_beginning() {
    let (served, _) = served().await;
    assert_eq!(served.legacy(None, &request(1, "tools/list", json!({}))).await.status, 400);
    assert_eq!(served.legacy(Some("made-up"), &request(1, "tools/list", json!({}))).await.status, 404);
    let session = served.session("2025-11-25").await;
    let again = request(
        1,
        "initialize",
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } }),
    );
    assert_eq!(served.legacy(Some(&session), &again).await.code().await, -32600);
    // A header that nobody needs yet does no harm.
    let headers = [
        ("content-type", "application/json"),
        ("accept", ACCEPT),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-method", "initialize"),
    ];
    assert_eq!(served.send("POST", &headers, &again.to_string()).await.status, 200);
    for (version, status) in [("2025-11-25", 200), ("2025-03-26", 200), ("1999-01-01", 400), ("nonsense", 400)] {
        let headers =
            [("content-type", "application/json"), ("mcp-session-id", &*session), ("mcp-protocol-version", version)];
        let reply = served.send("POST", &headers, &request(2, "ping", json!({})).to_string()).await;
        assert_eq!(reply.status, status, "{version}");
    }
}

#[tokio::test]
async fn a_tool_asks_on_the_stream_of_its_call() {
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let (served, effects) = served().await;
        let session = served.session(revision).await;
        let mut stream = served.legacy(Some(&session), &call(1, "ask_thrice", json!({}))).await;
        assert!(stream.is_stream());
        let first = stream.event().await.unwrap();
        assert!(first.id.is_some());
        // Clients before 2025-11-25 take an event without a message for a message.
        let primes = first.data.as_deref() == Some("");
        assert_eq!(primes, revision == "2025-11-25", "{revision}");
        assert_eq!(first.retry.is_some(), primes);
        let one = match primes {
            true => stream.message().await.unwrap(),
            false => serde_json::from_str(first.data.as_deref().unwrap()).unwrap(),
        };
        let two = stream.message().await.unwrap();
        for question in [two, one] {
            assert_eq!(question["method"], "sampling/createMessage");
            let said = question["params"]["messages"][0]["content"]["text"].as_str().unwrap().to_owned();
            let reply = served.legacy(Some(&session), &answer(&question, &said)).await;
            assert_eq!((reply.status, reply.text().await), (202, String::new()));
        }
        let three = stream.message().await.unwrap();
        served.legacy(Some(&session), &answer(&three, "three")).await;
        assert_eq!(text(&stream.message().await.unwrap()), "three");
        assert_eq!(stream.message().await, None);
        assert_eq!(effects.before.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_client_that_lost_its_connection_reads_on() {
    let (served, effects) = served().await;
    let session = served.session("2025-11-25").await;
    let mut stream = served.legacy(Some(&session), &call(1, "ask", json!({ "question": "?" }))).await;
    let primed = stream.event().await.unwrap().id.unwrap();
    let question = stream.message().await.unwrap();
    // That does not cancel the call.
    drop(stream);
    served.legacy(Some(&session), &answer(&question, "yes")).await;
    let resumed = served.get(&session, Some(&primed)).await;
    let messages = resumed.messages().await;
    assert_eq!(messages[0], question, "what was said since is said again");
    assert_eq!(text(&messages[1]), "yes");
    assert_eq!(effects.after.load(Ordering::SeqCst), 1);
    // And once more, as long as it is kept.
    assert_eq!(served.get(&session, Some(&primed)).await.messages().await.len(), 2);
    for nonsense in ["", "x", "1", "99-1", "1-x", "-", "18446744073709551616-1"] {
        assert_eq!(served.get(&session, Some(nonsense)).await.status, 400, "{nonsense}");
    }
}

/// Keeps all events, and says what it was asked.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<(String, u64, StoredEvent)>>>, Arc<Notify>);

impl EventStore for Events {
    async fn append(&self, session: &str, stream: u64, event: StoredEvent) {
        self.0.lock().expect("not poisoned").push((session.to_owned(), stream, event));
    }

    async fn after(&self, session: &str, stream: u64, number: u64) -> Vec<StoredEvent> {
        let all = self.0.lock().expect("not poisoned");
        let of = all.iter().filter(|(of, at, event)| of == session && *at == stream && event.number > number);
        of.map(|(_, _, event)| event.clone()).collect()
    }

    async fn forget(&self, session: &str) {
        self.0.lock().expect("not poisoned").retain(|(of, _, _)| of != session);
        self.1.notify_one();
    }
}

#[tokio::test]
async fn events_are_kept_where_the_program_wants() {
    let events = Events::default();
    let store = events.clone();
    let effects = Arc::<Effects>::default();
    let served = Served::start_with(server(effects), |http| http.event_store(store)).await;
    let session = served.session("2025-11-25").await;
    let mut stream = served.legacy(Some(&session), &call(1, "ask", json!({ "question": "?" }))).await;
    let primed = stream.event().await.unwrap().id.unwrap();
    let question = stream.message().await.unwrap();
    drop(stream);
    served.legacy(Some(&session), &answer(&question, "yes")).await;
    for _ in 0..2 {
        let messages = served.get(&session, Some(&primed)).await.messages().await;
        assert_eq!(messages[0], question);
        assert_eq!(text(&messages[1]), "yes");
    }
    assert_eq!(events.0.lock().unwrap().len(), 2, "each is kept once");
    served.send("DELETE", &[("mcp-session-id", &*session)], "").await;
    events.1.notified().await;
    assert!(events.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_waits_for_an_answer_that_is_too_long_is_told() {
    let served = Served::start(server(Arc::default()).max_message_bytes(1000)).await;
    let session = served.session("2025-11-25").await;
    let mut stream = served.legacy(Some(&session), &call(1, "ask", json!({ "question": "?" }))).await;
    let question = stream.message().await.unwrap();
    let long = answer(&question, &"x".repeat(1000));
    // Of somebody else it is nothing.
    let other = served.session("2025-11-25").await;
    for session in [None, Some("made-up"), Some(&*other)] {
        assert_eq!(served.legacy(session, &long).await.status, 413);
    }
    assert_eq!(served.legacy(Some(&session), &long).await.status, 413);
    let answered = stream.message().await.unwrap();
    assert!(text(&answered).contains("longer than 1000 bytes"), "{answered}");

    // One that does not say how long it is, as well.
    let mut stream = served.legacy(Some(&session), &call(2, "ask", json!({ "question": "?" }))).await;
    let question = stream.message().await.unwrap();
    let long = answer(&question, &"x".repeat(1000)).to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: {ACCEPT}\r\n\
         mcp-session-id: {session}\r\ntransfer-encoding: chunked\r\n\r\n",
        served.address
    );
    let body: String = [&long[..200], &long[200..]].iter().map(|it| format!("{:x}\r\n{it}\r\n", it.len())).collect();
    assert_eq!(Reply::read(served.connect(&format!("{head}{body}0\r\n\r\n")).await).await.status, 413);
    let answered = stream.message().await.unwrap();
    assert!(text(&answered).contains("longer than 1000 bytes"), "{answered}");
}

/// Send the client away, and answer later.
#[tool]
async fn later(ctx: Context) -> &'static str {
    ctx.close_stream();
    tokio::time::sleep(Duration::from_millis(20)).await;
    "at last"
}

#[tokio::test]
async fn a_tool_can_let_go_of_the_connection() {
    let served = Served::start(Server::new("slow").tools(tools![later])).await;
    let session = served.session("2025-11-25").await;
    let mut stream = served.legacy(Some(&session), &call(1, "later", json!({}))).await;
    let primed = stream.event().await.unwrap();
    assert_eq!(primed.data.as_deref(), Some(""));
    assert!(primed.retry.is_some());
    assert!(stream.event().await.is_none(), "the stream ends before the result");
    let messages = served.get(&session, primed.id.as_deref()).await.messages().await;
    assert_eq!(text(&messages[0]), "at last");
    // Older clients would not come back.
    let session = served.session("2025-06-18").await;
    let messages = served.legacy(Some(&session), &call(1, "later", json!({}))).await.messages().await;
    assert_eq!(text(&messages[0]), "at last");
}

#[tokio::test]
async fn changes_are_told_on_a_stream_of_their_own() {
    let (server, handle) = changing::server();
    let served = Served::start(server).await;
    let session = served.session("2025-06-18").await;
    let subscribe = request(1, "resources/subscribe", json!({ "uri": "note://a" }));
    assert_eq!(served.legacy(Some(&session), &subscribe).await.json().await["result"], json!({}));
    let mut stream = served.get(&session, None).await;
    assert_eq!(stream.status, 200);
    handle.remove_tool("add");
    let event = stream.event().await.unwrap();
    assert!(event.data.as_deref().unwrap().contains("notifications/tools/list_changed"), "{event:?}");
    served.legacy(Some(&session), &call(2, "touch", json!({ "uri": "note://a" }))).await.json().await;
    assert_eq!(stream.message().await.unwrap()["params"]["uri"], "note://a");
    drop(stream);
    // What happens while nobody listens is not lost, nor what was missed.
    served.legacy(Some(&session), &call(3, "touch", json!({ "uri": "note://a" }))).await.json().await;
    let mut stream = served.get(&session, event.id.as_deref()).await;
    assert_eq!(stream.message().await.unwrap()["params"]["uri"], "note://a");
    assert_eq!(stream.message().await.unwrap()["params"]["uri"], "note://a");
    // The newest one is the one that is told.
    let mut newest = served.get(&session, None).await;
    served.legacy(Some(&session), &call(4, "touch", json!({ "uri": "note://a" }))).await.json().await;
    assert_eq!(newest.message().await.unwrap()["params"]["uri"], "note://a");
    assert_eq!(stream.message().await, None);
    let unsubscribe = request(5, "resources/unsubscribe", json!({ "uri": "note://a" }));
    assert_eq!(served.legacy(Some(&session), &unsubscribe).await.json().await["result"], json!({}));
}

#[tokio::test]
async fn a_request_that_is_cancelled_gets_no_answer() {
    let (served, effects) = served().await;
    let session = served.session("2025-11-25").await;
    let mut stream = served.legacy(Some(&session), &call(1, "ask", json!({ "question": "?" }))).await;
    let question = stream.message().await.unwrap();
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    assert_eq!(served.legacy(Some(&session), &cancel).await.status, 202);
    let withdrawn = stream.message().await.unwrap();
    assert_eq!(withdrawn["method"], "notifications/cancelled");
    assert_eq!(withdrawn["params"]["requestId"], question["id"]);
    assert_eq!(stream.message().await, None);
    assert_eq!(effects.after.load(Ordering::SeqCst), 0);
    // Its id is free again.
    assert_eq!(
        text(&served.legacy(Some(&session), &call(1, "add", json!({ "a": 1, "b": 1 }))).await.json().await),
        "2"
    );
}

#[tokio::test]
async fn an_id_is_used_once_at_a_time() {
    let (served, _) = served().await;
    let session = served.session("2025-11-25").await;
    let mut stream = served.legacy(Some(&session), &call(1, "ask", json!({ "question": "?" }))).await;
    let question = stream.message().await.unwrap();
    let error = served.legacy(Some(&session), &call(1, "add", json!({ "a": 1, "b": 1 }))).await.json().await;
    assert_eq!(error["error"]["data"], json!({ "id": 1 }));
    assert_eq!(error.get("id"), None);
    served.legacy(Some(&session), &answer(&question, "yes")).await;
    assert_eq!(text(&stream.message().await.unwrap()), "yes");
}

#[tokio::test]
async fn batches_are_served_where_there_are_any() {
    let (served, _) = served().await;
    let session = served.session("2025-03-26").await;
    let batch = json!([
        call(1, "add", json!({ "a": 1, "b": 2 })),
        { "jsonrpc": "2.0", "method": "notifications/anything" },
        call(2, "explode_later", json!({})),
        7,
    ]);
    let replies = served.legacy(Some(&session), &batch).await.json().await;
    let replies = replies.as_array().unwrap();
    assert_eq!(replies.len(), 3);
    assert!(replies.iter().any(|reply| reply["id"] == 1 && text(reply) == "3"));
    assert!(replies.iter().any(|reply| reply["id"] == 2 && reply["result"]["isError"] == true));
    assert!(replies.iter().any(|reply| reply["error"]["code"] == -32600));
    let notifications = json!([{ "jsonrpc": "2.0", "method": "notifications/anything" }]);
    assert_eq!(served.legacy(Some(&session), &notifications).await.status, 202);
    // With something to say before the results, it is a stream with all of them.
    let batch = json!([call(1, "ask", json!({ "question": "?" })), call(2, "add", json!({ "a": 1, "b": 2 }))]);
    let mut stream = served.legacy(Some(&session), &batch).await;
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await {
        if message["method"] == "sampling/createMessage" {
            served.legacy(Some(&session), &answer(&message, "yes")).await;
        } else {
            messages.push(message);
        }
    }
    messages.sort_by_key(|message| message["id"].as_i64());
    assert_eq!(messages.iter().map(text).collect::<Vec<_>>(), ["yes", "3"]);
    let session = served.session("2025-06-18").await;
    assert_eq!(served.legacy(Some(&session), &notifications).await.status, 400);
}

#[tokio::test]
async fn both_eras_are_served_at_one_url() {
    let (served, _) = served().await;
    let session = served.session("2025-11-25").await;
    let message = modern(1, "tools/call", json!({ "name": "who", "arguments": {} }));
    let legacy = call(1, "who", json!({}));
    let session_header = [("mcp-session-id", &*session)];
    let (modern, legacy) =
        tokio::join!(served.modern(&message, &session_header), served.legacy(Some(&session), &legacy));
    assert_eq!(modern.header("mcp-session-id"), None);
    assert!(text(&modern.json().await).starts_with("by hand"));
    assert!(text(&legacy.json().await).starts_with("by hand"));
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends() {
    let effects = Arc::<Effects>::default();
    let http = |http: mcp_runtime::StreamableHttp| http.session_timeout(Duration::from_millis(50)).max_sessions(3);
    let served = Served::start_with(server(effects.clone()), http).await;
    let session = served.session("2025-11-25").await;
    let other = served.session("2025-11-25").await;
    // One that is read from lasts.
    let mut stream = served.legacy(Some(&other), &call(1, "ask", json!({ "question": "?" }))).await;
    let question = stream.message().await.unwrap();
    loop {
        // A request would keep it.
        tokio::time::sleep(Duration::from_millis(100)).await;
        if served.legacy(Some(&session), &request(1, "ping", json!({}))).await.status == 404 {
            break;
        }
    }
    served.legacy(Some(&other), &answer(&question, "still here")).await;
    assert_eq!(text(&stream.message().await.unwrap()), "still here");
    // There are no more than allowed.
    let initialize = request(
        1,
        "initialize",
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } }),
    );
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(served.legacy(None, &initialize).await.status);
    }
    assert!(statuses.ends_with(&[503]), "{statuses:?}");
}

#[tokio::test]
async fn without_sessions_every_request_stands_alone() {
    let effects = Arc::<Effects>::default();
    let served = Served::start_with(server(effects), |http| http.without_sessions()).await;
    let initialize = request(
        1,
        "initialize",
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } }),
    );
    let reply = served.legacy(None, &initialize).await;
    assert_eq!((reply.status, reply.header("mcp-session-id")), (200, None));
    assert_eq!(text(&served.legacy(None, &call(2, "add", json!({ "a": 1, "b": 2 }))).await.json().await), "3");
    // It has no way to ask.
    let reply = served.legacy(None, &call(3, "ask_or_not", json!({}))).await.json().await;
    assert!(text(&reply).starts_with("went on without"), "{reply}");
    assert_eq!(served.get("any", None).await.status, 405);
    assert_eq!(served.send("DELETE", &[("mcp-session-id", "any")], "").await.status, 405);
}

/// Begin, and never end.
#[tool]
async fn linger(effects: State<Effects>) {
    effects.before.fetch_add(1, Ordering::SeqCst);
    std::future::pending().await
}

#[tokio::test]
async fn the_end_of_the_server_ends_streams_and_calls() {
    let effects = Arc::<Effects>::default();
    let server = server(effects.clone()).tools(tools![linger]).drain_timeout(Duration::from_millis(50));
    let served = Served::start(server).await;
    let session = served.session("2025-11-25").await;
    let mut standalone = served.get(&session, None).await;
    let mut asking = served.legacy(Some(&session), &call(1, "ask_or_not", json!({}))).await;
    asking.message().await.unwrap();
    let lingering = call(2, "linger", json!({}));
    let hanging = served.legacy(Some(&session), &lingering);
    let end = async {
        let ready = served.ready.clone();
        while effects.before.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        ready.shutdown().await;
    };
    let (hanging, ()) = tokio::join!(hanging, end);
    assert_eq!(standalone.message().await, None);
    let answered = asking.message().await.unwrap();
    assert!(text(&answered).starts_with("went on without"), "{answered}");
    let hanging: Reply = hanging;
    assert_eq!(hanging.messages().await[0]["error"]["code"], -32603);
    served.shutdown().await;
}

#[tokio::test]
async fn clients_of_the_first_revision_have_their_own_way() {
    let effects = Arc::<Effects>::default();
    let served = Served::start_with(server(effects), |http| http.deprecated_sse()).await;
    let open = format!("GET /sse HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n\r\n", served.address);
    let mut stream = Reply::read(served.connect(&open).await).await;
    assert!(stream.is_stream());
    let endpoint = stream.event().await.unwrap().data.unwrap();
    assert!(endpoint.starts_with("/messages?sessionId="), "{endpoint}");
    let post = async |path: &str, message: &Value| {
        // However it is laid out.
        let body = serde_json::to_string_pretty(message).unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n", served.address, body.len());
        Reply::read(served.connect(&format!("{head}{body}")).await).await.status
    };
    // All of it is held against the schema of that revision.
    let mut said = Conversation::of_both();
    let say = async |said: &mut Conversation, message: &Value| {
        said.assert(Speaker::Client, &message.to_string());
        assert_eq!(post(&endpoint, message).await, 202, "{message}");
    };
    let hear = async |said: &mut Conversation, stream: &mut Reply| {
        let message = stream.message().await.unwrap();
        said.assert(Speaker::Server, &message.to_string());
        message
    };
    let info = json!({ "name": "old", "version": "1" });
    let params = json!({ "protocolVersion": "2024-11-05", "capabilities": { "sampling": {} }, "clientInfo": info });
    say(&mut said, &request(0, "initialize", params)).await;
    assert_eq!(hear(&mut said, &mut stream).await["result"]["protocolVersion"], "2024-11-05");
    say(&mut said, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    say(&mut said, &call(1, "ask", json!({ "question": "?" }))).await;
    let question = hear(&mut said, &mut stream).await;
    assert_eq!(question["method"], "sampling/createMessage");
    say(&mut said, &answer(&question, "yes")).await;
    assert_eq!(text(&hear(&mut said, &mut stream).await), "yes");
    for (id, method, params) in [
        (2, "ping", json!({})),
        (3, "tools/list", json!({})),
        (4, "tools/call", json!({ "name": "add", "arguments": { "a": 1, "b": 2 } })),
        (5, "tools/call", json!({ "name": "nothing", "arguments": {} })),
        (6, "prompts/list", json!({})),
        (7, "resources/list", json!({})),
        (8, "logging/setLevel", json!({ "level": "info" })),
    ] {
        say(&mut said, &request(id, method, params)).await;
        assert_eq!(hear(&mut said, &mut stream).await["id"], id, "{method}");
    }
    assert_eq!(post("/messages?sessionId=made-up", &request(2, "ping", json!({}))).await, 404);
    assert_eq!(post("/messages", &request(2, "ping", json!({}))).await, 404);
    // The session ends with its stream.
    drop(stream);
    while post(&endpoint, &request(3, "ping", json!({}))).await != 404 {
        tokio::task::yield_now().await;
    }
    // Without being asked for, it is not there.
    let effects = Arc::<Effects>::default();
    let without = Served::start(mcp_tests::server(effects)).await;
    let open = open.replace(&served.address.to_string(), &without.address.to_string());
    assert_eq!(Reply::read(without.connect(&open).await).await.status, 404);
}
