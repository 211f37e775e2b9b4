use std::future::Future;

use bytes::Bytes;

use crate::protocol::BoxFuture;

/// Keeps events for legacy clients that lost their connection and come back for the rest ([specification]). Given to
/// [`StreamableHttp::event_store`](crate::StreamableHttp::event_store); without one they are kept in memory, as many as
/// [fit](crate::StreamableHttp::max_event_bytes).
///
/// An event is appended right before it is sent. What was not sent yet is kept by the server itself.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Mutex;
///
/// use mcp_runtime::{EventStore, StoredEvent};
///
/// /// In memory, without a limit.
/// #[derive(Default)]
/// struct All(Mutex<BTreeMap<(String, u64), Vec<StoredEvent>>>);
///
/// impl EventStore for All {
///     async fn append(&self, session: &str, stream: u64, event: StoredEvent) {
///         self.0.lock().unwrap().entry((session.to_owned(), stream)).or_default().push(event);
///     }
///
///     async fn after(&self, session: &str, stream: u64, number: u64) -> Vec<StoredEvent> {
///         let all = self.0.lock().unwrap();
///         let events = all.get(&(session.to_owned(), stream)).into_iter().flatten();
///         events.filter(|event| event.number > number).cloned().collect()
///     }
///
///     async fn forget(&self, session: &str) {
///         self.0.lock().unwrap().retain(|(of, _), _| of != session);
///     }
/// }
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
pub trait EventStore: Send + Sync + 'static {
    /// Keeps one more event of a stream. They come in the order of their numbers.
    fn append(&self, session: &str, stream: u64, event: StoredEvent) -> impl Future<Output = ()> + Send;

    /// The events of a stream after the one of this number, in order; those that are not kept any more are left
    /// out.
    fn after(&self, session: &str, stream: u64, number: u64) -> impl Future<Output = Vec<StoredEvent>> + Send;

    /// Keeps nothing more of a session, which has ended.
    fn forget(&self, session: &str) -> impl Future<Output = ()> + Send;
}

/// One event, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number in its stream.
    pub number: u64,
    /// Its bytes, which include its id.
    pub bytes: Bytes,
}

/// A store of any type.
pub(super) trait AnyEventStore: Send + Sync {
    fn append<'a>(&'a self, session: &'a str, stream: u64, event: StoredEvent) -> BoxFuture<'a, ()>;
    fn after<'a>(&'a self, session: &'a str, stream: u64, number: u64) -> BoxFuture<'a, Vec<StoredEvent>>;
    fn forget<'a>(&'a self, session: &'a str) -> BoxFuture<'a, ()>;
}

impl<S: EventStore> AnyEventStore for S {
    fn append<'a>(&'a self, session: &'a str, stream: u64, event: StoredEvent) -> BoxFuture<'a, ()> {
        Box::pin(EventStore::append(self, session, stream, event))
    }

    fn after<'a>(&'a self, session: &'a str, stream: u64, number: u64) -> BoxFuture<'a, Vec<StoredEvent>> {
        Box::pin(EventStore::after(self, session, stream, number))
    }

    fn forget<'a>(&'a self, session: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(EventStore::forget(self, session))
    }
}
