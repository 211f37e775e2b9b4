//! Calls over one connection of HTTP/1.1 that stays open, each after the answer to the one before.

use std::io;

use mcp_benches::{Era, answer_bare, bare_http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::subject::server;

/// Makes `calls` calls, in the same process and thread as the server.
pub(crate) async fn run(subject: &str, era: Era, calls: u64) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    match subject {
        "bare-http" => drop(tokio::spawn(bare_http(listener, answer_bare))),
        _ => {
            let http = server().build().map_err(io::Error::other)?.http();
            tokio::spawn(async move { http.serve_until(listener, std::future::pending()).await });
        }
    }
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut client = Client { stream, read: Vec::new(), session: String::new() };
    client.begin(era).await?;
    for id in 1..=calls {
        client.call(era, id).await?;
    }
    Ok(())
}

/// A client that does as little as it can.
struct Client {
    stream: TcpStream,
    read: Vec<u8>,
    session: String,
}

impl Client {
    async fn begin(&mut self, era: Era) -> io::Result<()> {
        for message in era.preamble().lines() {
            let head = self.exchange(era, message).await?;
            let session = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
            if let Some(session) = session {
                self.session = format!("mcp-session-id: {session}\r\n");
            }
        }
        Ok(())
    }

    async fn call(&mut self, era: Era, id: u64) -> io::Result<()> {
        self.exchange(era, era.call(id).trim_end()).await?;
        let sum = format!("\"structuredContent\":{{\"result\":{}}}", id % 1000 + id % 777);
        match memchr::memmem::find(&self.read, sum.as_bytes()) {
            Some(_) => Ok(()),
            None => Err(io::Error::other(format!("answer {id} is wrong: {}", String::from_utf8_lossy(&self.read)))),
        }
    }

    /// Sends a message, and reads the answer; returns its head.
    async fn exchange(&mut self, era: Era, message: &str) -> io::Result<String> {
        let headers = match era {
            Era::Legacy => &*self.session,
            Era::Modern => "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: add\r\n",
        };
        let length = message.len();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n{headers}content-length: {length}\r\n\r\n{message}"
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.read.clear();
        loop {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some(end) = memchr::memmem::find(&self.read, b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if self.read.len() >= end + 4 + length {
                return Ok(head);
            }
        }
    }
}
