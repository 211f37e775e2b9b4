//! Our client over HTTP, against servers as they should not be, and as older ones are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mcp_runtime::client::{Client, ClientBuilder, Era, ServerChange, TokenRequest};
use mcp_runtime::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ErrorCode, LoggingLevel, ProtocolVersion, SubscriptionFilter,
};
use mcp_runtime::{Error, ErrorKind, reqwest};
use mcp_tests::checked;
use mcp_tests::scripted::{Asked, LONGEST, Scripted, Talk};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// A modern server that answers calls of tools like this.
async fn modern<F, A>(call: F) -> Scripted
where
    A: Future<Output = ()> + Send + 'static,
    F: Fn(Asked, Talk) -> A + Clone + Send + Sync + 'static,
{
    Scripted::start(move |asked, talk| {
        let call = call.clone();
        async move {
            match &*asked.what() {
                "server/discover" => talk.json(&asked.discovered()).await,
                "tools/list" => talk.json(&asked.answer(&json!({ "resultType": "complete", "tools": [] }))).await,
                _ => call(asked, talk).await,
            }
        }
    })
    .await
}

/// A legacy server that answers all but the handshake like this.
async fn legacy<F, A>(answer: F) -> Scripted
where
    A: Future<Output = ()> + Send + 'static,
    F: Fn(Asked, Talk) -> A + Clone + Send + Sync + 'static,
{
    Scripted::start(move |asked, talk| {
        let answer = answer.clone();
        async move {
            match &*asked.what() {
                "server/discover" => talk.respond(400, &[], "Bad Request: no session").await,
                "initialize" => begin(&asked, talk, "session-1").await,
                "notifications/initialized" => talk.accept().await,
                _ => answer(asked, talk).await,
            }
        }
    })
    .await
}

async fn begin(asked: &Asked, talk: Talk, session: &str) {
    let headers = [("content-type", "application/json"), ("mcp-session-id", session)];
    talk.respond(200, &headers, &asked.initialized("2025-11-25").to_string()).await;
}

async fn connect(server: &Scripted) -> Client {
    connected(checked::other::http(&*server.url)).await
}

async fn connected(builder: ClientBuilder) -> Client {
    timeout(LONGEST, builder.connect()).await.expect("in time").expect("a connection")
}

/// The text that a tool answers with.
async fn call(client: &Client) -> Result<String, Error> {
    timeout(LONGEST, client.call("look", ())).await.expect("in time")
}

async fn failure(server: &Scripted) -> Error {
    call(&connect(server).await).await.expect_err("it fails")
}

async fn heard(changes: &mut mcp_runtime::client::Subscription) -> ServerChange {
    timeout(LONGEST, changes.next()).await.expect("in time").expect("it goes on").expect("a change")
}

#[tokio::test]
async fn a_status_that_says_no_is_an_error_with_a_cure() {
    for (status, header, words) in [
        (401, ("www-authenticate", "Bearer"), "ClientBuilder::bearer"),
        (403, ("x", "y"), "does not allow"),
        (404, ("x", "y"), "often it is `/mcp`"),
        (405, ("allow", "GET"), "often it is `/mcp`"),
        (413, ("x", "y"), "longer than it allows"),
        (429, ("retry-after", "7"), "try again in 7 seconds"),
        (503, ("x", "y"), "try again later"),
        (500, ("x", "y"), "its log may say why"),
        (302, ("location", "https://elsewhere.example/mcp?secret=1"), "redirects to https://elsewhere.example/mcp;"),
    ] {
        let server = modern(move |_, talk| async move { talk.respond(status, &[header], "").await }).await;
        let error = failure(&server).await;
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::Http, Some(status)));
        let message = error.to_string();
        assert!(message.contains(words) && message.contains(&server.url), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[tokio::test]
async fn an_error_of_the_protocol_is_one_at_any_status() {
    for (status, with_id) in [(200, true), (400, true), (400, false), (403, false), (500, true), (200, false)] {
        let server = modern(move |asked, talk| async move {
            let mut error = asked.error(-32099, &json!({ "why": 1 }));
            if !with_id {
                error["id"] = Value::Null;
            }
            talk.respond(status, &[("content-type", "application/json")], &error.to_string()).await;
        })
        .await;
        let error = failure(&server).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "{status}: {error:?}");
        assert_eq!(error.peer_error().map(|error| error.code.as_i64()), Some(-32099), "{status}");
        assert_eq!(error.http_status(), (status != 200).then_some(status));
    }
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_that_says_so() {
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c str, &'c str);
    let cases: [Case<'_>; 5] = [
        (&[("content-type", "text/html")], "<html>", "text/html"),
        (&[], "{}", "something"),
        (&[("content-type", "application/json")], "{}", "something else"),
        (&[("content-type", "application/json")], "{", "something else"),
        (&[("content-type", "application/json"), ("content-encoding", "gzip")], "\u{1f}", "compressed"),
    ];
    for (headers, body, words) in cases {
        let headers: Arc<Vec<(String, String)>> =
            Arc::new(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        let body = body.to_owned();
        let server = modern(move |_, talk| {
            let (headers, body) = (headers.clone(), body.clone());
            async move {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                talk.respond(200, &headers, &body).await;
            }
        })
        .await;
        let error = failure(&server).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let server = modern(|_, talk| async move { talk.accept().await }).await;
    assert_eq!(failure(&server).await.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    let server = modern(|_, mut talk| async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 314572800\r\n\r\n{";
        talk.write(head).await;
        talk.closed().await;
    })
    .await;
    let error = failure(&server).await;
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("268435456 bytes"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for() {
    let server = modern(|_, talk| async move { talk.closed().await }).await;
    let client = connected(checked::other::http(&*server.url).timeout(Duration::from_millis(300))).await;
    let error = call(&client).await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://user:secret@{}/mcp?key=secret", listener.local_addr().expect("an address"));
    drop(listener);
    let error = Client::http(url).connect().await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Io);
    let all = format!("{error:?}");
    assert!(all.contains("could not be reached") && !all.contains("secret"), "{all}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let at = || Client::http("http://localhost:1/mcp");
    for builder in [
        Client::http("localhost:1"),
        Client::http("file:///etc/passwd"),
        Client::http(""),
        at().header("Mcp-Method", "x"),
        at().header("mcp-session-id", "x"),
        at().header("Accept", "x"),
        at().header("Content-Type", "x"),
        at().header("Host", "x"),
        at().header("Last-Event-ID", "x"),
        at().header("X-Key", "a\r\nX-Evil: b"),
        at().header("X Key", "a"),
        at().header("Authorization", "Basic x").bearer("y"),
    ] {
        let error = builder.connect().await.expect_err("it cannot be");
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
    }
    let error = at().bearer("a\nb").connect().await.expect_err("it cannot be");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(!format!("{error:?}").contains("a\\nb"), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error() {
    let server = modern(|_, mut talk| async move {
        talk.events(&[]).await;
        talk.piece(": nothing yet\n\ndata: {\"jsonrpc\":\"2.0\",").await;
    })
    .await;
    let error = failure(&server).await;
    assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
    // The era knows no way to go on with it.
    assert_eq!(server.count("GET"), 0);
}

#[tokio::test]
async fn the_first_of_two_answers_counts_and_requests_of_modern_servers_do_not() {
    let server = modern(|asked, mut talk| async move {
        talk.events(&[]).await;
        talk.event(&json!({ "jsonrpc": "2.0", "id": 9, "method": "sampling/createMessage", "params": {
            "messages": [], "maxTokens": 1,
        } }))
        .await;
        talk.event(&json!({ "jsonrpc": "2.0", "id": 4711, "result": {} })).await;
        talk.event(&asked.text("first")).await;
        talk.event(&asked.text("second")).await;
        talk.end().await;
    })
    .await;
    let sampling = |_: CreateMessageRequestParams| async { panic!("it must not be asked") };
    let client = connected(checked::other::http(&*server.url).on_sampling(sampling)).await;
    assert_eq!(call(&client).await.expect("an answer"), "first");
    // Nothing was sent but requests.
    assert!(server.asked().iter().all(|asked| asked.message()["id"].is_number()), "{:?}", server.asked());
}

#[tokio::test]
async fn an_answer_counts_although_its_stream_goes_on_for_ever() {
    let server = modern(|asked, mut talk| async move {
        talk.events(&[]).await;
        talk.event(&asked.text("done")).await;
        talk.closed().await;
    })
    .await;
    let begun = Instant::now();
    assert_eq!(call(&connect(&server).await).await.expect("an answer"), "done");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// A stream with everything that may stand in one, up to its answer.
fn stream(asked: &Asked) -> String {
    let progress = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {
        "level": "info", "data": "hälf wäy 世界",
    } });
    let text = serde_json::to_string_pretty(&asked.text("ü done 世")).expect("JSON").replace('\n', "\r\ndata: ");
    format!(
        "\u{feff}: begin\r\n\r\nid: 1\nretry: 10\n\nevent: message\ndata: {progress}\n\n: more\nevent: other\ndata: {{\n\ndata: {text}\r\n\r\n"
    )
}

fn in_pieces(cuts: Vec<usize>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = modern(move |asked, mut talk| {
            let cuts = cuts.clone();
            async move {
                talk.events(&[]).await;
                let stream = stream(&asked).into_bytes();
                let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % stream.len()).collect();
                cuts.extend([0, stream.len()]);
                cuts.sort_unstable();
                cuts.dedup();
                for cut in cuts.windows(2) {
                    talk.piece(&stream[cut[0]..cut[1]]).await;
                    tokio::task::yield_now().await;
                }
                talk.end().await;
            }
        })
        .await;
        let (said, mut heard) = mpsc::unbounded_channel();
        let log = move |message: mcp_runtime::protocol::LoggingMessageNotificationParams| drop(said.send(message.data));
        let client = connected(checked::other::http(&*server.url).on_log(LoggingLevel::Debug, log)).await;
        assert_eq!(call(&client).await.expect("an answer"), "ü done 世");
        assert_eq!(heard.recv().await, Some(json!("hälf wäy 世界")));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_stream_may_be_split_anywhere(cuts in proptest::collection::vec(0usize..1000, 0..40)) {
        in_pieces(cuts);
    }
}

#[test]
fn a_stream_may_come_byte_by_byte() {
    in_pieces((0..1000).collect());
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_stream_and_says_nothing() {
    let (closed, mut is_closed) = watch::channel(false);
    let (begun, mut has_begun) = watch::channel(false);
    let server = modern(move |_, mut talk| {
        let (closed, begun) = (closed.clone(), begun.clone());
        async move {
            talk.events(&[]).await;
            begun.send_replace(true);
            talk.closed().await;
            closed.send_replace(true);
        }
    })
    .await;
    let client = connect(&server).await;
    tokio::select! {
        _ = call(&client) => panic!("it hangs"),
        _ = has_begun.wait_for(|begun| *begun) => {}
    }
    timeout(LONGEST, is_closed.wait_for(|closed| *closed)).await.expect("in time").expect("closed");
    assert_eq!(server.count("notifications/cancelled"), 0);
}

#[tokio::test]
async fn another_token_is_tried() {
    let server = modern(|asked, talk| async move {
        match asked.header("authorization") {
            Some("Bearer fresh") => talk.json(&asked.text("in")).await,
            _ => talk.respond(401, &[("www-authenticate", "Bearer scope=\"a\"")], "").await,
        }
    })
    .await;
    // One that is stale until the server says so.
    let asked = Arc::new(AtomicU32::new(0));
    let provider = |better: &'static str| {
        let asked = asked.clone();
        move |request: TokenRequest| {
            asked.fetch_add(1, Ordering::SeqCst);
            let token = match &request.refused {
                None => "stale",
                Some(refused) => {
                    let sent = if refused.attempts == 0 { "stale" } else { better };
                    assert_eq!((refused.status, refused.token.as_deref()), (401, Some(sent)));
                    assert_eq!(refused.challenges, ["Bearer scope=\"a\""]);
                    assert!(!format!("{refused:?}").contains("stale"));
                    better
                }
            };
            async move { Ok::<_, Error>(Some(token.to_owned())) }
        }
    };
    let client = connected(checked::other::http(&*server.url).token_provider(provider("fresh"))).await;
    assert_eq!(call(&client).await.expect("an answer"), "in");
    // Discovery and the list went well with the first one.
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    let client = connected(checked::other::http(&*server.url).token_provider(provider("no better"))).await;
    let before = server.count("tools/call");
    let error = call(&client).await.expect_err("it fails");
    assert_eq!(error.http_status(), Some(401));
    assert!(error.to_string().contains("does not accept the token"), "{error}");
    assert_eq!(server.count("tools/call"), before + 2);

    let fails = |_: TokenRequest| async { Err::<Option<String>, _>(std::io::Error::other("the vault is closed")) };
    let error = checked::other::http(&*server.url).token_provider(fails).connect().await.expect_err("no token");
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_server_only() {
    let other = modern(|asked, talk| async move { talk.json(&asked.text("other")).await }).await;
    let elsewhere = other.url.clone();
    let server = Scripted::start(move |asked, talk| {
        let elsewhere = elsewhere.clone();
        async move {
            match (&*asked.path, &*asked.what()) {
                ("/mcp", _) => talk.respond(307, &[("location", "/mcp/")], "").await,
                (_, "server/discover") => talk.json(&asked.discovered()).await,
                (_, "tools/list") => talk.json(&asked.answer(&json!({ "tools": [] }))).await,
                _ => talk.respond(307, &[("location", &elsewhere)], "").await,
            }
        }
    })
    .await;
    let builder = || checked::other::http(&*server.url).bearer("secret").header("X-Key", "secret");
    let error = call(&connected(builder()).await).await.expect_err("it is another server");
    assert_eq!(error.http_status(), Some(307));
    assert!(other.asked().is_empty(), "{:?}", other.asked());
    // A client that was told to follow does so, but what it brings back does not count.
    let client = connected(builder().http_client(reqwest::Client::new())).await;
    assert_eq!(call(&client).await.expect_err("it is another server").kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn tools_with_wrong_headers_are_left_out() {
    let server = Scripted::start(|asked, talk| async move {
        match &*asked.what() {
            "server/discover" => talk.json(&asked.discovered()).await,
            "tools/list" => {
                let tool = |name: &str, property: Value| {
                    json!({ "name": name, "inputSchema": { "type": "object", "properties": { "a": property } } })
                };
                let tools = json!([
                    tool("good", json!({ "type": "string", "x-mcp-header": "A" })),
                    tool("empty", json!({ "type": "string", "x-mcp-header": "" })),
                    tool("space", json!({ "type": "string", "x-mcp-header": "A B" })),
                    tool("number", json!({ "type": "number", "x-mcp-header": "A" })),
                    tool("inside", json!({ "type": "array", "items": { "type": "string", "x-mcp-header": "A" } })),
                    tool("plain", json!({ "type": "string" })),
                ]);
                talk.json(&asked.answer(&json!({ "resultType": "complete", "tools": tools }))).await;
            }
            _ => talk.json(&asked.text(asked.header("mcp-param-a").unwrap_or("none"))).await,
        }
    })
    .await;
    let client = connect(&server).await;
    let names: Vec<_> = client.list_tools().await.expect("a list").into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["good", "plain"]);
    assert_eq!(client.call::<String>("good", [("a", "x")]).await.expect("an answer"), "x");
    assert_eq!(client.call::<String>("plain", [("a", "x")]).await.expect("an answer"), "none");
    assert_eq!(server.count("tools/list"), 1);
}

#[tokio::test]
async fn a_tool_that_wants_other_headers_now_is_looked_up_again() {
    let lists = Arc::new(AtomicU32::new(0));
    let counted = lists.clone();
    let server = Scripted::start(move |asked, talk| {
        let lists = counted.clone();
        async move {
            match &*asked.what() {
                "server/discover" => talk.json(&asked.discovered()).await,
                "tools/list" => {
                    let header = ["Old", "New"][lists.fetch_add(1, Ordering::SeqCst).min(1) as usize];
                    let schema = json!({ "type": "object", "properties": { "a": {
                        "type": "string", "x-mcp-header": header,
                    } } });
                    let tools = json!([{ "name": "look", "inputSchema": schema }]);
                    // It may be kept, but not once the server says otherwise.
                    let list = json!({ "resultType": "complete", "tools": tools, "ttlMs": 60_000 });
                    talk.json(&asked.answer(&list)).await;
                }
                _ if asked.header("mcp-param-new").is_some() => talk.json(&asked.text("new")).await,
                _ => {
                    let error = asked.error(-32020, &json!({})).to_string();
                    talk.respond(400, &[("content-type", "application/json")], &error).await;
                }
            }
        }
    })
    .await;
    let client = connect(&server).await;
    assert_eq!(client.call::<String>("look", [("a", "x")]).await.expect("an answer"), "new");
    assert_eq!((lists.load(Ordering::SeqCst), server.count("tools/call")), (2, 2));
    // What never fits is not tried for ever.
    let error = client.call::<String>("another", [("a", "x")]).await.expect_err("it never fits");
    assert_eq!(error.peer_error().map(|error| error.code), Some(ErrorCode::HeaderMismatch));
    assert_eq!((lists.load(Ordering::SeqCst), server.count("tools/call")), (3, 4));
}

#[tokio::test]
async fn a_subscription_that_was_lost_is_made_again_and_the_gap_is_told() {
    let streams = Arc::new(AtomicU32::new(0));
    let server = modern(move |asked, mut talk| {
        let streams = streams.clone();
        async move {
            let id = asked.message()["id"].clone();
            let of = |method: &str, mut params: Value| {
                params["_meta"] = json!({ "io.modelcontextprotocol/subscriptionId": id });
                json!({ "jsonrpc": "2.0", "method": method, "params": params })
            };
            let number = streams.fetch_add(1, Ordering::SeqCst);
            if number == 1 {
                return talk.respond(503, &[("retry-after", "0")], "").await;
            }
            talk.events(&[]).await;
            let filter = json!({ "notifications": { "toolsListChanged": true, "resourceSubscriptions": ["a:1"] } });
            talk.event(&of("notifications/subscriptions/acknowledged", filter)).await;
            match number {
                // It breaks off.
                0 => talk.event(&of("notifications/tools/list_changed", json!({}))).await,
                _ => {
                    talk.event(&asked.answer(&json!({ "resultType": "complete" }))).await;
                    talk.end().await;
                }
            }
        }
    })
    .await;
    let client = connect(&server).await;
    let filter = SubscriptionFilter::new().tools().resource("a:1");
    let mut changes = timeout(LONGEST, client.subscribe(filter)).await.expect("in time").expect("a subscription");
    assert_eq!(heard(&mut changes).await, ServerChange::Tools);
    // Nobody knows what happened meanwhile.
    let mut missed = [heard(&mut changes).await, heard(&mut changes).await];
    missed.sort_by_key(|change| format!("{change:?}"));
    assert_eq!(missed, [ServerChange::Resource("a:1".to_owned()), ServerChange::Tools]);
    assert!(timeout(LONGEST, changes.next()).await.expect("in time").is_none(), "the server has ended it");
    assert_eq!(server.count("subscriptions/listen"), 3);
}

#[tokio::test]
async fn the_era_of_a_server_is_found_out() {
    // Whatever a legacy server says to a request that it does not know.
    for status in [400, 404, 405] {
        for body in ["", "Bad Request", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}"#]
        {
            let server = Scripted::start(move |asked, talk| async move {
                match &*asked.what() {
                    "server/discover" => talk.respond(status, &[("content-type", "application/json")], body).await,
                    "initialize" => talk.json(&asked.initialized("2025-06-18")).await,
                    "GET" => talk.respond(405, &[], "").await,
                    _ => talk.accept().await,
                }
            })
            .await;
            let client = connect(&server).await;
            assert_eq!(client.protocol_version(), ProtocolVersion::V2025_06_18, "{status} {body}");
        }
    }
    // A modern server says so, and is not asked to begin as an older one.
    for (code, status) in [(-32020, 400), (-32021, 400), (-32022, 400)] {
        let server = Scripted::start(move |asked, talk| async move {
            let error = asked.error(code, &json!({ "supported": ["2030-01-01"], "requiredCapabilities": {} }));
            talk.respond(status, &[("content-type", "application/json")], &error.to_string()).await;
        })
        .await;
        let error = checked::other::http(&*server.url).connect().await.expect_err("nothing in common");
        assert_eq!(error.peer_error().map(|error| error.code.as_i64()), Some(code));
        assert_eq!(server.count("initialize"), 0);
    }
    // Neither is one that wants to know who calls, or is busy.
    for status in [401, 403, 429, 500, 503] {
        let server = Scripted::start(move |_, talk| async move { talk.respond(status, &[], "").await }).await;
        let error = checked::other::http(&*server.url).connect().await.expect_err("it says no");
        assert_eq!((error.http_status(), server.asked().len()), (Some(status), 1));
    }
    // One that refuses what it says it speaks is asked once more.
    let times = Arc::new(AtomicU32::new(0));
    let server = Scripted::start(move |asked, talk| {
        let first = times.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let error = asked.error(-32022, &json!({ "supported": ["2026-07-28"], "requested": "2026-07-28" }));
            match first {
                true => talk.respond(400, &[("content-type", "application/json")], &error.to_string()).await,
                false => talk.json(&asked.discovered()).await,
            }
        }
    })
    .await;
    assert_eq!(connect(&server).await.protocol_version(), ProtocolVersion::V2026_07_28);
    // Where there is nothing at all, that is what is said.
    let server = Scripted::start(|_, talk| async move { talk.respond(404, &[], "").await }).await;
    let error = checked::other::http(&*server.url).connect().await.expect_err("nothing is there");
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Http, Some(404)));
}

#[tokio::test]
async fn legacy_requests_belong_to_a_session() {
    let server = legacy(|asked, talk| async move {
        match &*asked.what() {
            "GET" => talk.respond(405, &[], "").await,
            "DELETE" => talk.respond(204, &[], "").await,
            _ => talk.json(&asked.text("done")).await,
        }
    })
    .await;
    let client = connect(&server).await;
    assert_eq!(call(&client).await.expect("an answer"), "done");
    client.close().await.expect("it ends");
    for asked in server.asked() {
        let (session, version) = match &*asked.what() {
            "server/discover" => (None, Some("2026-07-28")),
            "initialize" => (None, None),
            _ => (Some("session-1"), Some("2025-11-25")),
        };
        assert_eq!(asked.header("mcp-session-id"), session, "{asked:?}");
        assert_eq!(asked.header("mcp-protocol-version"), version, "{asked:?}");
    }
    assert_eq!(server.count("DELETE"), 1);
}

#[tokio::test]
async fn legacy_servers_ask_on_the_stream_of_a_call() {
    let (answered, answers) = watch::channel(None::<Value>);
    let server = legacy(move |asked, mut talk| {
        let (answered, mut answers) = (answered.clone(), answers.clone());
        async move {
            match &*asked.what() {
                "GET" => talk.respond(405, &[], "").await,
                "tools/call" => {
                    talk.events(&[]).await;
                    let message = json!({ "role": "user", "content": { "type": "text", "text": "why?" } });
                    talk.event(&json!({ "jsonrpc": "2.0", "id": "q-1", "method": "sampling/createMessage", "params": {
                        "messages": [message], "maxTokens": 10,
                    } }))
                    .await;
                    let answer = answers.wait_for(Option::is_some).await.expect("an answer").clone();
                    talk.event(
                        &asked.text(answer.expect("an answer")["result"]["content"]["text"].as_str().expect("text")),
                    )
                    .await;
                    talk.end().await;
                }
                _ => {
                    answered.send_replace(Some(asked.message()));
                    talk.accept().await;
                }
            }
        }
    })
    .await;
    let parrot = |request: CreateMessageRequestParams| async move {
        Ok(CreateMessageResult::text("parrot", request.joined_text()))
    };
    let client = connected(checked::other::http(&*server.url).on_sampling(parrot)).await;
    assert_eq!(call(&client).await.expect("an answer"), "why?");
}

#[tokio::test]
async fn a_legacy_call_that_is_dropped_is_cancelled_by_a_message() {
    let (cancelled, mut is_cancelled) = watch::channel(None::<Value>);
    let (begun, mut has_begun) = watch::channel(None::<Value>);
    let server = legacy(move |asked, mut talk| {
        let (cancelled, begun) = (cancelled.clone(), begun.clone());
        async move {
            match &*asked.what() {
                "tools/call" => {
                    talk.events(&[]).await;
                    begun.send_replace(Some(asked.message()["id"].clone()));
                    talk.closed().await;
                }
                "notifications/cancelled" => {
                    cancelled.send_replace(Some(asked.message()["params"]["requestId"].clone()));
                    talk.accept().await;
                }
                _ => talk.respond(405, &[], "").await,
            }
        }
    })
    .await;
    let client = connect(&server).await;
    tokio::select! {
        _ = call(&client) => panic!("it hangs"),
        _ = has_begun.wait_for(Option::is_some) => {}
    }
    let id =
        timeout(LONGEST, is_cancelled.wait_for(Option::is_some)).await.expect("in time").expect("cancelled").clone();
    assert_eq!(id, *has_begun.borrow());
}

#[tokio::test]
async fn a_legacy_stream_is_gone_on_with_where_it_was() {
    let times = Arc::new(AtomicU32::new(0));
    let server = legacy(move |asked, mut talk| {
        let times = times.clone();
        async move {
            let result = |text: &str| {
                json!({ "jsonrpc": "2.0", "id": 3, "result": { "content": [{ "type": "text", "text": text }] } })
            };
            match (&*asked.what(), asked.header("last-event-id")) {
                ("tools/call", _) => {
                    // Sent away until later.
                    assert_eq!(asked.message()["id"], 3, "the tool is called by the third request");
                    talk.events(&[]).await;
                    talk.piece("id: a-1\nretry: 300\ndata:\n\n").await;
                    talk.end().await;
                }
                ("GET", Some(last)) => match (times.fetch_add(1, Ordering::SeqCst), last) {
                    (0, "a-1") => {
                        // Lost in the middle.
                        talk.events(&[]).await;
                        talk.piece("id: a-2\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\ndata: {\"js").await;
                    }
                    (1, "a-2") => talk.respond(502, &[], "").await,
                    (2, "a-2") => {
                        talk.events(&[]).await;
                        talk.event(&result("done")).await;
                        talk.end().await;
                    }
                    other => panic!("not expected: {other:?}"),
                },
                _ => talk.respond(405, &[], "").await,
            }
        }
    })
    .await;
    let client = connect(&server).await;
    let begun = Instant::now();
    assert_eq!(call(&client).await.expect("an answer"), "done");
    assert!(begun.elapsed() >= Duration::from_millis(900), "three times 300 milliseconds: {:?}", begun.elapsed());
    assert_eq!(server.count("tools/call"), 1, "it is not called twice");
}

#[tokio::test]
async fn a_legacy_stream_without_a_place_is_lost() {
    let server = legacy(|asked, mut talk| async move {
        match &*asked.what() {
            "tools/call" => {
                talk.events(&[]).await;
                talk.event(&json!({ "jsonrpc": "2.0", "method": "notifications/x" })).await;
                talk.end().await;
            }
            _ => talk.respond(405, &[], "").await,
        }
    })
    .await;
    assert_eq!(failure(&server).await.kind(), ErrorKind::Closed);
    assert_eq!(server.count("GET"), 1, "that of the stream that belongs to no request");
}

/// A legacy server that forgets its first session when the test says so.
async fn forgetful(forgotten: watch::Receiver<bool>, is_lost_in_the_middle: bool) -> Scripted {
    let sessions = Arc::new(AtomicU32::new(0));
    Scripted::start(move |asked, mut talk| {
        let (sessions, mut forgotten) = (sessions.clone(), forgotten.clone());
        async move {
            let gone = *forgotten.borrow() && asked.header("mcp-session-id") == Some("session-1");
            match &*asked.what() {
                "server/discover" => talk.respond(400, &[], "").await,
                "initialize" => {
                    let number = sessions.fetch_add(1, Ordering::SeqCst) + 1;
                    begin(&asked, talk, &format!("session-{number}")).await;
                }
                _ if gone => {
                    let error = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32001, "message": "gone" } });
                    talk.respond(404, &[("content-type", "application/json")], &error.to_string()).await;
                }
                "GET" => {
                    talk.events(&[]).await;
                    let first = asked.header("mcp-session-id") == Some("session-1");
                    if first {
                        let _ = forgotten.wait_for(|forgotten| *forgotten).await;
                        talk.piece("retry: 1\n\n").await;
                        return talk.end().await;
                    }
                    talk.closed().await;
                }
                "tools/call" if is_lost_in_the_middle && !*forgotten.borrow() => {
                    talk.events(&[]).await;
                    talk.piece("id: 1\nretry: 1\ndata:\n\n").await;
                    let _ = forgotten.wait_for(|forgotten| *forgotten).await;
                    talk.end().await;
                }
                "tools/call" => talk.json(&asked.text("done")).await,
                "logging/setLevel" | "resources/subscribe" => talk.json(&asked.answer(&json!({}))).await,
                "resources/read" => {
                    let contents = json!([{ "uri": "a:1", "text": "there" }]);
                    talk.json(&asked.answer(&json!({ "contents": contents }))).await;
                }
                _ => talk.accept().await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_session_that_is_lost_is_begun_anew() {
    let (forget, forgotten) = watch::channel(false);
    let server = forgetful(forgotten, false).await;
    let client = connected(checked::other::http(&*server.url).on_log(LoggingLevel::Info, |_| {})).await;
    let filter = SubscriptionFilter::new().tools().resource("a:1");
    let mut changes = client.subscribe(filter).await.expect("a subscription");
    assert_eq!(call(&client).await.expect("an answer"), "done");
    forget.send_replace(true);
    let calls = futures_util::future::join_all((0..5).map(|_| call(&client))).await;
    assert!(calls.iter().all(|answer| answer.as_deref().is_ok_and(|text| text == "done")), "{calls:?}");
    assert_eq!(server.count("initialize"), 2, "one for all");
    // The new one is what the old one was, and what happened between them nobody knows.
    let mut missed = [heard(&mut changes).await, heard(&mut changes).await];
    missed.sort_by_key(|change| format!("{change:?}"));
    assert_eq!(missed, [ServerChange::Resource("a:1".to_owned()), ServerChange::Tools]);
    let again: Vec<_> = server
        .asked()
        .iter()
        .filter(|asked| asked.header("mcp-session-id") == Some("session-2"))
        .map(Asked::what)
        .filter(|what| what != "tools/call" && what != "GET")
        .collect();
    assert_eq!(again, ["notifications/initialized", "logging/setLevel", "resources/subscribe"]);
}

#[tokio::test]
async fn a_session_whose_stream_is_gone_is_begun_anew_without_a_request() {
    let (forget, forgotten) = watch::channel(false);
    let server = forgetful(forgotten, false).await;
    let client = connect(&server).await;
    let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await.expect("a subscription");
    forget.send_replace(true);
    assert_eq!(heard(&mut changes).await, ServerChange::Tools);
    assert_eq!(server.count("initialize"), 2);
}

#[tokio::test]
async fn a_call_that_was_begun_in_a_lost_session_is_not_made_twice() {
    let (forget, forgotten) = watch::channel(false);
    let server = forgetful(forgotten, true).await;
    let client = connect(&server).await;
    let (answer, ()) = tokio::join!(call(&client), async {
        while server.count("tools/call") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        forget.send_replace(true);
    });
    let error = answer.expect_err("nobody knows what became of it");
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(error.to_string().contains("may have been done"), "{error}");
    assert_eq!(server.count("tools/call"), 1);
    // But the client lives on.
    assert_eq!(client.read_resource("a:1").await.expect("it is there").joined_text(), "there");
    assert_eq!(call(&client).await.expect("an answer"), "done");
}

#[tokio::test]
async fn a_server_that_loses_every_session_is_not_asked_for_ever() {
    let server = Scripted::start(|asked, talk| async move {
        match &*asked.what() {
            "server/discover" => talk.respond(400, &[], "").await,
            "initialize" => begin(&asked, talk, "short").await,
            "notifications/initialized" => talk.accept().await,
            "GET" => talk.respond(405, &[], "").await,
            _ => talk.respond(404, &[], "").await,
        }
    })
    .await;
    assert_eq!(failure(&server).await.kind(), ErrorKind::Closed);
    assert_eq!(server.count("initialize"), 2);
}

#[tokio::test]
async fn a_method_that_is_not_found_is_no_lost_session() {
    let server = legacy(|asked, talk| async move {
        match &*asked.what() {
            "tools/call" => {
                let error = asked.error(-32601, &Value::Null).to_string();
                talk.respond(404, &[("content-type", "application/json")], &error).await;
            }
            _ => talk.respond(405, &[], "").await,
        }
    })
    .await;
    let error = failure(&server).await;
    assert_eq!(error.peer_error().map(|error| error.code), Some(ErrorCode::MethodNotFound));
    assert_eq!(server.count("initialize"), 1);
}

#[tokio::test]
async fn odd_handshakes_are_borne() {
    // A list of messages, an answer to a notification, an event without a message.
    let server = Scripted::start(|asked, mut talk| async move {
        match &*asked.what() {
            "server/discover" => talk.respond(404, &[], "").await,
            "initialize" => talk.json(&json!([asked.initialized("2025-03-26")])).await,
            "notifications/initialized" => talk.json(&json!({ "result": {} })).await,
            "GET" => talk.respond(400, &[], "").await,
            _ => {
                talk.events(&[]).await;
                talk.piece("id: 1\ndata:\n\n").await;
                talk.piece(format!("data: [{}]\n\n", asked.text("done"))).await;
                talk.end().await;
            }
        }
    })
    .await;
    let client = connect(&server).await;
    assert_eq!(client.protocol_version(), ProtocolVersion::V2025_03_26);
    assert_eq!(call(&client).await.expect("an answer"), "done");
}

/// A server of 2024-11-05, which says everything on one stream.
async fn oldest(endpoint: &'static str) -> Scripted {
    let (said, _) = tokio::sync::broadcast::channel::<Value>(16);
    Scripted::start(move |asked, mut talk| {
        let said = said.clone();
        async move {
            match (&*asked.method, &*asked.path) {
                ("GET", "/mcp") => {
                    let mut messages = said.subscribe();
                    talk.events(&[]).await;
                    talk.piece(format!("event: endpoint\r\ndata: {endpoint}\r\n\r\n")).await;
                    while let Ok(message) = messages.recv().await {
                        if message["end"] == true {
                            return;
                        }
                        talk.piece(format!("event: message\r\ndata: {message}\r\n\r\n")).await;
                    }
                }
                ("POST", "/messages?id=1") => {
                    let answer = match &*asked.what() {
                        "initialize" => asked.initialized("2024-11-05"),
                        "tools/call" if asked.message()["params"]["name"] == "end" => json!({ "end": true }),
                        "tools/call" => asked.text("done"),
                        _ => asked.answer(&json!({})),
                    };
                    talk.respond(202, &[], "Accepted").await;
                    if asked.message()["id"].is_number() {
                        let _ = said.send(answer);
                    }
                }
                _ => talk.respond(405, &[], "Method Not Allowed").await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn servers_of_2024_11_05_are_spoken_to() {
    for era in [Era::Auto, Era::Legacy] {
        let server = oldest("/messages?id=1").await;
        let client = connected(checked::other::http(&*server.url).era(era)).await;
        assert_eq!(client.protocol_version(), ProtocolVersion::V2024_11_05);
        assert_eq!(call(&client).await.expect("an answer"), "done");
        let lost = timeout(LONGEST, client.call::<()>("end", ())).await.expect("in time");
        assert_eq!(lost.expect_err("the stream has ended").kind(), ErrorKind::Closed);
        assert_eq!(call(&client).await.expect_err("it has").kind(), ErrorKind::Closed);
        client.close().await.expect("it ends");
    }
}

#[tokio::test]
async fn a_server_of_2024_11_05_does_not_send_messages_elsewhere() {
    let server = oldest("http://elsewhere.example/messages").await;
    let error = checked::other::http(&*server.url).bearer("secret").connect().await.expect_err("it is another server");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("elsewhere.example"), "{error}");
}
