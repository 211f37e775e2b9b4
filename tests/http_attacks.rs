//! What is done to servers over HTTP, and what comes of it.

use std::time::Duration;

use mcp_runtime::StreamableHttp;
use mcp_runtime::prelude::*;
use mcp_tests::http::{Reply, Served, modern, modern_headers, request};
use mcp_tests::{add, echo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

async fn served(settings: impl FnOnce(StreamableHttp) -> StreamableHttp) -> Served {
    Served::start_with(Server::new("attacked").tools(tools![add, echo]), settings).await
}

fn list() -> Value {
    modern(1, "tools/list", json!({}))
}

/// The head of a request, with what a modern one needs and these.
fn head(served: &Served, more: &str) -> String {
    let headers: String = modern_headers(&list()).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST /mcp HTTP/1.1\r\nhost: {}\r\n{headers}{more}", served.address)
}

/// Whether the server has closed the connection, within what any test may take.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut rest = Vec::new();
    timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await.is_ok()
}

async fn lives(served: &Served) {
    assert_eq!(served.modern(&list(), &[]).await.status, 200, "the server lives on");
}

#[tokio::test]
async fn names_that_were_made_to_resolve_here_do_not_get_through() {
    let served = served(|http| http).await;
    let port = served.address.port();
    let hosts =
        ["evil.example.com".to_owned(), format!("evil.example.com:{port}"), format!("127.0.0.1.evil.com:{port}")];
    for host in &hosts {
        assert_eq!(served.modern(&list(), &[("host", host)]).await.status, 403, "{host}");
        let initialize = request(1, "initialize", json!({}));
        let headers = [("content-type", "application/json"), ("host", host)];
        assert_eq!(served.send("POST", &headers, &initialize.to_string()).await.status, 403, "{host}");
        assert_eq!(served.send("GET", &[("host", host)], "").await.status, 403, "{host}");
        assert_eq!(served.send("DELETE", &[("host", host)], "").await.status, 403, "{host}");
    }
    let origins = ["http://evil.example.com", "https://localhost.evil.com", "null"];
    for origin in origins {
        let reply = served.modern(&list(), &[("origin", origin)]).await;
        assert_eq!(reply.status, 403, "{origin}");
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    let own = format!("http://{}", served.address);
    assert_eq!(served.modern(&list(), &[("origin", &own)]).await.status, 200);
    lives(&served).await;
}

#[tokio::test]
async fn browsers_are_told_nothing_unless_they_shall_be() {
    let page = ("origin", "https://app.example.com");
    let preflight = [page, ("access-control-request-method", "POST")];
    let closed = served(|http| http.allow_origin("https://app.example.com")).await;
    let reply = closed.modern(&list(), &[page]).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None));
    assert_eq!(closed.send("OPTIONS", &preflight, "").await.status, 405);

    let open = served(|http| http.allow_origin("https://app.example.com").cors()).await;
    let reply = open.modern(&list(), &[page]).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example.com"));
    let reply = open.send("OPTIONS", &preflight, "").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, Some("https://app.example.com")));
    assert!(reply.header("access-control-allow-headers").is_some_and(|it| it.contains("mcp-protocol-version")));
    let foreign = ("origin", "https://evil.example.com");
    let reply = open.send("OPTIONS", &[foreign], "").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (403, None));
}

#[tokio::test]
async fn two_lengths_are_not_one_request() {
    let served = served(|http| http).await;
    let body = list().to_string();
    let smuggled = format!("{body}POST /mcp HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let both = format!("content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n", body.len());
    let two = format!("content-length: {}\r\ncontent-length: {}\r\n\r\n", body.len(), smuggled.len());
    let signed = format!("content-length: +{}\r\n\r\n", body.len());
    let odd = "transfer-encoding: xchunked\r\n\r\n".to_owned();
    let bare = "mcp-name: a\rhost: evil\r\ncontent-length: 0\r\n\r\n".to_owned();
    for more in [both, two, signed, odd, bare] {
        let stream = served.connect(&format!("{}{smuggled}", head(&served, &more))).await;
        let reply = Reply::read(stream).await;
        assert!(reply.status == 400 || reply.status == 0, "{more}: {}", reply.status);
    }
    // Two hosts, or one here and another one there.
    let mut twice = head(&served, "host: evil.example.com\r\nconnection: close\r\n");
    twice.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    assert!(matches!(Reply::read(served.connect(&twice).await).await.status, 400 | 403));
    let elsewhere =
        twice.replace("host: evil.example.com\r\n", "").replace("POST /mcp", "POST http://evil.example.com/mcp");
    assert!(matches!(Reply::read(served.connect(&elsewhere).await).await.status, 400 | 403));
    lives(&served).await;
}

#[tokio::test]
async fn bodies_without_end_are_refused() {
    let served = served(|http| http).await;
    let declared = head(&served, &format!("content-length: {}\r\n\r\n", 1_u64 << 40));
    assert_eq!(Reply::read(served.connect(&declared).await).await.status, 413);
    let mut stream = served.connect(&head(&served, "transfer-encoding: chunked\r\n\r\n")).await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    // Whoever sends on is not listened to.
    for _ in 0..1000 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    // The answer may be lost: the connection is reset while there is something that nobody reads.
    let mut answer = Vec::new();
    _ = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.expect("it ends");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    let long = modern(1, "tools/call", json!({ "name": "echo", "arguments": { "text": "x".repeat(5 << 20) } }));
    assert_eq!(served.modern(&long, &[]).await.status, 413);
    lives(&served).await;
}

#[tokio::test]
async fn what_is_compressed_is_not_unpacked() {
    let served = served(|http| http).await;
    for encoding in ["gzip", "deflate", "br", "gzip, gzip"] {
        assert_eq!(served.modern(&list(), &[("content-encoding", encoding)]).await.status, 415, "{encoding}");
    }
}

#[tokio::test]
async fn whoever_is_slow_on_purpose_is_not_waited_for() {
    let short = Duration::from_millis(100);
    let served = served(|http| http.request_timeout(short).idle_timeout(short)).await;
    let silent = served.connect("").await;
    let preface = served.connect("PRI * HT").await;
    let in_the_head = served.connect("POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-").await;
    let body = served.connect(&format!("{}{{", head(&served, "content-length: 100\r\n\r\n"))).await;
    assert_eq!(Reply::read(body).await.status, 408);
    // One that was answered before and says nothing more.
    let message = list().to_string();
    let whole = format!("{}{message}", head(&served, &format!("content-length: {}\r\n\r\n", message.len())));
    let idle = served.connect(&whole).await;
    for stream in [silent, preface, in_the_head, idle] {
        assert!(is_closed(stream).await);
    }
    lives(&served).await;
}

#[tokio::test]
async fn a_head_that_comes_in_drips_is_not_waited_for() {
    let short = Duration::from_millis(100);
    let served = served(|http| http.request_timeout(short)).await;
    let message = list().to_string();
    let whole = format!("{}{message}", head(&served, &format!("content-length: {}\r\n\r\n", message.len())));
    for is_answered_before in [false, true] {
        let mut stream = served.connect(if is_answered_before { &whole } else { "POST /mcp HTTP/1.1\r\nx-" }).await;
        let mut read = [0; 4096];
        let drips = async {
            loop {
                tokio::select! {
                    read = stream.read(&mut read) => if !matches!(read, Ok(1..)) { break },
                    () = sleep(Duration::from_millis(5)) => if stream.write_all(b"x").await.is_err() { break },
                }
            }
        };
        timeout(Duration::from_secs(30), drips).await.expect("it is closed");
    }
    lives(&served).await;
}

#[tokio::test]
async fn only_the_sending_of_a_request_has_its_time() {
    /// Take a while.
    #[tool]
    async fn linger() -> &'static str {
        sleep(Duration::from_millis(300)).await;
        "done"
    }
    let short = Duration::from_millis(20);
    let server = Server::new("slow").tools(tools![linger]);
    let served = Served::start_with(server, |http| http.request_timeout(short)).await;
    let message = modern(1, "tools/call", json!({ "name": "linger", "arguments": {} }));
    let headers: String = modern_headers(&message).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let message = message.to_string();
    let (host, length) = (served.address, message.len());
    let whole = format!("POST /mcp HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\n\r\n{message}");
    let mut stream = served.connect("").await;
    for _ in 0..2 {
        stream.write_all(whole.as_bytes()).await.expect("it is open");
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert!(
                timeout(Duration::from_secs(30), stream.read_buf(&mut answer)).await.expect("in time").expect("it") > 0
            );
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        // Between two requests there may be more time.
        sleep(10 * short).await;
    }
}

#[tokio::test]
async fn heads_have_limits() {
    let served = served(|http| http).await;
    let many: String = (0..500).map(|number| format!("x-{number}: y\r\n")).collect();
    let long = format!("x-long: {}\r\n", "y".repeat(1 << 20));
    for more in [many, long] {
        let stream = served.connect(&head(&served, &format!("{more}content-length: 0\r\n\r\n"))).await;
        let status = Reply::read(stream).await.status;
        assert!(status == 431 || status == 0, "{status}");
    }
    lives(&served).await;
}

#[tokio::test]
async fn more_than_a_server_can_do_is_refused_and_passes() {
    /// Wait until somebody says so.
    #[tool]
    async fn wait(gate: State<Gate>) {
        gate.entered.notify_one();
        gate.open.notified().await;
    }
    #[derive(Default)]
    struct Gate {
        entered: tokio::sync::Notify,
        open: tokio::sync::Notify,
    }
    let gate = std::sync::Arc::<Gate>::default();
    let server = Server::new("busy").state(gate.clone()).tools(tools![wait]);
    let served = Served::start_with(server, |http| http.max_requests(1).max_streams(1)).await;
    let message = modern(1, "tools/call", json!({ "name": "wait", "arguments": {} }));
    let meanwhile = async {
        gate.entered.notified().await;
        let refused = served.modern(&list(), &[]).await;
        assert_eq!(refused.status, 503);
        assert!(refused.header("retry-after").is_some());
        gate.open.notify_one();
    };
    let (reply, ()) = tokio::join!(served.modern(&message, &[]), meanwhile);
    assert_eq!(reply.status, 200);
    lives(&served).await;
    let listen = modern(2, "subscriptions/listen", json!({ "notifications": {} }));
    let mut first = served.modern(&listen, &[]).await;
    first.message().await.unwrap();
    assert_eq!(served.modern(&listen, &[]).await.status, 503);
}

#[tokio::test]
async fn what_is_kept_for_long_is_short() {
    let served = served(|http| http).await;
    let long = "x".repeat(70_000);
    let mut listen = modern(1, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }));
    listen["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["title"] = json!(long);
    let refused = served.modern(&listen, &[]).await;
    assert_eq!(refused.status, 413);
    let error = refused.json().await["error"].clone();
    assert_eq!(error["message"], "`_meta` of `subscriptions/listen` may have 65536 bytes");
    let client = json!({ "name": "x", "version": "1", "title": long });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    assert_eq!(served.legacy(None, &request(1, "initialize", params)).await.status, 413);
    // Of what is not kept, as much is fine.
    let echo = modern(1, "tools/call", json!({ "name": "echo", "arguments": { "text": long } }));
    assert_eq!(served.modern(&echo, &[]).await.status, 200);
}

/// Say more than anybody reads, and be done.
#[tool]
async fn talk(lines: u32, ctx: Context, end: State<tokio::sync::Notify>) {
    for _ in 0..lines {
        ctx.info("x".repeat(40_000)).await;
    }
    end.notify_one();
}

#[tokio::test]
async fn who_does_not_read_takes_nobodys_place() {
    let end = std::sync::Arc::<tokio::sync::Notify>::default();
    let server = Server::new("talkative").state(end.clone()).tools(tools![talk]);
    let served = Served::start_with(server, |http| http.max_requests(1).keep_alive(Duration::from_millis(50))).await;
    let session = served.session("2025-11-25").await;
    // Fewer than may wait to be written, and many more.
    for lines in [200, 800] {
        let arguments = json!({ "name": "talk", "arguments": { "lines": lines } });
        let mut message = modern(1, "tools/call", arguments.clone());
        message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
        let unread = served.modern(&message, &[]).await;
        end.notified().await;
        lives(&served).await;
        let message = request(i64::from(lines), "tools/call", arguments);
        let unread_as_well = served.legacy(Some(&session), &message).await;
        end.notified().await;
        lives(&served).await;
        drop((unread, unread_as_well));
    }
}

#[tokio::test]
async fn a_connection_that_takes_nothing_is_closed() {
    let end = std::sync::Arc::<tokio::sync::Notify>::default();
    let server = Server::new("long").state(end).tools(tools![repeat, talk]);
    let served =
        Served::start_with(server, |http| http.max_connections(1).idle_timeout(Duration::from_millis(100))).await;
    /// Say it so many times.
    #[tool]
    fn repeat(text: &str, times: usize) -> String {
        text.repeat(times)
    }
    let long = json!({ "name": "repeat", "arguments": { "text": "x", "times": 64 << 20 } });
    let mut events = modern(1, "tools/call", json!({ "name": "talk", "arguments": { "lines": 400 } }));
    events["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
    for message in [modern(1, "tools/call", long), events] {
        let unread = served.modern(&message, &[]).await;
        assert_eq!(unread.status, 200);
        // There is room for another one only when the first one is gone.
        lives(&served).await;
        assert!(unread.rest().await < 64 << 20);
    }
}

#[tokio::test]
async fn sessions_cannot_be_guessed() {
    let served = served(|http| http).await;
    let one = served.session("2025-11-25").await;
    let two = served.session("2025-11-25").await;
    assert_ne!(one, two);
    assert!(one.len() >= 43, "256 bits of randomness");
    let guesses = [one[1..].to_owned(), format!("{one}="), one.to_uppercase(), "0".repeat(43), String::new()];
    for guess in guesses {
        let status = served.legacy(Some(&guess), &request(1, "ping", json!({}))).await.status;
        assert_eq!(status, 404, "{guess}");
    }
    let headers = [("content-type", "application/json"), ("mcp-session-id", &*one), ("mcp-session-id", &*two)];
    assert_eq!(served.send("POST", &headers, &request(1, "tools/list", json!({})).to_string()).await.status, 400);
}

#[tokio::test]
async fn any_bytes_leave_the_server_alive() {
    let served = served(|http| http.request_timeout(Duration::from_millis(100))).await;
    let bytes = [
        "\0\0\0\0",
        "GET",
        "\r\n\r\n\r\n",
        "POST /mcp HTTP/9.9\r\n\r\n",
        "POST /mcp HTTP/1.0\r\n\r\n",
        "POST mcp HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "POST * HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0\0",
    ];
    for bytes in bytes {
        let mut stream = served.connect(bytes).await;
        _ = stream.shutdown().await;
        assert!(is_closed(stream).await, "{bytes:?}");
        lives(&served).await;
    }
}
