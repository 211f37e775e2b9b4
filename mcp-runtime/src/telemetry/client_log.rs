//! Hands what a program traces to the clients whose calls it was traced in.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::HashMap;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::Id;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::SERVER;
use crate::protocol::{LoggingLevel, LoggingMessageNotificationParams};

/// Who hears what is traced in a call.
pub(crate) trait Audience: Send + Sync {
    /// Whether its client wants to hear of this level.
    fn wants(&self, level: LoggingLevel) -> bool;

    /// Tells its client, without waiting. False if there was no room.
    fn tell(&self, message: LoggingMessageNotificationParams) -> bool;
}

/// Hands events of [`tracing`] to the clients in whose calls they happen, as messages of their log
/// ([specification]): what a tool traces is seen by whoever called it.
///
/// Everything else goes where it went: this is one layer beside others. Like all of the protocol's
/// logging it needs a client that asks for it.
///
/// ```
/// use mcp_runtime::ClientLog;
/// use mcp_runtime::prelude::*;
/// use tracing_subscriber::prelude::*;
///
/// /// Import a file.
/// #[tool]
/// fn import(path: &str) -> usize {
///     tracing::info!(path, rows = 12, "imported");
///     12
/// }
///
/// let log = ClientLog::new().targets([module_path!()]);
/// tracing_subscriber::registry()
///     .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
///     .with(log.layer())
///     .init();
/// let server = Server::new("importer").tools(tools![import]);
/// ```
///
/// | in `tracing` | in the message |
/// |---|---|
/// | `TRACE` | not sent |
/// | `DEBUG`, `INFO`, `WARN`, `ERROR` | `debug`, `info`, `warning`, `error` |
/// | target | `logger` |
/// | message without fields | `data`, a text |
/// | fields | `data`, an object; the text is its `message` |
///
/// An event belongs to a call if it happens in the call's span: in the function itself, on the thread
/// of a `#[tool(blocking)]`, and in a task that was spawned with the span
/// (`tokio::spawn(task.instrument(tracing::Span::current()))`). When the call has ended, and while it
/// waits for its client, its events go to no client. What a call that runs again says once more is not sent twice. Events
/// of this crate are never sent.
///
/// Nobody waits for a client that is slow to read: what it has no room for is dropped, and
/// [counted](ClientLog::dropped).
///
/// Filters that other layers have do not matter, but one that holds for all of them must let the spans of
/// `mcp_runtime` through from `info` on, such as `mcp_runtime=info,my_server=debug`.
///
/// **What is sent leaves the program.** [`ClientLog::targets`] keeps what libraries trace (queries,
/// headers) to the operator.
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging
#[derive(Clone, Default)]
pub struct ClientLog {
    shared: Arc<Shared>,
    /// All, if there are none.
    targets: Arc<[String]>,
}

/// What the layer and its handles share.
#[derive(Default)]
struct Shared {
    /// By the spans of the requests that drive them.
    calls: Mutex<HashMap<u64, Weak<dyn Audience>>>,
    dropped: AtomicU64,
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, HashMap<u64, Weak<dyn Audience>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientLog {
    /// Sends events of all targets but those of this crate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends only events of these targets, and of those below them. The target of an event is the module
    /// that it is in, unless it says otherwise: `my_server` has `my_server::db` below it.
    #[must_use]
    pub fn targets<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.targets = targets.into_iter().map(Into::into).collect();
        self
    }

    /// The layer, for a subscriber. A filter around it must let the spans of `mcp_runtime` through.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        Forward { shared: self.shared.clone() }.with_filter(Heard { targets: self.targets.clone() })
    }

    /// How many events were dropped because their clients were too slow to read.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ClientLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientLog").field("targets", &self.targets).field("dropped", &self.dropped()).finish()
    }
}

/// Lets what happens in this span go to a call, if there is a layer that does so.
pub(crate) fn hand_to(span: &Span, audience: impl FnOnce() -> Weak<dyn Audience>) {
    span.with_subscriber(|(id, subscriber)| {
        if let Some(Forward { shared }) = subscriber.downcast_ref::<Forward>() {
            let before = shared.calls().insert(id.into_u64(), audience());
            drop(before);
        }
    });
}

/// Whether there is a layer that wants to know which call this span is of.
pub(super) fn is_awaited(span: &Span) -> bool {
    span.with_subscriber(|(_, subscriber)| subscriber.downcast_ref::<Forward>().is_some()).unwrap_or_default()
}

/// The layer itself. It is found by its type, from where calls are made.
struct Forward {
    shared: Arc<Shared>,
}

thread_local! {
    /// Whether this thread sends an event: what that traces is not sent, too.
    static SENDS: Cell<bool> = const { Cell::new(false) };
}

/// For as long as it lives, this thread sends an event.
struct Sending(());

impl Sending {
    fn begin() -> Option<Self> {
        SENDS.try_with(|sends| !sends.replace(true)).unwrap_or_default().then_some(Self(()))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        _ = SENDS.try_with(|sends| sends.set(false));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Forward {
    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let Some(_sending) = Sending::begin() else { return };
        let Some(level) = level_of(event.metadata()) else { return };
        let Some(scope) = cx.event_scope(event) else { return };
        let audience = {
            let calls = self.shared.calls();
            scope.into_iter().find_map(|span| calls.get(&span.id().into_u64())?.upgrade())
        };
        let Some(audience) = audience.filter(|audience| audience.wants(level)) else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        if !audience.tell(fields.into_message(level, event.metadata().target())) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        // Whatever it drops goes without the lock.
        let _gone = self.shared.calls().remove(&id.into_u64());
    }
}

fn level_of(metadata: &Metadata<'_>) -> Option<LoggingLevel> {
    Some(match *metadata.level() {
        Level::TRACE => return None,
        Level::DEBUG => LoggingLevel::Debug,
        Level::INFO => LoggingLevel::Info,
        Level::WARN => LoggingLevel::Warning,
        Level::ERROR => LoggingLevel::Error,
    })
}

/// Which events are sent, and the spans that say whose they are.
struct Heard {
    targets: Arc<[String]>,
}

impl Heard {
    fn is_heard(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            return metadata.target() == SERVER;
        }
        let target = metadata.target();
        metadata.level() <= &Level::DEBUG
            && !is_below(target, "mcp_runtime")
            && (self.targets.is_empty() || self.targets.iter().any(|above| is_below(target, above)))
    }
}

fn is_below(target: &str, above: &str) -> bool {
    target.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl<S> Filter<S> for Heard {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.is_heard(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_heard(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}

/// The fields of an event as JSON.
#[derive(Default)]
struct Fields {
    message: Option<String>,
    others: Map<String, Value>,
    /// Of a record of the crate `log`: the target that it says.
    target: Option<String>,
}

impl Fields {
    fn into_message(self, level: LoggingLevel, target: &str) -> LoggingMessageNotificationParams {
        let Self { message, mut others, target: said } = self;
        let logger = Some(said.unwrap_or_else(|| target.to_owned()));
        let data = match message {
            Some(text) if others.is_empty() => Value::String(text),
            Some(text) => {
                others.shift_insert(0, "message".to_owned(), Value::String(text));
                Value::Object(others)
            }
            None => Value::Object(others),
        };
        LoggingMessageNotificationParams { level, logger, data }
    }

    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = Some(text),
            ("log.target", Value::String(target)) => self.target = Some(target),
            // Where it was, which is the business of whoever operates the server.
            (name, _) if name.starts_with("log.") => {}
            (name, value) => _ = self.others.insert(name.to_owned(), value),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, value.to_string().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }
}
