//! The programs that are measured.

use std::io::{self, BufRead as _, Write as _};

use crate::{growth, rounds};
use mcp_benches::{Answer, Era, answer_bare, answer_bare_echo};
use mcp_runtime::prelude::*;
use mcp_runtime::{DynTool, Tools};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

/// Add two integers.
#[tool]
pub(crate) fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Say it again.
#[tool]
pub(crate) fn echo(text: &str) -> &str {
    text
}

pub(crate) fn server() -> Server {
    Server::new("bench").version("1.0.0").tools(tools![add])
}

/// A server of so many tools, one of which is `add`.
fn server_of(tools: usize) -> Server {
    let schema = serde_json::json!({ "type": "object", "properties": { "text": { "type": "string" } } });
    let other = |number| DynTool::new(format!("tool_{number}"), schema.clone(), |_, _| async { "" });
    let (before, after) = (tools / 2, tools - tools / 2 - 1);
    Server::new("bench")
        .version("1.0.0")
        .tools((0..before).map(other).collect::<Tools>())
        .tools(tools![add])
        .tools((before..before + after).map(other).collect::<Tools>())
}

/// Runs one subject. Those on stdio end with their input, the others make `calls` themselves.
pub(crate) fn run(subject: &str, era: Era, calls: u64) -> io::Result<()> {
    match subject {
        "bare-stdio" => return bare_stdio(answer_bare),
        _ if subject.starts_with("bare-echo-") => return bare_stdio(answer_bare_echo),
        "aead" => return rounds::aead(calls).map_err(|error| io::Error::other(error.to_string())),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match subject {
            "stdio" => server().serve_stdio().await.map_err(io::Error::other),
            "memory" => over_memory(era, calls, |end| serve(server(), end)).await,
            "push" | "parked" | "replayed" | "bare-push" | "bare-rounds" | "bare-guarded" => {
                rounds::run(subject, calls).await
            }
            "bare-memory" => over_memory(era, calls, bare_memory).await,
            other if other.starts_with("echo-") => {
                Server::new("bench").tools(tools![echo]).serve_stdio().await.map_err(io::Error::other)
            }
            other => match other.rsplit_once('-').and_then(|(kind, number)| Some((kind, number.parse().ok()?))) {
                Some(("tools", tools)) => over_memory(era, calls, |end| serve(server_of(tools as usize), end)).await,
                Some((kind, number)) if kind.starts_with("beside-") => {
                    growth::run(kind.trim_start_matches("beside-"), number, calls).await
                }
                _ => Err(io::Error::other(format!("there is no subject `{other}`"))),
            },
        }
    })
}

async fn serve(server: Server, end: DuplexStream) -> io::Result<()> {
    server.serve(end).await.map_err(io::Error::other)
}

pub(crate) fn bare_stdio(answer: Answer) -> io::Result<()> {
    let (mut input, mut output) = (io::BufReader::with_capacity(64 << 10, io::stdin().lock()), io::stdout().lock());
    let (mut line, mut out) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return output.write_all(&out);
        }
        answer(&line, &mut out);
        // All lines that are there are answered with one write.
        if !input.buffer().contains(&b'\n') {
            output.write_all(&out)?;
            output.flush()?;
            out.clear();
        }
    }
}

async fn bare_memory(end: DuplexStream) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(end);
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let (mut line, mut out) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).await? == 0 {
            return writer.write_all(&out).await;
        }
        answer_bare(&line, &mut out);
        if !reader.buffer().contains(&b'\n') {
            writer.write_all(&out).await?;
            out.clear();
        }
    }
}

/// Sends all calls through a pair in memory and reads the answers.
pub(crate) async fn over_memory<F: Future<Output = io::Result<()>>>(
    era: Era,
    calls: u64,
    serve: impl FnOnce(DuplexStream) -> F,
) -> io::Result<()> {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (mut reader, mut writer) = tokio::io::split(ours);
    let send = async move {
        writer.write_all(era.preamble().as_bytes()).await?;
        let mut lines = String::new();
        for id in 1..=calls {
            lines.push_str(&era.call(id));
            if lines.len() > 16 << 10 {
                writer.write_all(lines.as_bytes()).await?;
                lines.clear();
            }
        }
        writer.write_all(lines.as_bytes()).await?;
        writer.shutdown().await
    };
    let receive = async move {
        let mut buffer = vec![0; 64 << 10];
        while reader.read(&mut buffer).await? > 0 {}
        Ok(())
    };
    tokio::try_join!(send, receive, serve(theirs))?;
    Ok(())
}
