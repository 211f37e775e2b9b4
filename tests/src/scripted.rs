//! HTTP servers made by hand, which answer as no server should, byte by byte.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How long a test waits for what must come.
pub const LONGEST: Duration = Duration::from_secs(30);

/// A request, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `POST`, for example.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    headers: Vec<(String, String)>,
    /// What was sent.
    pub body: String,
}

impl Asked {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The message that was sent; null if it was none.
    #[must_use]
    pub fn message(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The method of the message, or that of HTTP if there was no message.
    #[must_use]
    pub fn what(&self) -> String {
        self.message()["method"].as_str().map_or_else(|| self.method.clone(), str::to_owned)
    }

    /// A message with the id of the one that was sent.
    #[must_use]
    pub fn answer(&self, result: &Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.message()["id"], "result": result })
    }

    /// An error with the id of the message that was sent.
    #[must_use]
    pub fn error(&self, code: i64, data: &Value) -> Value {
        let error = json!({ "code": code, "message": "no", "data": data });
        json!({ "jsonrpc": "2.0", "id": self.message()["id"], "error": error })
    }

    /// The answer to `server/discover`, of a server with tools.
    #[must_use]
    pub fn discovered(&self) -> Value {
        let capabilities = json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true } });
        self.answer(&json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
        }))
    }

    /// The answer to `initialize`.
    #[must_use]
    pub fn initialized(&self, version: &str) -> Value {
        let capabilities =
            json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true }, "logging": {} });
        let info = json!({ "name": "by hand", "version": "1" });
        self.answer(&json!({ "protocolVersion": version, "capabilities": capabilities, "serverInfo": info }))
    }

    /// A tool's result of this text.
    #[must_use]
    pub fn text(&self, text: &str) -> Value {
        self.answer(&json!({ "resultType": "complete", "content": [{ "type": "text", "text": text }] }))
    }
}

/// The other end of one request. Dropped before its end, the connection breaks off.
#[derive(Debug)]
pub struct Talk(TcpStream);

impl Talk {
    /// Writes these bytes. Whether anybody still reads is not of interest.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref()).await;
        let _ = self.0.flush().await;
    }

    /// Answers with all of this.
    pub async fn respond(mut self, status: u16, headers: &[(&str, &str)], body: &str) {
        let mut head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        self.write(format!("{head}\r\n{body}")).await;
    }

    /// Answers with a message.
    pub async fn json(self, message: &Value) {
        self.respond(200, &[("content-type", "application/json")], &message.to_string()).await;
    }

    /// Takes the message, without a word.
    pub async fn accept(self) {
        self.respond(202, &[], "").await;
    }

    /// Begins an event stream.
    pub async fn events(&mut self, headers: &[(&str, &str)]) {
        let mut head = "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\
                        content-type: text/event-stream\r\n"
            .to_owned();
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        self.write(format!("{head}\r\n")).await;
    }

    /// Writes a piece of an event stream.
    pub async fn piece(&mut self, piece: impl AsRef<[u8]>) {
        let piece = piece.as_ref();
        self.write(format!("{:x}\r\n", piece.len())).await;
        self.write(piece).await;
        self.write("\r\n").await;
    }

    /// Writes an event with a message.
    pub async fn event(&mut self, message: &Value) {
        self.piece(format!("data: {message}\n\n")).await;
    }

    /// Ends an event stream as it should.
    pub async fn end(mut self) {
        self.write("0\r\n\r\n").await;
    }

    /// Waits until the client has closed the connection.
    pub async fn closed(mut self) {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
    }
}

/// A server that is made by hand.
#[derive(Debug)]
pub struct Scripted {
    /// Where it is.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Scripted {
    /// Answers each request like this.
    pub async fn start<F, A>(answer: F) -> Self
    where
        A: Future<Output = ()> + Send + 'static,
        F: Fn(Asked, Talk) -> A + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let url = format!("http://{}/mcp", listener.local_addr().expect("it has an address"));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (all, answer) = (asked.clone(), Arc::new(answer));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (all, answer) = (all.clone(), answer.clone());
                tokio::spawn(async move {
                    let Some((asked, talk)) = read(stream).await else { return };
                    all.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
                    answer(asked, talk).await;
                });
            }
        });
        Self { url, asked, serving }
    }

    /// Everything that was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often this was asked so far.
    #[must_use]
    pub fn count(&self, what: &str) -> usize {
        self.asked().iter().filter(|asked| asked.what() == what).count()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn read(stream: TcpStream) -> Option<(Asked, Talk)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut first = line.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap_or(0))];
    reader.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).expect("clients send text");
    Some((Asked { method, path, headers, body }, Talk(reader.into_inner())))
}
