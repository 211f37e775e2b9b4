//! A provider of models that answers as it is told, over HTTP on this machine.
#![expect(clippy::missing_panics_doc, reason = "tests panic on purpose")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// It answers with a status, headers beside those of a JSON body, and the body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It ends the connection without a word.
    Drop,
    /// It ends the connection in the middle of the body.
    Break,
    /// It says nothing at all.
    Hang,
}

impl Reply {
    /// A good answer.
    #[must_use]
    pub fn ok(body: &Value) -> Self {
        Self::Answer(200, Vec::new(), body.to_string())
    }

    /// An answer of another status.
    #[must_use]
    pub fn status(status: u16, body: &Value) -> Self {
        Self::Answer(status, Vec::new(), body.to_string())
    }

    /// Adds a header, or replaces the type of the content.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The path and the query.
    pub path: String,
    /// The headers, in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
}

/// The provider.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it is.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Tells of each request that was left before it was answered.
    pub left: mpsc::UnboundedReceiver<()>,
    serving: AbortHandle,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Endpoint {
    /// Starts one that does this with the requests that come, one after the other.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, (leave, left)) = (Arc::<Mutex<Vec<Asked>>>::default(), mpsc::unbounded_channel());
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let serving = tokio::spawn({
            let asked = asked.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, replies.clone(), asked.clone(), leave.clone()));
                }
            }
        });
        Self { url, asked, left, serving: serving.abort_handle() }
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it was asked, which must be one thing.
    #[expect(clippy::must_use_candidate, reason = "that it is one thing may be all that matters")]
    pub fn asked_once(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:#?}");
        asked[0].clone()
    }
}

async fn serve(
    stream: TcpStream,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    leave: mpsc::UnboundedSender<()>,
) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await else { return };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let reply = replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    match reply.expect("the provider is asked no more often than the test says") {
        Reply::Answer(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} It\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                head += "content-type: application/json\r\n";
            }
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            // Who does not want the answer is the subject of some tests.
            _ = stream.write_all(format!("{head}\r\n{body}").as_bytes()).await;
        }
        Reply::Drop => {}
        Reply::Break => {
            let head = "HTTP/1.1 200 It\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"choices\":";
            _ = stream.write_all(head.as_bytes()).await;
        }
        Reply::Hang => {
            let mut end = [0];
            if matches!(stream.read(&mut end).await, Ok(0) | Err(_)) {
                _ = leave.send(());
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => _ = headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { path, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}
