//! The connection of a client: one task that reads, one that writes, and whoever waits between.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::call::{Call, Heard};
use super::handler::Handlers;
use super::subscription::{Changes, End, Listening};
use super::{Options, observe, timed_out};
use crate::codec::{Glimpse, Incoming, Malformed, glimpse, parse_with_params, split_batch};
use crate::error::{Error, ErrorKind};
use crate::protocol::{
    Answered, CancelledNotificationParams, ErrorCode, ErrorObject, Method, ProgressNotificationParams, ProgressToken,
    ProtocolVersion, RequestId, keys,
};
use crate::telemetry::{Ended, Operation, Telemetry};
use crate::transport::{Line, LineReader};

/// The longest message that a server may send.
const LONGEST: usize = 256 << 20;

pub(super) struct Wire {
    outgoing: mpsc::UnboundedSender<Value>,
    waiting: Arc<Waiting>,
    next_id: AtomicI64,
    reader: AbortHandle,
    answering: Arc<Answering>,
    changes: Arc<Changes>,
    ended: CancellationToken,
    telemetry: Telemetry,
    /// What was settled in a handshake.
    version: Arc<OnceLock<ProtocolVersion>>,
}

/// The handlers that answer the server's requests at the moment.
#[derive(Default)]
struct Answering(Mutex<HashMap<RequestId, AbortHandle>>);

impl Answering {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<RequestId, AbortHandle>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who waits for which answer; `None` once the connection has ended.
struct Waiting(Mutex<Option<HashMap<i64, Waits>>>);

struct Waits {
    answer: oneshot::Sender<Answered>,
    /// What was called, if the server may ask something meanwhile.
    call: Option<Arc<Call>>,
}

impl Waiting {
    fn with<T>(&self, change: impl FnOnce(&mut Option<HashMap<i64, Waits>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wire {
    pub(super) fn start(
        reader: impl AsyncRead + Unpin + Send + 'static,
        mut writer: impl AsyncWrite + Unpin + Send + 'static,
        options: &Options,
    ) -> Arc<Self> {
        let (handlers, telemetry) = (options.handlers.clone(), options.telemetry.clone());
        let (outgoing, mut queue) = mpsc::unbounded_channel::<Value>();
        let waiting = Arc::new(Waiting(Mutex::new(Some(HashMap::new()))));
        tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                let mut line = message.to_string();
                line.push('\n');
                if writer.write_all(line.as_bytes()).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
            }
            // The server sees the end of its input.
            let _ = writer.shutdown().await;
        });
        let answers = outgoing.downgrade();
        let answering = Arc::<Answering>::default();
        let changes = Arc::new(Changes::new(options.cache.clone()));
        let ended = CancellationToken::new();
        let version = Arc::<OnceLock<ProtocolVersion>>::default();
        let transport = telemetry.transport;
        let reading = tokio::spawn({
            let (waiting, answering, changes) = (waiting.clone(), answering.clone(), changes.clone());
            let version = version.clone();
            let ended = ended.clone().drop_guard();
            async move {
                let _ended = ended;
                let mut lines = LineReader::new(reader, LONGEST);
                let (handlers, answering, changes, version) = (&handlers, &answering, &*changes, &version);
                let incoming =
                    Dispatch { waiting: &waiting, handlers, answers, answering, changes, version, transport };
                while let Ok(true) = lines.fill().await {
                    while let Some(line) = lines.next_line() {
                        incoming.line(&line);
                    }
                }
                // Everyone who waits learns that the connection has ended.
                waiting.with(Option::take);
            }
        });
        let (next_id, reader) = (AtomicI64::new(1), reading.abort_handle());
        Arc::new(Self { outgoing, waiting, next_id, reader, answering, changes, ended, telemetry, version })
    }

    /// Notes what a handshake has settled.
    pub(super) fn speaks(&self, version: ProtocolVersion) {
        // There is one.
        _ = self.version.set(version);
    }

    pub(super) fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    /// Cancelled when nothing more comes.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Makes the request of a subscription, which is answered when it is over.
    pub(super) fn listen(
        &self,
        method: &str,
        mut params: Map<String, Value>,
        listening: Listening,
    ) -> Result<(i64, End), Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let operation = self.operation(id, method, &mut params, None);
        let (answer, receiver) = oneshot::channel();
        let waits = Waits { answer, call: None };
        self.changes.begin(id, listening);
        let open = self.waiting.with(|waiting| waiting.as_mut().map(|waiting| waiting.insert(id, waits)).is_some());
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        if !open || self.outgoing.send(message).is_err() {
            self.changes.end(id);
            let error = closed(method);
            if let Some(operation) = operation {
                operation.ended(Ended::Unanswered("connection_closed", &error.to_string()));
            }
            return Err(error);
        }
        // It goes on for long; that it has begun is what there is to see of it.
        if let Some(operation) = operation {
            operation.ended(Ended::Well);
        }
        Ok((id, receiver))
    }

    /// Ends a subscription, unless it is over.
    pub(super) fn end_listening(&self, id: i64) {
        self.changes.end(id);
        if self.waiting.with(|waiting| waiting.as_mut().and_then(|waiting| waiting.remove(&id)).is_some()) {
            self.notify(Method::NotificationsCancelled, Some(json!({ "requestId": id })));
        }
    }

    pub(super) fn notify(&self, method: Method, params: Option<Value>) {
        let mut message = json!({ "jsonrpc": "2.0", "method": method.as_str() });
        if let Some(params) = params {
            message["params"] = params;
        }
        // If the connection has ended, the next request says so.
        let _ = self.outgoing.send(message);
    }

    /// Sends a request whose answer nobody wants.
    pub(super) fn forget(&self, method: Method, params: Map<String, Value>) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method.as_str(), "params": params });
        // If the connection has ended, there is nothing left to stop.
        let _ = self.outgoing.send(message);
    }

    /// Begins to observe a request, if somebody wants that.
    fn operation(
        &self,
        id: i64,
        method: &str,
        params: &mut Map<String, Value>,
        call: Option<&Arc<Call>>,
    ) -> Option<Arc<Operation>> {
        self.telemetry.observes_client().then(|| {
            let version = self.version.get().copied();
            observe::begin(&self.telemetry, version, id, method, params, call)
        })
    }

    /// Sends a request and waits. Dropping the future cancels the request.
    pub(super) async fn request(
        &self,
        method: &str,
        mut params: Map<String, Value>,
        time: Duration,
        call: Option<&Arc<Call>>,
    ) -> Result<Box<RawValue>, Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        if let Some(token) = params.get_mut("_meta").and_then(|meta| meta.get_mut(keys::PROGRESS_TOKEN)) {
            *token = json!(id);
        }
        let operation = self.operation(id, method, &mut params, call);
        let (answer, receiver) = oneshot::channel();
        let waits = Waits { answer, call: call.cloned() };
        let open = self.waiting.with(|waiting| waiting.as_mut().map(|waiting| waiting.insert(id, waits)).is_some());
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        if !open || self.outgoing.send(message).is_err() {
            return observe::end(operation, method, Err(closed(method)));
        }
        let mut guard = CancelOnDrop { wire: self, id, method, armed: true };
        let answer = timeout(time, receiver).await;
        guard.armed = answer.is_err();
        let answer = match answer {
            Err(_) => Err(timed_out(method, time)),
            Ok(Err(_)) => Err(closed(method)),
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(error))) => Err(refused(method, error)),
        };
        observe::end(operation, method, answer)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.reader.abort();
        // Nobody is left to hear what handlers have to say.
        self.answering.with(|answering| answering.drain().for_each(|(_, handler)| handler.abort()));
    }
}

pub(super) fn closed(method: &str) -> Error {
    Error::new(ErrorKind::Closed, format!("the connection ended before `{method}` was answered"))
}

pub(super) fn refused(method: &str, error: ErrorObject) -> Error {
    Error::new(ErrorKind::Refused, format!("`{method}` was refused")).with_source(error)
}

struct CancelOnDrop<'a> {
    wire: &'a Wire,
    id: i64,
    method: &'a str,
    armed: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        self.wire.waiting.with(|waiting| waiting.as_mut().map(|waiting| waiting.remove(&self.id)));
        // The specification forbids to cancel a handshake.
        if self.method != Method::Initialize.as_str() {
            self.wire.notify(Method::NotificationsCancelled, Some(json!({ "requestId": self.id })));
        }
    }
}

struct Dispatch<'a> {
    waiting: &'a Waiting,
    handlers: &'a Arc<Handlers>,
    answers: mpsc::WeakUnboundedSender<Value>,
    answering: &'a Arc<Answering>,
    changes: &'a Changes,
    version: &'a OnceLock<ProtocolVersion>,
    /// What carries the messages, as spans say it.
    transport: Option<&'static str>,
}

impl Dispatch<'_> {
    fn line(&self, line: &Line<'_>) {
        match line {
            Line::Whole(line) if line.starts_with(b"[") => {
                for message in split_batch(line).unwrap_or_default() {
                    self.message(message.get().as_bytes());
                }
            }
            Line::Whole(line) => self.message(line),
            Line::TooLong { head, tail } => {
                tracing::warn!("the server sent a message of more than {LONGEST} bytes");
                let error = ErrorObject::invalid_request(format!("the message is longer than {LONGEST} bytes"));
                match glimpse(head, tail) {
                    Glimpse::Response(id) => self.answered(&id, Err(error)),
                    Glimpse::Request(id) => {
                        if let Some(answers) = self.answers.upgrade() {
                            let _ = answers.send(response(&id, Err(error)));
                        }
                    }
                    Glimpse::Other => {}
                }
            }
        }
    }

    fn message(&self, message: &[u8]) {
        match parse_with_params(message) {
            Ok((Incoming::Response { id, answer }, _)) => self.answered(&id, answer.map(RawValue::to_owned)),
            Ok((Incoming::Stray, _)) => tracing::debug!("a response came without an id that could be read"),
            Ok((Incoming::Notification { method, .. }, params)) => self.notified(&method, params),
            Ok((Incoming::Request { id, method, params: read }, params)) => {
                let operation =
                    observe::asked(self.transport, self.version.get().copied(), &id, &method, read.as_ref());
                self.asked(id, method.into_owned(), params, operation);
            }
            Err(Malformed { id: Some(id), error }) => self.answered(&id, Err(error)),
            Err(malformed) => tracing::warn!(error = %malformed.error, "the server sent something that is no message"),
        }
    }

    fn answered(&self, id: &RequestId, answer: Answered) {
        let waits = match id {
            RequestId::Number(id) => self.waiting.with(|waiting| waiting.as_mut().and_then(|it| it.remove(id))),
            RequestId::String(_) => None,
        };
        match waits {
            Some(waits) => _ = waits.answer.send(answer),
            None => tracing::debug!(%id, "an answer came that nobody waits for"),
        }
    }

    fn notified(&self, method: &str, params: Option<&RawValue>) {
        if Method::from_name(method) == Some(Method::NotificationsCancelled) {
            let cancelled: Option<CancelledNotificationParams> =
                params.and_then(|params| serde_json::from_str(params.get()).ok());
            let handler = cancelled.and_then(|it| self.answering.with(|answering| answering.remove(&it.request_id)));
            return handler.iter().for_each(AbortHandle::abort);
        }
        if self.changes.hear(method, params) {
            return;
        }
        if self.heard_by_a_call(method, params) {
            return;
        }
        // A listener that panics must not take the connection with it.
        let heard = catch_unwind(AssertUnwindSafe(|| self.handlers.hear(method, params)));
        if heard.is_err() {
            tracing::error!(method, "a listener of the client panicked");
        }
    }

    /// Hands what is said of one call to whoever hears it. Whether there is somebody.
    fn heard_by_a_call(&self, method: &str, params: Option<&RawValue>) -> bool {
        let raw = params.map_or("null", RawValue::get);
        let hearing = |id: Option<i64>| -> Vec<mpsc::Sender<Heard>> {
            let is_it = |it: &i64| id.is_none_or(|id| id == *it);
            let hears = |waits: &Waits| waits.call.as_ref()?.hears.clone();
            self.waiting.with(|waiting| {
                let calls = waiting.iter().flatten().filter(|(id, _)| is_it(id));
                calls.filter_map(|(_, waits)| hears(waits)).collect()
            })
        };
        let (heard, hearing) = match Method::from_name(method) {
            Some(Method::NotificationsProgress) => {
                let Ok(progress) = serde_json::from_str::<ProgressNotificationParams>(raw) else { return false };
                let ProgressToken::Number(id) = progress.progress_token else { return false };
                (Heard::Progress(progress), hearing(Some(id)))
            }
            Some(Method::NotificationsMessage) => {
                let Ok(message) = serde_json::from_str(raw) else { return false };
                (Heard::Message(message), hearing(None))
            }
            _ => return false,
        };
        match &hearing[..] {
            [] => return false,
            // Who hears no more, or not fast enough, misses it.
            [hears] => _ = hears.try_send(heard),
            _ => tracing::debug!("a log message came while several calls ran; nobody can say of which it is"),
        }
        true
    }

    fn asked(&self, id: RequestId, method: String, params: Option<&RawValue>, operation: Option<Arc<Operation>>) {
        let (handlers, params) = (self.handlers.clone(), params.map(RawValue::to_owned));
        // The server does not say which of them it asks for.
        let calls: Vec<_> = self
            .waiting
            .with(|waiting| waiting.iter().flat_map(HashMap::values).filter_map(|waits| waits.call.clone()).collect());
        let span = operation.as_ref().map_or_else(Span::none, |operation| operation.span().clone());
        let answer = async move { handlers.answer(&method, params.as_deref(), &calls).await };
        let handler = tokio::spawn(answer.instrument(span));
        self.answering.with(|answering| answering.insert(id.clone(), handler.abort_handle()));
        let (answers, answering) = (self.answers.clone(), self.answering.clone());
        tokio::spawn(async move {
            let answer = match handler.await {
                Ok(answer) => answer,
                // The server does not want the answer any more.
                Err(error) if error.is_cancelled() => return,
                Err(_) => Err(ErrorObject::new(ErrorCode::InternalError, "a handler of the client panicked")),
            };
            answering.with(|answering| answering.remove(&id));
            if let Some(operation) = operation {
                operation.ended(answer.as_ref().map_or_else(Ended::Refused, |_| Ended::Well));
            }
            if let Some(answers) = answers.upgrade() {
                let _ = answers.send(response(&id, answer));
            }
        });
    }
}

fn response(id: &RequestId, answer: Answered) -> Value {
    match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
    }
}
