//! The same scenarios over every transport: what a client says, one message a line, is carried over HTTP and
//! back. Whoever carries it knows only what every client over HTTP knows.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use mcp_runtime::ReadyServer;
use mcp_runtime::client::{ClientBuilder, Era};
use mcp_runtime::prelude::*;
use mcp_runtime::testing::Trial;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use crate::checked;
use crate::http::{ACCEPT, Reply, Sent, begin, modern_headers};

/// What is between a client and a server under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// A pipe in memory.
    Memory,
    /// HTTP, each message on a connection of its own.
    Http,
    /// The same through a network that breaks each event stream after each event. Legacy clients read on
    /// where they were; in the modern era the end of a stream is the end of the call.
    BrokenHttp,
}

impl Over {
    /// The eras whose calls get through.
    #[must_use]
    pub fn eras(self) -> &'static [Era] {
        match self {
            Self::Memory | Self::Http => &[Era::Legacy, Era::Modern],
            Self::BrokenHttp => &[Era::Legacy],
        }
    }

    /// A client of a server that is started with it, and killed when it is closed.
    pub fn client(self, server: Server) -> ClientBuilder {
        if self == Self::Memory {
            return checked::in_memory(server);
        }
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        tokio::spawn(self.serve(server.build().expect("it fits together"), theirs));
        checked::over(ours)
    }

    /// A trial whose servers are reached like this.
    pub fn trial<W: Send + Sync + 'static>(
        self,
        world: impl Fn() -> W + Send + Sync + 'static,
        server: impl Fn(Arc<W>) -> Server + Send + Sync + 'static,
    ) -> Trial<W> {
        let trial = checked::trial(world, server);
        if self == Self::Memory { trial } else { trial.serve_with(move |ready, stream| self.serve(ready, stream)) }
    }

    /// Serves one client over HTTP. When this is dropped the server is killed.
    pub(crate) async fn serve(self, ready: ReadyServer, client: DuplexStream) {
        let server = Killable::start(ready);
        let (replies, mut said) = mpsc::unbounded_channel::<Value>();
        let carrier = Arc::new(Carrier {
            address: server.address,
            breaks: self == Self::BrokenHttp,
            session: Mutex::default(),
            in_flight: Mutex::default(),
            cancelled: Mutex::default(),
            replies,
        });
        let (reader, mut writer) = tokio::io::split(client);
        let mut lines = BufReader::new(reader).lines();
        let mut exchanges = JoinSet::new();
        loop {
            tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) => {
                        let message = serde_json::from_str(&line).expect("clients say JSON");
                        carrier.clone().carry(message, &mut exchanges).await;
                    }
                    _ => break,
                },
                Some(message) = said.recv() => {
                    // A client that has gone hears nothing.
                    _ = writer.write_all(format!("{message}\n").as_bytes()).await;
                }
                Some(exchanged) = exchanges.join_next() => {
                    if let Err(error) = exchanged && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
            }
        }
        carrier.end_session().await;
    }
}

/// A server over HTTP with a thread of its own, so that it can be killed: from then on it does nothing more.
struct Killable {
    address: SocketAddr,
    kill: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Killable {
    fn start(ready: ReadyServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        listener.set_nonblocking(true).expect("it can be");
        let address = listener.local_addr().expect("it has an address");
        let (kill, killed) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    _ = killed => {}
                    served = ready.http().serve_until(listener, std::future::pending()) => served.expect("it serves"),
                }
            });
            // Threads that block are left behind.
            runtime.shutdown_background();
        });
        Self { address, kill: Some(kill), thread: Some(thread) }
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        drop(self.kill.take());
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// Carries the messages of one client.
struct Carrier {
    address: SocketAddr,
    breaks: bool,
    session: Mutex<Option<String>>,
    /// Modern requests, by their ids as text.
    in_flight: Mutex<HashMap<String, AbortHandle>>,
    /// Legacy requests to which no response comes.
    cancelled: Mutex<HashSet<String>>,
    replies: mpsc::UnboundedSender<Value>,
}

impl Carrier {
    /// Sends a message. What comes of it is heard meanwhile.
    async fn carry(self: Arc<Self>, message: Value, exchanges: &mut JoinSet<()>) {
        let modern = &message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        let has_session = lock(&self.session).is_some();
        let id = message.get("id").map(Value::to_string);
        match (message["method"].as_str(), id) {
            (Some(_), Some(id)) if modern.is_string() => {
                let headers = modern_headers(&message);
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
                let stream = begin(self.address, "POST", &headers, &message.to_string()).await;
                let exchange = self.clone().hear_all(message["id"].clone(), stream);
                lock(&self.in_flight).insert(id, exchanges.spawn(exchange));
            }
            // Nothing else tells that a request is no longer wanted.
            (Some("notifications/cancelled"), None) if !has_session => {
                let exchange = lock(&self.in_flight).remove(&message["params"]["requestId"].to_string());
                exchange.iter().for_each(AbortHandle::abort);
            }
            (Some("initialize"), Some(_)) => {
                let reply = Reply::read(self.post(&message).await).await;
                *lock(&self.session) = reply.header("mcp-session-id").map(str::to_owned);
                self.say(reply.json().await);
            }
            (Some(_), Some(_)) => {
                let stream = self.post(&message).await;
                exchanges.spawn(async move { self.hear_session(message["id"].clone(), stream).await });
            }
            (method, _) => {
                if method == Some("notifications/cancelled") {
                    lock(&self.cancelled).insert(message["params"]["requestId"].to_string());
                }
                let is_ready = method == Some("notifications/initialized");
                let reply = Reply::read(self.post(&message).await).await;
                if method.is_none() && reply.status == 413 {
                    // Whoever asked is told by the server.
                    return;
                }
                assert_eq!(reply.status, 202, "{method:?}");
                if is_ready {
                    exchanges.spawn(self.hear_changes());
                }
            }
        }
    }

    fn say(&self, message: Value) {
        // Who does not listen any more misses nothing.
        _ = self.replies.send(message);
    }

    /// Hears all that is said to a request, and the response.
    async fn hear_all(self: Arc<Self>, id: Value, stream: Sent) {
        let mut reply = Reply::read(stream).await;
        let mut is_answered = false;
        if reply.is_stream() {
            while let Some(message) = reply.message().await {
                is_answered |= message["id"] == id && message.get("method").is_none();
                self.say(message);
            }
        } else {
            self.say(with_id(reply.json().await, &id));
            is_answered = true;
        }
        assert!(is_answered, "the stream of request {id} ended without its response");
    }

    async fn post(&self, message: &Value) -> Sent {
        let session = lock(&self.session).clone();
        let mut headers = vec![("content-type", "application/json"), ("accept", ACCEPT)];
        headers.extend(session.as_deref().map(|session| ("mcp-session-id", session)));
        begin(self.address, "POST", &headers, &message.to_string()).await
    }

    async fn get(&self, last: Option<&str>) -> Option<Reply> {
        let session = lock(&self.session).clone()?;
        let mut headers = vec![("accept", "text/event-stream"), ("mcp-session-id", &*session)];
        headers.extend(last.map(|event| ("last-event-id", event)));
        Some(Reply::read(begin(self.address, "GET", &headers, "").await).await)
    }

    /// Hears all that is said to a request of a session; comes back when the stream ends before the response.
    async fn hear_session(&self, id: Value, stream: Sent) {
        let mut reply = Reply::read(stream).await;
        if !reply.is_stream() {
            return self.say(with_id(reply.json().await, &id));
        }
        let mut last = None;
        loop {
            let event = reply.event().await;
            let is_cancelled = || lock(&self.cancelled).contains(&id.to_string());
            let is_over = event.is_none();
            if let Some(event) = event {
                last = event.id.or(last);
                if let Some(message) = event.data.filter(|data| !data.is_empty()) {
                    let message: Value = serde_json::from_str(&message).expect("a message");
                    let is_response = message["id"] == id && message.get("method").is_none();
                    self.say(message);
                    if is_response {
                        return;
                    }
                }
            }
            if is_over && is_cancelled() {
                return;
            }
            if is_over || self.breaks {
                assert!(last.is_some(), "the stream of request {id} ended before anything was said");
                reply = match self.get(last.as_deref()).await {
                    Some(reply) if reply.is_stream() => reply,
                    // What is over for good is not kept.
                    _ if is_cancelled() => return,
                    other => panic!("the stream of request {id} cannot be read on: {other:?}"),
                };
            }
        }
    }

    /// Hears what belongs to no request.
    async fn hear_changes(self: Arc<Self>) {
        let mut last: Option<String> = None;
        while let Some(mut reply) = self.get(last.as_deref()).await.filter(Reply::is_stream) {
            while let Some(event) = reply.event().await {
                last = event.id.or(last);
                if let Some(message) = event.data.filter(|data| !data.is_empty()) {
                    self.say(serde_json::from_str(&message).expect("a message"));
                    if self.breaks {
                        break;
                    }
                }
            }
        }
    }

    async fn end_session(&self) {
        let session = lock(&self.session).clone();
        if let Some(session) = session {
            let stream = begin(self.address, "DELETE", &[("mcp-session-id", &session)], "").await;
            assert_eq!(Reply::read(stream).await.status, 204);
        }
    }
}

/// What is no message that could be answered has no id; it is the answer all the same.
fn with_id(mut message: Value, id: &Value) -> Value {
    if message.get("id").is_none() {
        message["id"] = json!(id);
    }
    message
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes tests of functions that are given what is between client and server: one for memory, one for HTTP. With
/// `broken` before them, one more for a network that breaks.
#[macro_export]
macro_rules! over_every_transport {
    (broken; $($test:ident),* $(,)?) => {
        $crate::over_every_transport!($($test),*);
        $crate::over_every_transport!(@ broken_http BrokenHttp $($test)*);
    };
    ($($test:ident),* $(,)?) => {
        $crate::over_every_transport!(@ memory Memory $($test)*);
        $crate::over_every_transport!(@ http Http $($test)*);
    };
    (@ $name:ident $over:ident $($test:ident)*) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::over::Over::$over).await;
                }
            )*
        }
    };
}
