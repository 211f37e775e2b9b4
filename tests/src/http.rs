//! HTTP by hand: requests as they stand on the wire, and what comes back.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_runtime::client::Speaker;
use mcp_runtime::prelude::*;
use mcp_runtime::{ReadyServer, StreamableHttp};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::conform::Conversation;

/// How long anything may take that does happen.
const LONGEST: Duration = Duration::from_secs(30);

/// A server that listens on this machine.
#[derive(Debug)]
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    /// The server itself.
    pub ready: ReadyServer,
    serving: JoinHandle<()>,
}

impl Served {
    /// Starts a server.
    pub async fn start(server: Server) -> Self {
        Self::start_with(server, |http| http).await
    }

    /// Starts a server that was told something.
    pub async fn start_with(server: Server, settings: impl FnOnce(StreamableHttp) -> StreamableHttp) -> Self {
        let ready = server.build().expect("it fits together");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let address = listener.local_addr().expect("it has an address");
        let http = settings(ready.http());
        let serving = tokio::spawn(async move {
            http.serve_until(listener, std::future::pending()).await.expect("it serves");
        });
        Self { address, ready, serving }
    }

    /// Ends it, and waits until it has.
    pub async fn shutdown(self) {
        self.ready.shutdown().await;
        timeout(LONGEST, self.serving).await.expect("it ends").expect("it does not panic");
    }

    /// Sends a request, with these headers beside those that every request has.
    pub async fn send(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        Reply::read(begin(self.address, method, headers, body).await).await
    }

    /// Connects, and writes this.
    pub async fn connect(&self, bytes: &str) -> TcpStream {
        connect(self.address, bytes).await
    }

    /// POSTs a message of the modern era, with the headers that it needs, and these.
    pub async fn modern(&self, message: &Value, headers: &[(&str, &str)]) -> Reply {
        let own = modern_headers(message);
        let mut all: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, &**value)).collect();
        all.extend(headers);
        self.send("POST", &all, &message.to_string()).await
    }

    /// POSTs a message of the legacy era.
    pub async fn legacy(&self, session: Option<&str>, message: &Value) -> Reply {
        let mut headers = vec![("content-type", "application/json"), ("accept", ACCEPT)];
        headers.extend(session.map(|session| ("mcp-session-id", session)));
        self.send("POST", &headers, &message.to_string()).await
    }

    /// Begins a session of a client that can be asked everything.
    pub async fn session(&self, revision: &str) -> String {
        let capabilities = json!({ "sampling": {}, "elicitation": {}, "roots": {} });
        let info = json!({ "name": "by hand", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": info });
        let reply = self.legacy(None, &request(0, "initialize", params)).await;
        assert_eq!(reply.status, 200);
        let session = reply.header("mcp-session-id").expect("a session").to_owned();
        reply.json().await;
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(self.legacy(Some(&session), &initialized).await.status, 202);
        session
    }

    /// Opens an event stream of a session.
    pub async fn get(&self, session: &str, last_event: Option<&str>) -> Reply {
        let mut headers = vec![("accept", "text/event-stream"), ("mcp-session-id", session)];
        headers.extend(last_event.map(|event| ("last-event-id", event)));
        self.send("GET", &headers, "").await
    }
}

/// Sends a request, with these headers beside those that every request has; does not wait for the answer.
pub(crate) async fn begin(address: SocketAddr, method: &str, headers: &[(&str, &str)], body: &str) -> Sent {
    let mut head = format!("{method} /mcp HTTP/1.1\r\n");
    let own = [("host", address.to_string()), ("connection", "close".to_owned())];
    for (name, value) in own {
        if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    let session = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("mcp-session-id"));
    // What says it all itself belongs to no session.
    let session = session.filter(|_| !body.contains("\"io.modelcontextprotocol/protocolVersion\""));
    let known = session.and_then(|(_, session)| sessions(|all| all.get(*session).cloned()));
    let version = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("mcp-protocol-version"));
    // Who says nothing may be of the revision that had no such header.
    let version = version.map_or("2025-03-26", |(_, version)| version);
    let alone = || Said::new(Conversation::of(&[Speaker::Server]).in_session(version).into());
    let said = known.or_else(|| (!body.is_empty()).then(alone));
    said.iter().for_each(|said| hear(said, Speaker::Client, body));
    Sent { stream: connect(address, &format!("{head}\r\n{body}")).await, said }
}

/// What was said in a session, or in one exchange outside of sessions. What a server says must conform.
type Said = Arc<Mutex<Conversation>>;

/// The sessions that servers have begun, by their ids.
fn sessions<T>(look: impl FnOnce(&mut HashMap<String, Said>) -> T) -> T {
    static SESSIONS: Mutex<Option<HashMap<String, Said>>> = Mutex::new(None);
    look(SESSIONS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

fn hear(said: &Said, speaker: Speaker, message: &str) {
    said.lock().unwrap_or_else(PoisonError::into_inner).assert(speaker, message);
}

/// A request that was sent, and to which the answer comes.
#[derive(Debug)]
pub struct Sent {
    stream: TcpStream,
    said: Option<Said>,
}

/// Of bytes that may be anything.
impl From<TcpStream> for Sent {
    fn from(stream: TcpStream) -> Self {
        Self { stream, said: None }
    }
}

async fn connect(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // It may have answered before it has read all of it.
    _ = stream.write_all(bytes.as_bytes()).await;
    stream
}

/// What clients of all eras accept.
pub const ACCEPT: &str = "application/json, text/event-stream";

/// A request.
#[must_use]
pub fn request(id: i64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// A request of the modern era, of a client that can be asked everything.
#[must_use]
pub fn modern(id: i64, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "by hand", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": { "sampling": {}, "elicitation": {}, "roots": {} },
    });
    request(id, method, params)
}

/// The headers that a message of the modern era needs.
#[must_use]
pub fn modern_headers(message: &Value) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("accept", ACCEPT.to_owned()),
        ("mcp-protocol-version", "2026-07-28".to_owned()),
    ];
    headers.extend(message["method"].as_str().map(|method| ("mcp-method", method.to_owned())));
    let params = &message["params"];
    let name = ["name", "uri", "taskId"].into_iter().find_map(|member| params[member].as_str());
    headers.extend(name.map(|name| ("mcp-name", name.to_owned())));
    headers
}

/// What came back, and comes.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    is_chunked: bool,
    read: String,
    said: Option<Said>,
}

impl Reply {
    /// Reads the head of an answer.
    pub async fn read(sent: impl Into<Sent>) -> Self {
        let Sent { stream, said } = sent.into();
        let mut reader = BufReader::new(stream);
        let head = async {
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).await.expect("an answer");
                match line.trim_end() {
                    "" => return lines,
                    line => lines.push(line.to_owned()),
                }
            }
        };
        let lines = timeout(LONGEST, head).await.expect("an answer in time");
        let status = lines.first().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        let headers: Vec<(String, String)> = lines
            .iter()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let reply = Self { status, headers, reader, is_chunked, read: String::new(), said };
        if let (Some(session), Some(said)) = (reply.header("mcp-session-id"), &reply.said) {
            sessions(|all| all.insert(session.to_owned(), said.clone()));
        }
        reply
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| &**value)
    }

    /// Whether it is an event stream.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.header("content-type") == Some("text/event-stream")
    }

    async fn more(&mut self) -> bool {
        if !self.is_chunked {
            let mut rest = Vec::new();
            let length: u64 = self.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(u64::MAX);
            let read = (&mut self.reader).take(length).read_to_end(&mut rest).await.expect("a body");
            self.headers.retain(|(name, _)| name != "content-length");
            self.headers.push(("content-length".to_owned(), "0".to_owned()));
            self.read.push_str(&String::from_utf8(rest).expect("text"));
            return read > 0;
        }
        let mut size = String::new();
        let read = self.reader.read_line(&mut size).await.unwrap_or(0);
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if read == 0 || size == 0 {
            return false;
        }
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).await.expect("a chunk");
        chunk.truncate(size);
        self.read.push_str(&String::from_utf8(chunk).expect("text"));
        true
    }

    /// The next event that is no comment: its id and its data. `None` at the end.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim_start().to_owned()))
                };
                let found = Event { id: field("id"), retry: field("retry"), data: field("data") };
                let is_message = matches!(field("event").as_deref(), None | Some("message"));
                self.read = rest.to_owned();
                if let Some((said, message)) = self.said.as_ref().zip(found.data.as_deref())
                    && is_message
                    && !message.is_empty()
                {
                    hear(said, Speaker::Server, message);
                }
                if found.data.is_some() {
                    return Some(found);
                }
                continue;
            }
            if !timeout(LONGEST, self.more()).await.expect("an event in time") {
                return None;
            }
        }
    }

    /// The next message of the stream. `None` at the end.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            let event = self.event().await?;
            match event.data.as_deref() {
                None | Some("") => {}
                Some(data) => return Some(serde_json::from_str(data).expect("a message")),
            }
        }
    }

    /// All messages up to the end; of an answer without events, the one that it is.
    pub async fn messages(mut self) -> Vec<Value> {
        if !self.is_stream() {
            return vec![self.json().await];
        }
        let mut messages = Vec::new();
        while let Some(message) = self.message().await {
            messages.push(message);
        }
        messages
    }

    /// The whole body.
    pub async fn text(mut self) -> String {
        while timeout(LONGEST, self.more()).await.expect("a body in time") {}
        if let Some(said) = self.said.as_ref().filter(|_| self.header("content-type") == Some("application/json")) {
            hear(said, Speaker::Server, &self.read);
        }
        self.read
    }

    /// How many bytes of the body come until it, or the connection, is over.
    pub async fn rest(mut self) -> usize {
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        while let Ok(read) = timeout(LONGEST, self.reader.read(&mut buffer)).await.expect("an end in time")
            && read > 0
        {
            bytes += read;
        }
        bytes
    }

    /// The whole body as JSON.
    pub async fn json(self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "status {}", self.status);
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// The code of the error that it is.
    pub async fn code(self) -> i64 {
        let json = self.json().await;
        json["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {json}"))
    }
}

/// One event.
#[derive(Debug)]
pub struct Event {
    /// Its id.
    pub id: Option<String>,
    /// After how many milliseconds to come back.
    pub retry: Option<String>,
    /// What it says.
    pub data: Option<String>,
}
