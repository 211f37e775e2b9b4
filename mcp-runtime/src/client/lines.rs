//! A connection of lines: the standard streams of a child process, a server in memory, any two streams.

use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

use super::incoming::{Incoming, LONGEST, Reply, Source, response};
use super::overheard::Speaker;
use super::wire::{Link, closed};
use crate::codec::{Glimpse, glimpse};
use crate::protocol::ErrorObject;
use crate::transport::{Line, LineReader};

/// One task that writes, and one that reads.
pub(super) struct Lines {
    outgoing: mpsc::UnboundedSender<Value>,
    reader: AbortHandle,
    incoming: Arc<Incoming>,
}

impl Lines {
    pub(super) fn start(
        reader: impl AsyncRead + Unpin + Send + 'static,
        mut writer: impl AsyncWrite + Unpin + Send + 'static,
        incoming: &Arc<Incoming>,
    ) -> Self {
        let (outgoing, mut queue) = mpsc::unbounded_channel::<Value>();
        let overheard = incoming.overheard().clone();
        tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                let mut line = message.to_string();
                overheard.said(Speaker::Client, line.as_bytes());
                line.push('\n');
                if writer.write_all(line.as_bytes()).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
            }
            // The server sees the end of its input.
            let _ = writer.shutdown().await;
        });
        let replies = outgoing.downgrade();
        let reply: Reply = Arc::new(move |answer| {
            if let Some(replies) = replies.upgrade() {
                // If the connection has ended, nobody wants to know.
                let _ = replies.send(answer);
            }
        });
        let reading = tokio::spawn(read(reader, incoming.clone(), reply));
        Self { outgoing, reader: reading.abort_handle(), incoming: incoming.clone() }
    }
}

async fn read(reader: impl AsyncRead + Unpin, incoming: Arc<Incoming>, reply: Reply) {
    let _ended = incoming.ended().clone().drop_guard();
    let mut lines = LineReader::new(reader, LONGEST);
    while let Ok(true) = lines.fill().await {
        while let Some(line) = lines.next_line() {
            hear(&incoming, &line, &reply);
        }
    }
    incoming.end();
}

fn hear(incoming: &Incoming, line: &Line<'_>, reply: &Reply) {
    match line {
        Line::Whole(line) => incoming.hear(line, Source { about: None, reply: Some(reply) }),
        Line::TooLong { head, tail } => {
            tracing::warn!("the server sent a message of more than {LONGEST} bytes");
            let error = ErrorObject::invalid_request(format!("the message is longer than {LONGEST} bytes"));
            match glimpse(head, tail) {
                Glimpse::Response(id) => incoming.answered(&id, Err(error)),
                Glimpse::Request(id) => reply(response(&id, Err(error))),
                Glimpse::Other => {}
            }
        }
    }
}

impl Link for Lines {
    fn request(&self, id: i64, message: Value) -> Option<AbortHandle> {
        if let Err(mpsc::error::SendError(message)) = self.outgoing.send(message) {
            self.incoming.failed(id, closed(message["method"].as_str().unwrap_or_default()));
        }
        None
    }

    fn send(&self, message: Value) -> Option<JoinHandle<()>> {
        // If the connection has ended, the next request says so.
        let _ = self.outgoing.send(message);
        None
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
