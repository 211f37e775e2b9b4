//! Connections that carry whole messages.

use std::error::Error;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::AsyncWrite;
use tokio_util::io::StreamReader;

use super::{Reader, Transport, Writer};

/// A [`Transport`] made of a [`Stream`] and a [`Sink`] of whole messages: the two halves of a WebSocket, of a queue, of
/// two channels.
///
/// Each item of the stream is one message, as text or bytes; an error ends the connection. Each item of the sink is
/// one, too: JSON without line breaks.
///
/// ```
/// use futures_channel::mpsc;
/// use futures_util::StreamExt as _;
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::{Client, Messages};
///
/// /// Add two integers.
/// #[tool]
/// fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let (to_server, at_server) = mpsc::channel::<String>(8);
/// let (to_client, at_client) = mpsc::channel::<String>(8);
///
/// let server = Server::new("calculator").tools(tools![add]);
/// tokio::spawn(server.serve(Messages::new(at_server.map(std::io::Result::Ok), to_client)));
///
/// let client = Client::over(Messages::new(at_client.map(std::io::Result::Ok), to_server)).connect().await?;
/// assert_eq!(client.call::<i64>("add", [("a", 1), ("b", 2)]).await?, 3);
/// # Ok(())
/// # }
/// ```
///
/// A WebSocket of the crate `tokio-tungstenite`, which has messages of other kinds, too:
///
/// ```ignore
/// let (sink, stream) = socket.split();
/// let texts = stream.try_filter(|message| ready(message.is_text())).map_ok(Message::into_data);
/// let sink = sink.with(|text: String| ready(Ok::<_, tungstenite::Error>(Message::text(text))));
/// server.serve(Messages::new(texts, sink).network("tcp")).await?;
/// ```
#[derive(Debug)]
#[must_use = "it is a connection for `serve` or `Client::over`"]
pub struct Messages<R, W> {
    stream: R,
    sink: W,
    network: Option<&'static str>,
}

impl<R, W> Messages<R, W> {
    /// Takes messages from the other end, and brings them to it.
    pub fn new(stream: R, sink: W) -> Self {
        Self { stream, sink, network: None }
    }

    /// Says what carries the messages, as [`Transport::network`] does.
    pub fn network(mut self, name: &'static str) -> Self {
        self.network = Some(name);
        self
    }
}

impl<R, W, M, E> Transport for Messages<R, W>
where
    R: Stream<Item = Result<M, E>> + Send + 'static,
    W: Sink<String> + Send + 'static,
    W::Error: Into<Box<dyn Error + Send + Sync>>,
    M: AsRef<[u8]>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Reader = Reader;
    type Writer = Writer;

    fn split(self) -> (Reader, Writer) {
        let lines = AsLines(Box::pin(self.stream));
        (Box::new(StreamReader::new(lines)), Box::new(Lines { sink: Box::pin(self.sink), begun: Vec::new() }))
    }

    fn network(&self) -> Option<&'static str> {
        self.network
    }
}

/// Makes lines of messages.
struct AsLines<R>(Pin<Box<R>>);

impl<R, M, E> Stream for AsLines<R>
where
    R: Stream<Item = Result<M, E>>,
    M: AsRef<[u8]>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Item = io::Result<Cursor<Vec<u8>>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(self.0.as_mut().poll_next(cx));
        Poll::Ready(message.map(|message| message.map(|it| line(it.as_ref())).map_err(io::Error::other)))
    }
}

/// A message as a line. Line breaks in JSON are nothing but space between its parts.
fn line(message: &[u8]) -> Cursor<Vec<u8>> {
    let mut line = Vec::with_capacity(message.len() + 1);
    line.extend(message.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
    line.push(b'\n');
    Cursor::new(line)
}

/// Makes messages of lines.
struct Lines<W> {
    sink: Pin<Box<W>>,
    /// What there is of a line that has not ended.
    begun: Vec<u8>,
}

impl<W> AsyncWrite for Lines<W>
where
    W: Sink<String>,
    W::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.begun.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        };
        ready!(self.sink.as_mut().poll_ready(cx)).map_err(io::Error::other)?;
        let mut message = std::mem::take(&mut self.begun);
        message.extend_from_slice(&bytes[..end]);
        let message = String::from_utf8(message).map_err(io::Error::other)?;
        self.sink.as_mut().start_send(message).map_err(io::Error::other)?;
        Poll::Ready(Ok(end + 1))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.as_mut().poll_flush(cx).map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.as_mut().poll_close(cx).map_err(io::Error::other)
    }
}
