//! A modern client that repeats what got no answer, as clients over HTTP may.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use mcp_tests::http::{modern, modern_headers};
use mcp_tests::raw::{Call, shout};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long any request may take.
const LONGEST: Duration = Duration::from_secs(30);

/// What came of one call.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) result: Value,
    /// How often each round was tried.
    pub(crate) tries: Vec<u32>,
}

/// Calls a tool until it is complete; its questions are answered in capitals.
pub(crate) async fn call(address: SocketAddr, tool: &str, arguments: Value) -> Called {
    let mut call = Call::new(tool, arguments);
    let mut tries = Vec::new();
    loop {
        let mut tried = 0;
        let result = loop {
            tried += 1;
            match send(address, &call).await {
                Ok(mut message) => match message["result"].take() {
                    Value::Null => panic!("{tool} is refused: {message}"),
                    result => break result,
                },
                // Whoever is left is given some time.
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        };
        tries.push(tried);
        if result["resultType"] == "complete" {
            return Called { result, tries };
        }
        call = call.next(&result, shout);
    }
}

/// Sends a request once.
///
/// # Errors
///
/// When there is no answer, or none of a server.
pub(crate) async fn send(address: SocketAddr, call: &Call) -> Result<Value, String> {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed);
    let mut message = modern(id, "tools/call", Value::Object(call.params.clone()));
    // So that reports come.
    message["params"]["_meta"]["progressToken"] = id.into();
    let response = timeout(LONGEST, post(address, &message)).await.expect("an answer, or none, in time")?;
    assert_eq!(response["id"], id, "{response}");
    Ok(response)
}

async fn post(address: SocketAddr, message: &Value) -> Result<Value, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let stream = TcpStream::connect(address).await.map_err(|error| said(&error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| said(&error))?;
    tokio::spawn(connection);
    let mut request = Request::post("/mcp").header("host", "localhost");
    for (name, value) in modern_headers(message) {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(message.to_string()))).expect("a request");
    let response = sender.send_request(request).await.map_err(|error| said(&error))?;
    if [502, 503, 504].contains(&response.status().as_u16()) {
        return Err(said(&response.status()));
    }
    let is_stream = response.headers().get("content-type").is_some_and(|it| it == "text/event-stream");
    let body = response.into_body().collect().await.map_err(|error| said(&error))?.to_bytes();
    let text = std::str::from_utf8(&body).expect("text");
    // The response is the last event.
    let response =
        if is_stream { text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back() } else { Some(text) };
    let response: Value = serde_json::from_str(response.unwrap_or_default()).map_err(|error| said(&error))?;
    if response.get("method").is_some() { Err("the stream broke".to_owned()) } else { Ok(response) }
}
