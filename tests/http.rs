//! Modern clients over HTTP, message by message.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Extensions, Principal, http};
use mcp_tests::http::{Reply, Served, modern, modern_headers, request};
use mcp_tests::{Effects, changing, server};
use serde_json::{Value, json};

fn call(id: i64, tool: &str, arguments: Value) -> Value {
    modern(id, "tools/call", json!({ "name": tool, "arguments": arguments }))
}

async fn served() -> (Served, Arc<Effects>) {
    let effects = Arc::<Effects>::default();
    (Served::start(server(effects.clone())).await, effects)
}

#[tokio::test]
async fn a_call_that_ends_at_once_is_answered_plainly() {
    let (served, _) = served().await;
    let reply = served.modern(&call(1, "add", json!({ "a": 1, "b": 2 })), &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("content-length").is_some());
    assert_eq!(reply.header("mcp-session-id"), None);
    let json = reply.json().await;
    assert_eq!(json["id"], 1);
    assert_eq!(json["result"]["structuredContent"], json!({ "result": 3 }));
}

#[tokio::test]
async fn a_tool_that_reports_turns_its_answer_into_a_stream() {
    let (served, _) = served().await;
    let mut message = call(1, "report", json!({}));
    message["params"]["_meta"]["progressToken"] = json!("p");
    message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
    let reply = served.modern(&message, &[]).await;
    assert_eq!(reply.status, 200);
    assert!(reply.is_stream());
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    assert!(reply.header("cache-control").is_some_and(|it| it.contains("no-cache")));
    let messages = reply.messages().await;
    let methods: Vec<&str> = messages.iter().filter_map(|it| it["method"].as_str()).collect();
    assert_eq!(methods.iter().filter(|it| **it == "notifications/progress").count(), 2);
    assert_eq!(methods.iter().filter(|it| **it == "notifications/message").count(), 2);
    assert_eq!(messages.last().unwrap()["result"]["content"][0]["text"], "reported");
}

#[tokio::test]
async fn a_question_ends_the_round_and_its_answer_goes_on() {
    let (served, effects) = served().await;
    let mut message = call(1, "ask", json!({ "question": "how many?" }));
    let asked = served.modern(&message, &[]).await.json().await;
    assert_eq!(asked["result"]["resultType"], "input_required");
    let question = asked["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let answer = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "seven" } });
    message["id"] = json!(2);
    message["params"]["inputResponses"] = json!({ question: answer });
    message["params"]["requestState"] = asked["result"]["requestState"].clone();
    let answered = served.modern(&message, &[]).await.json().await;
    assert_eq!(answered["result"]["content"][0]["text"], "seven");
    assert_eq!(effects.before.load(Ordering::SeqCst), 1, "the call was parked meanwhile");
}

#[tokio::test]
async fn a_call_that_runs_again_is_answered_with_what_comes_of_it() {
    let effects = Arc::<Effects>::default();
    let served = Served::start(server(effects.clone()).max_parked_calls(0)).await;
    let mut message = call(1, "ask", json!({ "question": "how many?" }));
    let asked = served.modern(&message, &[]).await.json().await;
    let question = asked["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    message["params"]["inputResponses"] = json!({ question: mcp_tests::raw::said("seven") });
    message["params"]["requestState"] = asked["result"]["requestState"].clone();
    // And one that is repeated, with what came of it before.
    for _ in 0..2 {
        let reply = served.modern(&message, &[]).await;
        assert_eq!((reply.status, reply.is_stream()), (200, false));
        assert_eq!(reply.json().await["result"]["content"][0]["text"], "seven");
        assert_eq!(effects.before.load(Ordering::SeqCst), 2);
    }
    message["params"]["requestState"] = json!("forged");
    assert_eq!(served.modern(&message, &[]).await.code().await, -32602);
}

/// Begin, and say so when the call is dropped.
#[tool]
async fn linger(effects: State<Effects>) {
    struct Dropped(State<Effects>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.drops.notify_one();
        }
    }
    effects.before.fetch_add(1, Ordering::SeqCst);
    let _guard = Dropped(effects);
    std::future::pending().await
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    let effects = Arc::<Effects>::default();
    let served = Served::start(server(effects.clone()).tools(tools![linger])).await;
    let message = call(1, "linger", json!({}));
    let dropped = effects.drops.notified();
    let body = message.to_string();
    let headers: String = modern_headers(&message).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("POST /mcp HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n", served.address, body.len());
    let stream = served.connect(&format!("{head}{body}")).await;
    while effects.before.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    tokio::time::timeout(Duration::from_secs(30), dropped).await.expect("the future was dropped");
}

#[tokio::test]
async fn a_call_that_takes_long_is_kept_alive() {
    /// Take a while.
    #[tool]
    async fn nap() -> &'static str {
        tokio::time::sleep(Duration::from_millis(100)).await;
        "awake"
    }
    let http = |http: mcp_runtime::StreamableHttp| http.keep_alive(Duration::from_millis(20));
    let served = Served::start_with(Server::new("napping").tools(tools![nap]), http).await;
    let reply = served.modern(&call(1, "nap", json!({})), &[]).await;
    assert!(reply.is_stream());
    let text = reply.text().await;
    assert!(text.starts_with(":\n\n"), "{text}");
    assert!(text.contains("awake"), "{text}");
}

#[tokio::test]
async fn statuses_are_those_of_the_specification() {
    let (served, _) = served().await;
    let expect = async |message: &Value, headers: &[(&str, &str)], status: u16, code: i64| {
        let reply = served.modern(message, headers).await;
        assert_eq!(reply.status, status, "{message}");
        assert_eq!(reply.code().await, code, "{message}");
    };
    for method in ["unknown/method", "ping", "logging/setLevel", "resources/subscribe", "initialize"] {
        expect(&modern(7, method, json!({})), &[], 404, -32601).await;
    }
    // The model may have asked for a tool that is not there; that is no matter of HTTP.
    expect(&call(1, "no_such_tool", json!({})), &[], 200, -32602).await;

    let mut without_capabilities = modern(1, "tools/list", json!({}));
    let meta = without_capabilities["params"]["_meta"].as_object_mut().unwrap();
    meta.remove("io.modelcontextprotocol/clientCapabilities");
    expect(&without_capabilities, &[], 400, -32602).await;
    expect(&request(1, "tools/list", json!({})), &[], 400, -32602).await;

    let mut of_the_future = modern(1, "tools/list", json!({}));
    of_the_future["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("v999.0.0");
    expect(&of_the_future, &[], 400, -32020).await;
    let headers =
        [("content-type", "application/json"), ("mcp-protocol-version", "v999.0.0"), ("mcp-method", "tools/list")];
    let reply = served.send("POST", &headers, &of_the_future.to_string()).await;
    assert_eq!(reply.status, 400);
    let error = reply.json().await;
    assert_eq!(error["error"]["code"], -32022);
    assert_eq!(error["error"]["data"], json!({ "supported": ["2026-07-28"], "requested": "v999.0.0" }));

    let mut cannot_sample = call(1, "ask", json!({ "question": "?" }));
    cannot_sample["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let reply = served.modern(&cannot_sample, &[]).await;
    assert_eq!(reply.status, 400);
    let error = reply.json().await;
    assert_eq!((error["id"].clone(), error["error"]["code"].clone()), (json!(1), json!(-32021)));
    assert_eq!(error["error"]["data"], json!({ "requiredCapabilities": { "sampling": {} } }));

    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/anything" });
    let reply = served.modern(&notification, &[]).await;
    assert_eq!((reply.status, reply.text().await), (202, String::new()));
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    assert_eq!(served.modern(&answer, &[]).await.status, 400);
    for body in ["", "{", "7", "{}", "[]", "\u{fffd}"] {
        let headers = [("content-type", "application/json"), ("mcp-protocol-version", "2026-07-28")];
        assert_eq!(served.send("POST", &headers, body).await.status, 400, "{body}");
    }
    for method in ["PUT", "PATCH", "OPTIONS", "HEAD"] {
        let reply = served.send(method, &[], "").await;
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("allow"), Some("POST, GET, DELETE"));
    }
    let media = [("text/plain", 415), ("application/json; charset=utf-8", 200), ("APPLICATION/JSON", 200)];
    for (media, status) in media {
        let list = modern(1, "tools/list", json!({}));
        let headers = modern_headers(&list);
        let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        headers.retain(|(name, _)| *name != "content-type");
        headers.push(("content-type", media));
        assert_eq!(served.send("POST", &headers, &list.to_string()).await.status, status, "{media}");
    }
    for (accept, status) in
        [("*/*", 200), ("application/*, text/*", 200), ("application/json", 406), ("text/html", 406)]
    {
        let list = modern(1, "tools/list", json!({}));
        let headers = modern_headers(&list);
        let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        headers.retain(|(name, _)| *name != "accept");
        headers.push(("accept", accept));
        assert_eq!(served.send("POST", &headers, &list.to_string()).await.status, status, "{accept}");
    }
}

/// Ask a database.
#[tool]
fn query(
    #[arg(header = "Region")] region: Option<String>,
    #[arg(header = "Row")] row: Option<i64>,
    #[arg(header = "Dry")] dry: Option<bool>,
) -> String {
    format!("{region:?} {row:?} {dry:?}")
}

#[tokio::test]
async fn headers_and_body_must_agree() {
    let served = Served::start(Server::new("database").tools(tools![query])).await;
    let with = async |arguments: Value, headers: &[(&str, &str)]| {
        let reply = served.modern(&call(1, "query", arguments), headers).await;
        match reply.status {
            200 => reply.json().await["result"]["content"][0]["text"].as_str().unwrap().to_owned(),
            status => format!("{status} {}", reply.code().await),
        }
    };
    let refused = "400 -32020";
    let all = json!({ "region": "us-west1", "row": 42, "dry": true });
    let headers = [("mcp-param-region", "us-west1"), ("Mcp-Param-ROW", "42.0"), ("mcp-param-dry", "true")];
    assert_eq!(with(all.clone(), &headers).await, r#"Some("us-west1") Some(42) Some(true)"#);
    assert_eq!(with(json!({}), &[]).await, "None None None");
    assert_eq!(with(json!({ "region": null }), &[]).await, "None None None");
    let hello = json!({ "region": "Hello" });
    assert_eq!(with(hello.clone(), &[("mcp-param-region", "=?base64?SGVsbG8=?=")]).await, r#"Some("Hello") None None"#);
    // Headers that no tool has asked for are nobody's business.
    assert_eq!(with(json!({}), &[("mcp-param-else", "x")]).await, "None None None");

    assert_eq!(with(all.clone(), &headers[..2]).await, refused);
    assert_eq!(with(json!({}), &headers[..1]).await, refused);
    assert_eq!(with(hello.clone(), &[("mcp-param-region", "hello")]).await, refused);
    assert_eq!(with(hello.clone(), &[("mcp-param-region", "=?base64?SGVsbG8?=")]).await, refused);
    assert_eq!(with(hello.clone(), &[("mcp-param-region", "=?base64?SGV%bG8=?=")]).await, refused);
    let twice = [("mcp-param-region", "Hello"), ("mcp-param-region", "elsewhere")];
    assert_eq!(with(hello, &twice).await, refused);

    let list = modern(1, "tools/list", json!({}));
    let call = call(1, "query", json!({}));
    let read = modern(1, "resources/read", json!({ "uri": "note://käse" }));
    let without = |message: &Value, name: &str, instead: &[(&'static str, &str)]| {
        let mut headers = modern_headers(message);
        headers.retain(|(it, _)| *it != name);
        headers.extend(instead.iter().map(|(name, value)| (*name, (*value).to_owned())));
        headers
    };
    let version = "mcp-protocol-version";
    let cases = [
        (&list, without(&list, "mcp-method", &[])),
        (&list, without(&list, "mcp-method", &[("mcp-method", "tools/call")])),
        (&list, without(&list, "mcp-method", &[("mcp-method", "TOOLS/LIST")])),
        // Gateways go by what it says.
        (&list, without(&list, "mcp-method", &[("mcp-method", "=?base64?dG9vbHMvbGlzdA==?=")])),
        (&list, without(&list, "", &[("mcp-method", "tools/list")])),
        (&list, without(&list, version, &[])),
        (&list, without(&list, version, &[(version, "2025-11-25")])),
        (&list, without(&list, "", &[(version, "2026-07-28")])),
        (&call, without(&call, "mcp-name", &[])),
        (&call, without(&call, "mcp-name", &[("mcp-name", "Query")])),
        (&call, without(&call, "", &[("mcp-name", "query")])),
        (&read, without(&read, "mcp-name", &[("mcp-name", "note://käse")])),
    ];
    for (message, headers) in cases {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let reply = served.send("POST", &headers, &message.to_string()).await;
        assert_eq!(reply.status, 400, "{headers:?}");
        assert_eq!(reply.code().await, -32020, "{headers:?}");
    }
    let headers = without(&call, "mcp-name", &[("MCP-NAME", "   query  ")]);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    assert_eq!(served.send("POST", &headers, &call.to_string()).await.status, 200);
}

#[tokio::test]
async fn subscriptions_are_streams() {
    let (server, handle) = changing::server();
    let served = Served::start(server).await;
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["note://a"] });
    let listen = modern(5, "subscriptions/listen", json!({ "notifications": filter }));
    let mut stream = served.modern(&listen, &[]).await;
    assert_eq!(stream.status, 200);
    let acknowledged = stream.message().await.unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    handle.remove_tool("add");
    assert_eq!(stream.message().await.unwrap()["method"], "notifications/tools/list_changed");
    served.modern(&call(6, "touch", json!({ "uri": "note://a" })), &[]).await.json().await;
    let updated = stream.message().await.unwrap();
    assert_eq!(updated["params"]["uri"], "note://a");
    assert_eq!(updated["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 5);
    // The end of the server is a result.
    let ready = served.ready.clone();
    tokio::spawn(async move { ready.shutdown().await });
    let last = stream.message().await.unwrap();
    assert_eq!(last["id"], 5);
    assert_eq!(last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 5);
    assert_eq!(stream.message().await, None);
    served.shutdown().await;
}

/// Wait until somebody says so.
#[tool]
async fn wait(effects: State<Effects>) -> &'static str {
    effects.before.fetch_add(1, Ordering::SeqCst);
    effects.drops.notified().await;
    "waited"
}

#[tokio::test]
async fn a_server_that_ends_lets_calls_end() {
    let effects = Arc::<Effects>::default();
    let server = Server::new("waiting").state(effects.clone()).tools(tools![wait]);
    let served = Served::start(server.drain_timeout(Duration::from_secs(30))).await;
    let message = call(1, "wait", json!({}));
    let end = async {
        while effects.before.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let ready = served.ready.clone();
        let ended = tokio::spawn(async move { ready.shutdown().await });
        // It has stopped to listen.
        while tokio::net::TcpStream::connect(served.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        effects.drops.notify_one();
        ended.await.unwrap();
    };
    let (reply, ()) = tokio::join!(served.modern(&message, &[]), end);
    assert_eq!(reply.json().await["result"]["content"][0]["text"], "waited");
    served.shutdown().await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_answered_so() {
    let effects = Arc::<Effects>::default();
    let server = Server::new("waiting").state(effects.clone()).tools(tools![wait]);
    let served = Served::start(server.drain_timeout(Duration::from_millis(50))).await;
    let message = call(1, "wait", json!({}));
    let end = async {
        while effects.before.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        served.ready.shutdown().await;
    };
    let (reply, ()) = tokio::join!(served.modern(&message, &[]), end);
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").is_some());
    served.shutdown().await;
}

/// Say more than anybody reads.
#[tool]
async fn chat(ctx: Context, effects: State<Effects>) {
    effects.before.fetch_add(1, Ordering::SeqCst);
    loop {
        ctx.info("x".repeat(10_000)).await;
    }
}

#[tokio::test]
async fn whoever_does_not_read_does_not_keep_a_server_from_its_end() {
    let effects = Arc::<Effects>::default();
    let server = Server::new("chatting").state(effects.clone()).tools(tools![chat]);
    let served = Served::start(server.drain_timeout(Duration::from_millis(50))).await;
    let mut message = call(1, "chat", json!({}));
    message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
    let modern = served.modern(&message, &[]).await;
    let session = served.session("2025-11-25").await;
    let message = request(1, "tools/call", json!({ "name": "chat", "arguments": {} }));
    let legacy = served.legacy(Some(&session), &message).await;
    assert!(modern.is_stream() && legacy.is_stream());
    while effects.before.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    served.shutdown().await;
    drop((modern, legacy));
}

/// Who asks?
#[tool]
fn whoami(ctx: Context, tenant: Extension<Tenant>, headers: Extension<http::HeaderMap>) -> String {
    let principal = ctx.principal().map_or_else(|| "nobody".to_owned(), |it| it.as_str().to_owned());
    format!("{principal} of {} at {}", tenant.0.0, headers.0["host"].to_str().unwrap_or("nowhere"))
}

#[derive(Clone)]
struct Tenant(&'static str);

#[tokio::test]
async fn what_middleware_found_out_reaches_tools() {
    use tower_service::Service as _;
    let server = Server::new("tenants").tools(tools![whoami]).build().unwrap();
    let mut service = server.http();
    let message = call(1, "whoami", json!({}));
    let mut request = http::Request::post("/anywhere").header("host", "localhost");
    for (name, value) in modern_headers(&message) {
        request = request.header(name, value);
    }
    let mut request = request.body(message.to_string()).unwrap();
    request.extensions_mut().insert(Tenant("acme"));
    request.extensions_mut().insert(Principal::new("ada"));
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let json: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["result"]["content"][0]["text"], "ada of acme at localhost");
    // What is said of a connection is there beside it.
    assert_eq!(Extensions::new().with(Tenant("x")).get::<Tenant>().map(|tenant| tenant.0), Some("x"));
}

#[tokio::test]
async fn http_2_is_served_too() {
    let (served, _) = served().await;
    let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let calls = (0..50).map(|id| {
        let message = call(id, "add", json!({ "a": id, "b": 1 }));
        let mut request = http::Request::post(format!("http://{}/mcp", served.address));
        for (name, value) in modern_headers(&message) {
            request = request.header(name, value);
        }
        sender.send_request(request.body(message.to_string()).unwrap())
    });
    let calls: Vec<_> = calls.collect();
    for (id, call) in calls.into_iter().enumerate() {
        let response = call.await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        let json: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["result"]["structuredContent"]["result"], id + 1);
    }
}

#[tokio::test]
async fn there_is_nothing_at_other_paths() {
    let (served, _) = served().await;
    let body = modern(1, "tools/list", json!({})).to_string();
    let head = format!("POST /other HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n", served.address, body.len());
    let reply = Reply::read(served.connect(&format!("{head}{body}")).await).await;
    assert_eq!(reply.status, 404);
}
