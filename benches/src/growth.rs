//! What a call of `add` takes in a server that holds much else: calls that wait for their client, clients that listen to
//! changes, sessions.

use std::io;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use mcp_runtime::prelude::*;
use mcp_runtime::{ReadyServer, Resource};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tower_service::Service as _;

use mcp_benches::Era;

use crate::instructions::{per_call, ratio};
use crate::product::{META, create_product, modern_call};
use crate::subject::{add, over_memory};
use crate::{Result, say};

/// More of them than there are in any run.
const ENOUGH: usize = 200_000;

/// Makes `calls` calls beside so many of these.
pub(crate) async fn run(held: &str, number: u64, calls: u64) -> io::Result<()> {
    let server = Server::new("bench")
        .version("1.0.0")
        .tools(tools![add, create_product])
        .resources(Resource::text("it://one", ""))
        .max_parked_calls(ENOUGH)
        .max_parked_bytes(1 << 30);
    let _changes = server.handle();
    let server = server.build().map_err(io::Error::other)?;
    let serve = |end| async { server.serve(end).await.map_err(io::Error::other) };
    match held {
        "parked" => {
            let mut client = connect(&server);
            for id in 1..=number {
                exchange(&mut client, &modern_call(id), "\"requestState\":").await?;
            }
            over_memory(Era::Modern, calls, serve).await
        }
        "listeners" => {
            let listen = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/listen\",\"params\":{{\
                 \"notifications\":{{\"resourceSubscriptions\":[\"it://one\"]}},{META}}}}}\n"
            );
            let mut clients = Vec::new();
            for _ in 0..number {
                let mut client = connect(&server);
                exchange(&mut client, &listen, "notifications/subscriptions/acknowledged").await?;
                clients.push(client);
            }
            over_memory(Era::Modern, calls, serve).await
        }
        "sessions" => over_http(&server, number, calls).await,
        other => Err(io::Error::other(format!("nobody holds `{other}`"))),
    }
}

fn connect(server: &ReadyServer) -> BufReader<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(8 << 10);
    let server = server.clone();
    tokio::spawn(async move { server.serve(theirs).await });
    BufReader::with_capacity(1 << 10, ours)
}

/// Sends a message, and reads an answer that must have this in it.
async fn exchange(client: &mut BufReader<DuplexStream>, message: &str, expected: &str) -> io::Result<()> {
    client.get_mut().write_all(message.as_bytes()).await?;
    let mut line = String::new();
    client.read_line(&mut line).await?;
    if line.contains(expected) { Ok(()) } else { Err(io::Error::other(format!("it answered {line}"))) }
}

/// Begins sessions, and makes the calls in all of them by turns.
async fn over_http(server: &ReadyServer, sessions: u64, calls: u64) -> io::Result<()> {
    let http = server.http().max_sessions(ENOUGH);
    let send = async |session: Option<&str>, message: &str| {
        let mut request = Request::post("/mcp")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(session) = session {
            request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
        }
        let request = request.body(Full::new(Bytes::from(message.to_owned()))).map_err(io::Error::other)?;
        let (head, body) = http.clone().call(request).await.map_err(io::Error::other)?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        if !head.status.is_success() {
            return Err(io::Error::other(format!("it answered {head:?}")));
        }
        Ok((head.headers, body))
    };
    let mut ids = Vec::new();
    for _ in 0..sessions {
        let preamble = Era::Legacy.preamble().lines().next().unwrap_or_default();
        let (headers, _) = send(None, preamble).await?;
        let id = headers.get("mcp-session-id").and_then(|id| id.to_str().ok()).ok_or(io::ErrorKind::InvalidData)?;
        ids.push(id.to_owned());
    }
    for (call, session) in (1..=calls).zip(ids.iter().cycle()) {
        let (_, body) = send(Some(session), &Era::Legacy.call(call)).await?;
        if memchr::memmem::find(&body, b"structuredContent").is_none() {
            return Err(io::Error::other(format!("it answered {body:?}")));
        }
    }
    Ok(())
}

/// Prints the table, and returns the worst ratio between few and many. Of calls that wait, there are so many.
pub(crate) fn instructions(parked: u64) -> Result<f64> {
    say("\nInstructions per call of `add` in a server that holds so many of these")?;
    say(&format!("{:<12}{:>8}{:>12}{:>12}{:>8}", "held", "many", "with 1", "with many", "ratio"))?;
    let mut worst: f64 = 0.0;
    for (held, many) in [("parked", parked), ("listeners", 1_000), ("sessions", 10_000)] {
        // What is held is not made in the same number of instructions each time, nor looked after: so many calls are made
        // beside it that this is next to nothing for one of them.
        let count = |number: u64| per_call(&format!("beside-{held}-{number}"), Era::Modern, (1_000, 3_000 + number));
        let (few, with_many) = (count(1)?, count(many)?);
        let beside = ratio(with_many, few);
        worst = worst.max(beside);
        say(&format!("{held:<12}{many:>8}{few:>12}{with_many:>12}{beside:>8.2}"))?;
    }
    Ok(worst)
}
