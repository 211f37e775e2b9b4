//! What comes from a server: answers to those who wait for them, and all that it says and asks by itself.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::call::{Call, Heard};
use super::handler::Handlers;
use super::overheard::{Overheard, Speaker};
use super::subscription::Changes;
use super::{Options, observe};
use crate::codec::{Incoming as Message, Malformed, parse, split_batch};
use crate::error::Error;
use crate::protocol::{
    Answered, CancelledNotificationParams, ErrorCode, ErrorObject, Method, ProgressNotificationParams, ProgressToken,
    ProtocolVersion, Raw, RequestId,
};
use crate::telemetry::{Ended, Operation};

/// The longest message that a server may send.
pub(super) const LONGEST: usize = 256 << 20;

/// What came of a request: the server's answer, or why there is none.
pub(super) type Outcome = Result<Answered, Error>;

/// Sends the answer to a request of the server.
pub(super) type Reply = Arc<dyn Fn(Value) + Send + Sync>;

/// Where something comes from that a server says.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    /// The request that it belongs to, where the transport tells them apart.
    pub(super) about: Option<i64>,
    /// How a request of the server is answered; there must be none without it.
    pub(super) reply: Option<&'s Reply>,
}

/// Where everything goes that comes from a server, over whatever transport.
pub(super) struct Incoming {
    last_id: AtomicI64,
    /// Who waits for which answer; `None` once the connection has ended.
    waiting: Mutex<Option<HashMap<i64, Waits>>>,
    handlers: Arc<Handlers>,
    /// The handlers that answer the server's requests at the moment.
    answering: Arc<Answering>,
    changes: Arc<Changes>,
    /// What was settled in a handshake.
    version: OnceLock<ProtocolVersion>,
    /// What carries the messages, as spans say it.
    transport: Option<&'static str>,
    overheard: Overheard,
    ended: CancellationToken,
}

#[derive(Default)]
struct Answering(Mutex<HashMap<RequestId, AbortHandle>>);

impl Answering {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<RequestId, AbortHandle>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Waits {
    outcome: oneshot::Sender<Outcome>,
    /// What was called, if the server may ask something meanwhile.
    call: Option<Arc<Call>>,
    /// What is of no use once nobody waits any more.
    task: Option<AbortHandle>,
}

impl Incoming {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            last_id: AtomicI64::new(0),
            waiting: Mutex::new(Some(HashMap::new())),
            handlers: options.handlers.clone(),
            answering: Arc::default(),
            changes: Arc::new(Changes::new(options.cache.clone())),
            version: OnceLock::new(),
            transport: options.telemetry.transport,
            overheard: options.overheard.clone(),
            ended: CancellationToken::new(),
        }
    }

    pub(super) fn next_id(&self) -> i64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    /// Notes what a handshake has settled.
    pub(super) fn speaks(&self, version: ProtocolVersion) {
        // There is one.
        _ = self.version.set(version);
    }

    pub(super) fn version(&self) -> Option<ProtocolVersion> {
        self.version.get().copied()
    }

    /// Whoever is told of every message.
    pub(super) fn overheard(&self) -> &Overheard {
        &self.overheard
    }

    /// Cancelled when nothing more comes.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Waits for an answer; `None` if the connection has ended.
    pub(super) fn wait(&self, id: i64, call: Option<Arc<Call>>) -> Option<oneshot::Receiver<Outcome>> {
        let (outcome, receiver) = oneshot::channel();
        let waits = Waits { outcome, call, task: None };
        self.waiting(|waiting| waiting.as_mut().map(|waiting| waiting.insert(id, waits)).is_some()).then_some(receiver)
    }

    /// Whether somebody waits for the answer to this request.
    #[cfg(feature = "client-http")]
    pub(super) fn is_waiting(&self, id: i64) -> bool {
        self.waiting(|waiting| waiting.as_ref().is_some_and(|waiting| waiting.contains_key(&id)))
    }

    /// Notes what works for a request until it is answered.
    pub(super) fn is_worked_for(&self, id: i64, task: AbortHandle) {
        // If it was answered meanwhile, the task comes to its end by itself.
        self.waiting(|waiting| {
            if let Some(waits) = waiting.as_mut().and_then(|waiting| waiting.get_mut(&id)) {
                waits.task = Some(task);
            }
        });
    }

    /// Nobody waits for the answer to this request any more. Whether it was missing.
    pub(super) fn give_up(&self, id: i64) -> bool {
        let Some(waits) = self.take(id) else { return false };
        waits.task.iter().for_each(AbortHandle::abort);
        true
    }

    /// There will be no answer to this request.
    pub(super) fn failed(&self, id: i64, error: Error) {
        match self.take(id) {
            Some(waits) => _ = waits.outcome.send(Err(error)),
            None => tracing::debug!(id, %error, "a request failed for which nobody waits"),
        }
    }

    /// Nothing comes any more: everyone who waits learns it.
    pub(super) fn end(&self) {
        self.ended.cancel();
        for waits in self.waiting(Option::take).into_iter().flat_map(HashMap::into_values) {
            waits.task.iter().for_each(AbortHandle::abort);
        }
    }

    /// Stops the handlers: nobody is left to hear what they have to say.
    pub(super) fn stop_answering(&self) {
        self.answering.with(|answering| answering.drain().for_each(|(_, handler)| handler.abort()));
    }

    /// Hears what the server says: a message, or a batch of them.
    pub(super) fn hear(&self, text: &[u8], source: Source<'_>) {
        let text = text.trim_ascii();
        self.overheard.said(Speaker::Server, text);
        if !text.starts_with(b"[") {
            return self.message(text, source);
        }
        for message in split_batch(text).unwrap_or_default() {
            self.message(message.get().as_bytes(), source);
        }
    }

    fn message(&self, message: &[u8], source: Source<'_>) {
        match parse(message) {
            Ok(Message::Response { id, answer }) => self.answered(&id, answer.map(Raw::to_raw_value)),
            Ok(Message::Stray) => tracing::debug!("a response came without an id that could be read"),
            Ok(Message::Notification { method, params }) => {
                self.notified(&method, params.as_ref().map(|params| params.whole()), source.about);
            }
            Ok(Message::Request { id, method, params }) => match source.reply {
                Some(reply) => {
                    let operation = observe::asked(self.transport, self.version(), &id, &method, params.as_ref());
                    let (calls, params) = (self.calls(source.about), params.as_ref().map(|params| params.whole()));
                    self.asked(id, method.into_owned(), params, calls, operation, reply);
                }
                None => tracing::warn!(%method, "the server sent a request where there must be none"),
            },
            Err(Malformed { id: Some(id), error }) => self.answered(&id, Err(error)),
            Err(malformed) => tracing::warn!(error = %malformed.error, "the server sent something that is no message"),
        }
    }

    pub(super) fn answered(&self, id: &RequestId, answer: Answered) {
        let waits = match id {
            RequestId::Number(id) => self.take(*id),
            RequestId::String(_) => None,
        };
        match waits {
            Some(waits) => _ = waits.outcome.send(Ok(answer)),
            None => tracing::debug!(%id, "an answer came that nobody waits for"),
        }
    }

    fn notified(&self, method: &str, params: Option<Raw<'_>>, about: Option<i64>) {
        if Method::from_name(method) == Some(Method::NotificationsCancelled) {
            let cancelled: Option<CancelledNotificationParams> =
                params.and_then(|params| serde_json::from_str(params.get()).ok());
            let handler = cancelled.and_then(|it| self.answering.with(|answering| answering.remove(&it.request_id)));
            return handler.iter().for_each(AbortHandle::abort);
        }
        if self.changes.hear(method, params) {
            return;
        }
        if self.heard_by_a_call(method, params, about) {
            return;
        }
        // A listener that panics must not take the connection with it.
        let heard = catch_unwind(AssertUnwindSafe(|| self.handlers.hear(method, params)));
        if heard.is_err() {
            tracing::error!(method, "a listener of the client panicked");
        }
    }

    /// Hands what is said of one call to whoever hears it. Whether there is somebody.
    fn heard_by_a_call(&self, method: &str, params: Option<Raw<'_>>, about: Option<i64>) -> bool {
        let raw = params.map_or("null", Raw::get);
        let hearing = |id: Option<i64>| -> Vec<mpsc::Sender<Heard>> {
            self.calls(id).iter().filter_map(|call| call.hears.clone()).collect()
        };
        let (heard, hearing) = match Method::from_name(method) {
            Some(Method::NotificationsProgress) => {
                let Ok(progress) = serde_json::from_str::<ProgressNotificationParams>(raw) else { return false };
                let ProgressToken::Number(id) = progress.progress_token else { return false };
                (Heard::Progress(progress), hearing(Some(id)))
            }
            Some(Method::NotificationsMessage) => {
                let Ok(message) = serde_json::from_str(raw) else { return false };
                (Heard::Message(message), hearing(about))
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

    fn asked(
        &self,
        id: RequestId,
        method: String,
        params: Option<Raw<'_>>,
        calls: Vec<Arc<Call>>,
        operation: Option<Arc<Operation>>,
        reply: &Reply,
    ) {
        let (handlers, params) = (self.handlers.clone(), params.map(Raw::to_raw_value));
        let span = operation.as_ref().map_or_else(Span::none, |operation| operation.span().clone());
        let answer = async move { handlers.answer(&method, params.as_deref(), &calls).await };
        let handler = tokio::spawn(answer.instrument(span));
        self.answering.with(|answering| answering.insert(id.clone(), handler.abort_handle()));
        let (answering, reply) = (self.answering.clone(), reply.clone());
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
            reply(response(&id, answer));
        });
    }

    /// The calls that something may belong to: all, where nobody says which.
    fn calls(&self, about: Option<i64>) -> Vec<Arc<Call>> {
        self.waiting(|waiting| {
            let all = waiting.iter().flatten().filter(|(id, _)| about.is_none_or(|about| about == **id));
            all.filter_map(|(_, waits)| waits.call.clone()).collect()
        })
    }

    fn take(&self, id: i64) -> Option<Waits> {
        self.waiting(|waiting| waiting.as_mut().and_then(|waiting| waiting.remove(&id)))
    }

    fn waiting<T>(&self, change: impl FnOnce(&mut Option<HashMap<i64, Waits>>) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The answer to a request of the server.
pub(super) fn response(id: &RequestId, answer: Answered) -> Value {
    match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
    }
}
