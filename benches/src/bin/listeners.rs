//! A thousand who listen, on connections of their own, while ten thousand changes a second are said for three
//! seconds; and one who never reads. It ends with an error when one of the thousand does not hear the last
//! change, or when memory grows with the changes.

use std::time::{Duration, Instant};

use mcp_runtime::prelude::*;
use mcp_runtime::{ReadyServer, Resource, ServerHandle};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, split};
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const LISTENERS: usize = 1000;
const RESOURCES: usize = 10;
const A_SECOND: u64 = 10_000;
const SECONDS: u64 = 3;
/// More memory than this, in bytes, must not be held after the changes than before.
const GROWTH: isize = 1 << 20;

struct Listener {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    /// Open for as long as it listens.
    _writer: WriteHalf<DuplexStream>,
}

fn server() -> (Server, ServerHandle) {
    let mut server = Server::new("changing").resources(Resource::text("it://last", ""));
    for number in 0..RESOURCES {
        server = server.resources(Resource::text(format!("it://{number}"), ""));
    }
    let handle = server.handle();
    (server, handle)
}

async fn listen(server: &ReadyServer) -> std::io::Result<Listener> {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = server.clone();
    tokio::spawn(async move { server.serve(theirs).await });
    let uris: Vec<String> = (0..RESOURCES).map(|it| format!("it://{it}")).chain(["it://last".to_owned()]).collect();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "_meta": meta, "notifications": { "resourceSubscriptions": uris } });
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params });
    let (reader, mut writer) = split(ours);
    writer.write_all(format!("{request}\n").as_bytes()).await?;
    Ok(Listener { lines: BufReader::new(reader).lines(), _writer: writer })
}

/// Hears everything up to the last change; says how many there were.
async fn hear(mut listener: Listener) -> std::io::Result<u64> {
    let mut heard = 0;
    while let Some(line) = listener.lines.next_line().await? {
        let message: Value = serde_json::from_str(&line)?;
        match message["params"]["uri"].as_str() {
            Some("it://last") => return Ok(heard),
            Some(_) => heard += 1,
            None => {}
        }
    }
    Err(std::io::Error::other("the connection ended before the last change"))
}

/// Says so many changes a second as there are to be, if the machine can.
fn say_changes(handle: &ServerHandle, time: Duration, between: &mut dyn FnMut()) -> u64 {
    let start = Instant::now();
    let mut said = 0;
    while start.elapsed() < time {
        let due = start.elapsed().as_micros() as u64 * A_SECOND / 1_000_000;
        while said < due {
            handle.resource_updated(&format!("it://{}", said as usize % RESOURCES));
            said += 1;
        }
        between();
        std::thread::sleep(Duration::from_micros(500));
    }
    said
}

#[tokio::main]
async fn main() -> Result<()> {
    let (server, handle) = server();
    let server = server.build()?;
    let silent = listen(&server).await?;
    let mut listeners = JoinSet::new();
    for _ in 0..LISTENERS {
        let mut listener = listen(&server).await?;
        // The acknowledgement.
        listener.lines.next_line().await?;
        listeners.spawn(hear(listener));
    }

    let (said, took, most) = tokio::task::spawn_blocking(move || {
        // Until every buffer is as large as it gets.
        say_changes(&handle, Duration::from_secs(1), &mut || {});
        let held = Region::new(ALLOCATOR);
        let mut most = 0;
        let start = Instant::now();
        let said = say_changes(&handle, Duration::from_secs(SECONDS), &mut || {
            let stats = held.change();
            most = most.max(stats.bytes_allocated as isize - stats.bytes_deallocated as isize);
        });
        let took = start.elapsed();
        handle.resource_updated("it://last");
        (said, took, most)
    })
    .await
    .map_err(std::io::Error::other)?;
    let mut heard = Vec::new();
    while let Some(listener) = listeners.join_next().await {
        heard.push(listener.map_err(std::io::Error::other)??);
    }
    heard.sort_unstable();
    let all: u64 = heard.iter().sum();
    eprintln!(
        "{LISTENERS} listeners, {said} changes in {:.1} s: each heard {} to {} notifications, {:.0} a second in all; \
         at most {} KiB more were held",
        took.as_secs_f64(),
        heard.first().copied().unwrap_or_default(),
        heard.last().copied().unwrap_or_default(),
        all as f64 / took.as_secs_f64(),
        most / 1024,
    );

    // Who never read holds what it subscribed to.
    let mut silent = silent;
    let mut kept = 0;
    while let Some(line) = silent.lines.next_line().await? {
        kept += 1;
        if line.contains("notifications/resources/updated") && line.contains("it://last") {
            break;
        }
    }
    eprintln!("one who never read was told {kept} lines when it did");
    if most > GROWTH {
        return Err(format!("memory grew by {most} bytes; at most {GROWTH} are allowed").into());
    }
    server.shutdown().await;
    Ok(())
}
