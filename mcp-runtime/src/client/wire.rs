//! The connection of a client: whoever asks for something waits here, whatever brings the messages.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::incoming::{Incoming, Outcome};
use super::subscription::{Changes, Listening};
use super::{Options, observe, timed_out};
use crate::error::{Error, ErrorKind};
use crate::protocol::{BoxFuture, ErrorObject, Method, ProtocolVersion, Tool, keys};
use crate::telemetry::{Ended, Operation, Telemetry};

/// Brings messages to a server, in the order in which they come. What the server says goes to the [`Incoming`]
/// that the link was made with.
pub(super) trait Link: Send + Sync {
    /// Sends a request, without waiting for anything. That it could not be sent is an outcome like others. What is
    /// returned is aborted when nobody waits for the answer any more.
    fn request(&self, id: i64, message: Value) -> Option<AbortHandle>;

    /// Sends a notification, or an answer. What is returned ends when it has arrived, if there is a way to know.
    fn send(&self, message: Value) -> Option<JoinHandle<()>>;

    /// Whether a request is cancelled by what happens when its task is aborted; else it needs a message.
    fn cancels_by_closing(&self) -> bool {
        false
    }

    /// Whether arguments of tools may have to be sent beside the message, too.
    fn mirrors_arguments(&self) -> bool {
        false
    }

    /// Whether it is known which arguments these are.
    fn knows_tools(&self) -> bool {
        true
    }

    /// Looks at the tools of the server, and takes out those that cannot be called.
    fn learn(&self, _: &mut Vec<Tool>) {}

    /// Ready when changes are heard of which the server tells by itself, or never will be.
    fn hears_changes(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Ready when nobody is asked who calls; that may take as long as a person does. `None` if that is so already.
    fn asks(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// Takes leave of the server.
    fn close(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

pub(super) struct Wire {
    link: Box<dyn Link>,
    incoming: Arc<Incoming>,
    telemetry: Telemetry,
}

impl Wire {
    pub(super) fn start<T: Link + 'static>(options: &Options, begin: impl FnOnce(&Arc<Incoming>) -> T) -> Arc<Self> {
        let incoming = Arc::new(Incoming::new(options));
        let link = Box::new(begin(&incoming));
        Arc::new(Self { link, incoming, telemetry: options.telemetry.clone() })
    }

    /// Notes what a handshake has settled.
    pub(super) fn speaks(&self, version: ProtocolVersion) {
        self.incoming.speaks(version);
    }

    /// What brings the messages.
    pub(super) fn link(&self) -> &dyn Link {
        &*self.link
    }

    pub(super) fn changes(&self) -> &Arc<Changes> {
        self.incoming.changes()
    }

    /// Cancelled when nothing more comes.
    pub(super) fn ended(&self) -> CancellationToken {
        self.incoming.ended().clone()
    }

    /// Makes the request of a subscription, which is answered when it is over.
    pub(super) fn listen(
        &self,
        method: &str,
        mut params: Map<String, Value>,
        listening: Listening,
    ) -> Result<(i64, oneshot::Receiver<Outcome>), Error> {
        let id = self.incoming.next_id();
        let operation = self.operation(id, method, &mut params, None);
        self.changes().begin(id, listening);
        let Some(receiver) = self.incoming.wait(id, None) else {
            self.changes().end(id);
            let error = closed(method);
            if let Some(operation) = operation {
                operation.ended(Ended::Unanswered("connection_closed", &error.to_string()));
            }
            return Err(error);
        };
        self.begin(id, method, params);
        // It goes on for long; that it has begun is what there is to see of it.
        if let Some(operation) = operation {
            operation.ended(Ended::Well);
        }
        Ok((id, receiver))
    }

    /// Ends a subscription, unless it is over.
    pub(super) fn end_listening(&self, id: i64) {
        self.changes().end(id);
        self.give_up(id);
    }

    /// Sends a notification.
    pub(super) fn notify(&self, method: Method, params: Option<Value>) -> Option<JoinHandle<()>> {
        let mut message = json!({ "jsonrpc": "2.0", "method": method.as_str() });
        if let Some(params) = params {
            message["params"] = params;
        }
        self.link.send(message)
    }

    /// Sends a request whose answer nobody wants.
    pub(super) fn forget(&self, method: Method, params: Map<String, Value>) {
        self.begin(self.incoming.next_id(), method.as_str(), params);
    }

    fn begin(&self, id: i64, method: &str, mut params: Map<String, Value>) {
        // Who hears of progress asks for it in each request.
        if let Some(token) = params.get_mut("_meta").and_then(|meta| meta.get_mut(keys::PROGRESS_TOKEN)) {
            *token = json!(id);
        }
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        if let Some(task) = self.link.request(id, message) {
            self.incoming.is_worked_for(id, task);
        }
    }

    fn give_up(&self, id: i64) {
        if self.incoming.give_up(id) && !self.link.cancels_by_closing() {
            self.notify(Method::NotificationsCancelled, Some(json!({ "requestId": id })));
        }
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
            let version = self.incoming.version();
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
        let id = self.incoming.next_id();
        let operation = self.operation(id, method, &mut params, call);
        let Some(mut receiver) = self.incoming.wait(id, call.cloned()) else {
            return observe::end(operation, method, Err(closed(method)));
        };
        let _waits = CancelOnDrop { wire: self, id, method };
        self.begin(id, method, params);
        let answer = loop {
            match (timeout(time, &mut receiver).await, self.link.asks()) {
                // The server has the whole time once it knows who calls.
                (Err(_), Some(asks)) => asks.await,
                (Err(_), None) => break Err(timed_out(method, time)),
                (Ok(outcome), _) => {
                    let answer = outcome.unwrap_or_else(|_| Err(closed(method)));
                    break answer.and_then(|answer| answer.map_err(|error| refused(method, error)));
                }
            }
        };
        observe::end(operation, method, answer)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.incoming.end();
        self.incoming.stop_answering();
    }
}

pub(super) fn closed(method: &str) -> Error {
    Error::new(ErrorKind::Closed, format!("the connection ended before `{method}` was answered"))
}

pub(super) fn refused(method: &str, error: ErrorObject) -> Error {
    Error::new(ErrorKind::Refused, format!("`{method}` was refused")).with_source(error)
}

/// Nothing is left to cancel of a request that was answered.
struct CancelOnDrop<'a> {
    wire: &'a Wire,
    id: i64,
    method: &'a str,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        // The specification forbids to cancel a handshake.
        if self.method == Method::Initialize.as_str() {
            self.wire.incoming.give_up(self.id);
        } else {
            self.wire.give_up(self.id);
        }
    }
}
