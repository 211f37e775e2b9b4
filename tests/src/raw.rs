//! A modern client by hand: one message at a time, to any of several servers.

use std::collections::VecDeque;

use mcp_runtime::client::Speaker;
use mcp_runtime::prelude::*;
use mcp_runtime::{Extensions, ReadyServer};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use crate::conform::Conversation;
use crate::over::Over;

/// A connection to a server that runs in this process, and must say what the schemas of the specification allow.
#[derive(Debug)]
pub struct Peer {
    reader: BufReader<ReadHalf<DuplexStream>>,
    writer: WriteHalf<DuplexStream>,
    serving: JoinHandle<()>,
    conversation: Conversation,
    next_id: i64,
    /// Notifications that came, and responses that nobody has waited for yet, the oldest first.
    pub heard: VecDeque<Value>,
}

impl Peer {
    /// Starts a server.
    pub fn start(server: Server) -> Self {
        Self::start_with(server, Extensions::new())
    }

    /// Starts a server, to be spoken to over this.
    pub fn start_over(over: Over, server: Server) -> Self {
        match over {
            Over::Memory => Self::start(server),
            Over::Http | Over::BrokenHttp => {
                let (ours, theirs) = tokio::io::duplex(1 << 20);
                let ready = server.build().expect("it fits together");
                Self::over(ours, tokio::spawn(over.serve(ready, theirs)))
            }
        }
    }

    /// Starts a server, with what is known of the connection.
    pub fn start_with(server: Server, extensions: Extensions) -> Self {
        Self::start_buffered(server, extensions, 1 << 20)
    }

    /// Begins one more connection to a server.
    #[must_use]
    pub fn of(server: &ReadyServer) -> Self {
        let (server, (ours, theirs)) = (server.clone(), tokio::io::duplex(1 << 20));
        let serving = tokio::spawn(async move {
            server.serve(theirs).await.expect("it serves");
        });
        Self::over(ours, serving)
    }

    /// Starts a server with what is known of the connection, behind buffers of this many bytes.
    pub fn start_buffered(server: Server, extensions: Extensions, bytes: usize) -> Self {
        let (ours, theirs) = tokio::io::duplex(bytes);
        let serving = tokio::spawn(async move {
            server.serve_with(theirs, extensions).await.expect("it serves");
        });
        Self::over(ours, serving)
    }

    fn over(stream: DuplexStream, serving: JoinHandle<()>) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let conversation = Conversation::of(&[Speaker::Server]);
        Self { reader: BufReader::new(reader), writer, serving, conversation, next_id: 0, heard: VecDeque::new() }
    }

    /// Kills the server, as if its process died.
    pub async fn kill(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }

    /// Sends nothing more.
    pub async fn end(&mut self) {
        self.writer.shutdown().await.expect("open");
    }

    /// Sends a request without waiting; says its id.
    pub async fn send(&mut self, method: &str, params: Map<String, Value>) -> i64 {
        self.next_id += 1;
        let mut params = params;
        params.entry("_meta").or_insert_with(meta);
        let message = json!({ "jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params });
        self.say(&message).await;
        self.next_id
    }

    /// Tells the server that a request is no longer wanted.
    pub async fn cancel(&mut self, id: i64) {
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
        self.say(&message).await;
    }

    async fn say(&mut self, message: &Value) {
        let message = message.to_string();
        self.conversation.assert(Speaker::Client, &message);
        self.writer.write_all(format!("{message}\n").as_bytes()).await.expect("written");
    }

    /// Waits for the response to a request, its `result` or its `error`. It may have come while
    /// another one was waited for.
    pub async fn receive(&mut self, id: i64) -> Result<Value, Value> {
        let is_it = |message: &Value| message.get("id") == Some(&json!(id));
        let mut come = self.heard.iter().position(is_it).and_then(|place| self.heard.remove(place));
        loop {
            let mut message = match come.take() {
                Some(message) => message,
                None => {
                    let mut line = String::new();
                    let read = self.reader.read_line(&mut line).await.expect("read");
                    assert!(read > 0, "the server ended");
                    self.conversation.assert(Speaker::Server, &line);
                    serde_json::from_str(&line).expect("JSON")
                }
            };
            if !is_it(&message) {
                self.heard.push_back(message);
                continue;
            }
            return match message.get_mut("error") {
                Some(error) => Err(error.take()),
                None => Ok(message["result"].take()),
            };
        }
    }

    /// Sends a request and waits for the response.
    pub async fn request(&mut self, method: &str, params: Map<String, Value>) -> Result<Value, Value> {
        let id = self.send(method, params).await;
        self.receive(id).await
    }

    /// Calls a tool.
    pub async fn call(&mut self, call: &Call) -> Result<Value, Value> {
        self.request("tools/call", call.params.clone()).await
    }
}

/// The parameters of a `tools/call`, over its rounds.
#[derive(Debug, Clone)]
pub struct Call {
    /// As they are sent.
    pub params: Map<String, Value>,
}

impl Call {
    /// The first round of a call.
    #[must_use]
    pub fn new(name: &str, arguments: Value) -> Self {
        let mut params = Map::new();
        params.insert("name".to_owned(), json!(name));
        params.insert("arguments".to_owned(), arguments);
        Self { params }
    }

    /// The round after a result that asks; `answer` is given the method and the parameters of each
    /// question, and may leave one open.
    #[must_use]
    pub fn next(&self, asked: &Value, answer: impl Fn(&str, &Value) -> Option<Value>) -> Self {
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        let mut answers = Map::new();
        for (key, request) in asked["inputRequests"].as_object().into_iter().flatten() {
            let method = request["method"].as_str().expect("a method");
            if let Some(answer) = answer(method, &request["params"]) {
                answers.insert(key.clone(), answer);
            }
        }
        let mut params = self.params.clone();
        params.insert("inputResponses".to_owned(), Value::Object(answers));
        params.insert("requestState".to_owned(), asked["requestState"].clone());
        Self { params }
    }
}

/// The `_meta` of a modern client that can be asked everything.
#[must_use]
pub fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "sampling": {}, "elicitation": {}, "roots": {} },
    })
}

/// A model that answers in capitals.
#[must_use]
pub fn shout(method: &str, params: &Value) -> Option<Value> {
    assert_eq!(method, "sampling/createMessage");
    let question = params["messages"][0]["content"]["text"].as_str().expect("text");
    Some(said(&question.to_uppercase()))
}

/// What a model answers.
#[must_use]
pub fn said(text: &str) -> Value {
    json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": text } })
}

/// The text of a result that is complete.
#[must_use]
pub fn text(result: &Value) -> String {
    assert_eq!(result["resultType"], "complete", "{result}");
    result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}
