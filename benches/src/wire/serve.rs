//! The servers that are this program: ours, and bare loops.

use std::io::{self, Write as _};

use mcp_benches::{Answer, answer_bare, answer_bare_echo, bare_http};
use mcp_runtime::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::runtime::Builder;

use super::case::Transport;
use crate::{product, subject};

fn ours() -> Server {
    subject::server().tools(tools![subject::echo, product::create_product])
}

/// Serves until the input ends, or this process is killed.
pub(crate) fn serve(name: &str, transport: &str, tool: &str) -> io::Result<()> {
    let answer: Answer = if tool == "echo" { answer_bare_echo } else { answer_bare };
    let transport = Transport::from_name(transport).ok_or_else(|| io::Error::other("no such transport"))?;
    let runtime = match name {
        "bare" if transport == Transport::Stdio => return subject::bare_stdio(answer),
        "ours-current" | "bare-current" | "bare-polled" => Builder::new_current_thread().enable_all().build()?,
        _ => Builder::new_multi_thread().enable_all().build()?,
    };
    runtime.block_on(async {
        match (name, transport) {
            ("bare-polled", _) => bare_polled(answer).await,
            ("bare" | "bare-current", _) => bare_http(listen().await?, answer).await,
            (_, Transport::Stdio) => ours().serve_stdio().await.map_err(io::Error::other),
            (_, Transport::Http) => {
                let http = ours().build().map_err(io::Error::other)?.http();
                http.serve(listen().await?).await.map_err(io::Error::other)
            }
        }
    })
}

/// Listens, and says where.
async fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "http://{}/mcp", listener.local_addr()?)?;
    Ok(listener)
}

/// As the bare loop, with pipes that the runtime's reactor reads and writes.
async fn bare_polled(answer: Answer) -> io::Result<()> {
    let mut input = pipe::OpenOptions::new().open_receiver("/proc/self/fd/0")?;
    let mut output = pipe::OpenOptions::new().open_sender("/proc/self/fd/1")?;
    let (mut read, mut out) = (Vec::with_capacity(64 << 10), Vec::new());
    while input.read_buf(&mut read).await? > 0 {
        let mut begin = 0;
        while let Some(length) = memchr::memchr(b'\n', &read[begin..]) {
            answer(&read[begin..begin + length], &mut out);
            begin += length + 1;
        }
        read.drain(..begin);
        output.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}
