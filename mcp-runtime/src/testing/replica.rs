//! Servers that are started and killed, and what stands before them: each request of a client goes
//! to a server of its own, or to the one where its call waits.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::error::{Error, ErrorKind};
use crate::protocol::{BoxFuture, ErrorCode, ErrorObject, Method, RequestId};
use crate::server::{ReadyServer, Server};
use crate::transport::pair;

/// Starts one more server.
#[derive(Clone)]
pub(super) struct Fresh {
    pub(super) server: Arc<dyn Fn() -> Server + Send + Sync>,
    pub(super) serve: Serve,
}

/// Serves one connection of a server.
pub(super) type Serve = Arc<dyn Fn(ReadyServer, DuplexStream) -> BoxFuture<'static, ()> + Send + Sync>;

/// One message a line.
pub(super) fn in_lines() -> Serve {
    Arc::new(|ready, stream| {
        Box::pin(async move {
            let (reader, writer) = split(stream);
            // Only the client could tell, and its stream has ended.
            let _ = ready.serve_only(reader, writer, std::future::pending()).await;
        })
    })
}

/// A server that runs. Dropping it kills it, as if its process died.
pub(super) struct Serving(JoinHandle<()>);

impl Serving {
    /// Starts a server; says how to reach it.
    pub(super) fn start(fresh: &Fresh) -> Result<(Self, DuplexStream), Error> {
        let ready = (fresh.server)().build()?;
        let (ours, theirs) = pair();
        let serving = tokio::spawn((fresh.serve)(ready, theirs));
        Ok((Self(serving), ours))
    }

    /// Kills it; what it held is gone when this returns.
    pub(super) async fn kill(mut self) {
        self.0.abort();
        // It was cancelled or had ended, and either will do.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A server with one connection, on which one request at a time is made.
struct Replica {
    serving: Serving,
    reader: BufReader<ReadHalf<DuplexStream>>,
    writer: WriteHalf<DuplexStream>,
}

impl Replica {
    fn start(fresh: &Fresh) -> Result<Self, Error> {
        let (serving, stream) = Serving::start(fresh)?;
        let (reader, writer) = split(stream);
        Ok(Self { serving, reader: BufReader::new(reader), writer })
    }

    /// Makes a request and waits for the response to it; what else comes goes to `out`. `None` if
    /// the server ended.
    async fn exchange(&mut self, request: &str, id: &RequestId, out: &mpsc::UnboundedSender<String>) -> Option<String> {
        self.writer.write_all(request.as_bytes()).await.ok()?;
        loop {
            let line = read(&mut self.reader).await?;
            let message = Message::parse(&line);
            if message.method.is_none() && message.id.as_ref() == Some(id) {
                return Some(line);
            }
            // If nobody is left to hear it, nobody misses it.
            let _ = out.send(line);
        }
    }
}

/// The next line with its line break; `None` at the end.
async fn read(reader: &mut BufReader<ReadHalf<DuplexStream>>) -> Option<String> {
    let mut line = String::new();
    let read = reader.read_line(&mut line).await.ok()?;
    if read == 0 {
        return None;
    }
    if !line.ends_with('\n') {
        line.push('\n');
    }
    Some(line)
}

/// What has to be known of a message to bring it where it belongs.
#[derive(Default, Deserialize)]
struct Message {
    id: Option<RequestId>,
    method: Option<String>,
    params: Option<Params>,
    result: Option<Asking>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    request_state: Option<String>,
    /// In `notifications/cancelled`.
    request_id: Option<RequestId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asking {
    request_state: Option<String>,
}

impl Message {
    fn parse(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_default()
    }
}

/// Stands between one client and as many servers as it takes.
pub(super) struct Router {
    fresh: Fresh,
    /// Whether the server that asked is there for the answers, after so many rounds.
    stays: fn(u32) -> bool,
    /// A server that was started already.
    spare: Mutex<Option<Replica>>,
    /// The calls that wait for answers, by the state that their clients have: how many rounds each
    /// has had, and the server where it waits, if that still runs.
    waiting: Mutex<HashMap<String, (u32, Option<Replica>)>>,
    out: mpsc::UnboundedSender<String>,
}

impl Router {
    /// Starts it with a first server; says how to reach it.
    ///
    /// # Errors
    ///
    /// When the server does not fit together.
    pub(super) fn start(fresh: Fresh, stays: fn(u32) -> bool) -> Result<(JoinHandle<()>, DuplexStream), Error> {
        let spare = Mutex::new(Some(Replica::start(&fresh)?));
        let (near, far) = pair();
        let (out, replies) = mpsc::unbounded_channel();
        let router = Arc::new(Self { fresh, stays, spare, waiting: Mutex::default(), out });
        Ok((tokio::spawn(router.run(far, replies)), near))
    }

    async fn run(self: Arc<Self>, client: DuplexStream, mut replies: mpsc::UnboundedReceiver<String>) {
        let (reader, mut writer) = split(client);
        let mut reader = BufReader::new(reader);
        // Both end with this task.
        let mut exchanges = JoinSet::new();
        let mut writing = JoinSet::new();
        writing.spawn(async move {
            while let Some(line) = replies.recv().await {
                if writer.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let mut running: HashMap<RequestId, AbortHandle> = HashMap::new();
        while let Some(line) = read(&mut reader).await {
            match Message::parse(&line) {
                Message { id: Some(id), method: Some(_), params, .. } => {
                    let state = params.and_then(|params| params.request_state);
                    let exchange = self.clone().exchange(id.clone(), state, line);
                    running.insert(id, exchanges.spawn(exchange));
                }
                Message { id: None, method: Some(method), params: Some(params), .. }
                    if method == Method::NotificationsCancelled.as_str() =>
                {
                    // It takes its server with it, which has nothing else to do.
                    let exchange = params.request_id.and_then(|id| running.remove(&id));
                    exchange.iter().for_each(AbortHandle::abort);
                }
                // Nothing else is said in the modern era, and to no server in particular.
                _ => {}
            }
            while exchanges.try_join_next().is_some() {}
        }
    }

    /// Brings one request to its server, and the response back.
    async fn exchange(self: Arc<Self>, id: RequestId, state: Option<String>, request: String) {
        let (rounds, replica) = self.take(state);
        let response = match replica.map_or_else(|| self.begin(), Ok) {
            Ok(mut replica) => match replica.exchange(&request, &id, &self.out).await {
                Some(response) => {
                    self.leave(rounds + 1, &response, replica).await;
                    Ok(response)
                }
                None => Err("the server ended before it answered".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        };
        let response = response.unwrap_or_else(|message| {
            let error = ErrorObject::new(ErrorCode::InternalError, message);
            format!("{}\n", json!({ "jsonrpc": "2.0", "id": id, "error": error }))
        });
        let _ = self.out.send(response);
    }

    /// How many rounds the call of this state has had, and where it waits.
    fn take(&self, state: Option<String>) -> (u32, Option<Replica>) {
        let known = state.and_then(|state| lock(&self.waiting).remove(&state));
        known.unwrap_or_else(|| (0, None))
    }

    fn begin(&self) -> Result<Replica, Error> {
        let spare = lock(&self.spare).take();
        if let Some(spare) = spare {
            return Ok(spare);
        }
        // Without this the client would wait for an answer that never comes.
        catch_unwind(AssertUnwindSafe(|| Replica::start(&self.fresh))).unwrap_or_else(|_| {
            let message = "the function that makes the servers of this trial panicked";
            Err(Error::new(ErrorKind::Configuration, message))
        })
    }

    /// After a round: the call waits here, or what is left of it ends with its server.
    async fn leave(&self, rounds: u32, response: &str, replica: Replica) {
        let state = Message::parse(response).result.and_then(|result| result.request_state);
        let stays = state.is_some() && (self.stays)(rounds);
        let kept = if stays {
            Some(replica)
        } else {
            replica.serving.kill().await;
            None
        };
        if let Some(state) = state {
            lock(&self.waiting).insert(state, (rounds, kept));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
