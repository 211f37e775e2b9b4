//! One connection: lines in, lines out, and the calls between them. Everything of it runs in one
//! task; only calls that are not finished at their first poll get tasks of their own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep_until;

use super::changes::UNREAD;
use super::live::Offering;
use super::outbox::{CallOutlet, Outbox, Outgoing, owed};
use super::ready::ReadyServer;
use crate::codec::{Glimpse, Incoming, Malformed, glimpse, parse, split_batch};
use crate::dispatch::{Dispatched, Origin, Request, finished};
use crate::engine::{Finished, Reply, after};
use crate::protocol::{
    CancelledNotificationParams, ErrorCode, ErrorObject, InitializeRequestParams, Method, Outlet, Params,
    ProtocolVersion, Raw, RequestId, ServerResult, TextResult,
};
use crate::session::{Asked, Caller, InFlight, InFlightCalls, Key, LegacySession, Pending, negotiate};
use crate::subscription::Subscription;
use crate::transport::{Line, LineReader, LineWriter};

/// What a connection may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) message_bytes: usize,
    pub(crate) calls_in_flight: usize,
    /// To how many resources it may be subscribed.
    pub(crate) subscriptions: usize,
    /// How long calls may go on when the input has ended.
    pub(crate) drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 4 << 20, calls_in_flight: 1024, subscriptions: 10_000, drain: Duration::from_secs(2) }
    }
}

/// While more than this waits to be written, nothing is read: a client that does not read its
/// replies gets to make no more of them.
const UNWRITTEN: usize = 1 << 20;

/// Serves until the input ends, the output breaks or `shutdown` is ready, and then drains.
pub(super) async fn serve(
    ready: &ReadyServer,
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut reader = LineReader::new(reader, ready.limits.message_bytes);
    let mut writer = LineWriter::new(writer);
    let mut connection = Connection::new(ready);
    let mut shutdown = pin!(shutdown);
    loop {
        while writer.waiting() < UNWRITTEN
            && let Some(line) = reader.next_line()
        {
            connection.line(&line, writer.buffer());
        }
        connection.write_outgoing(&mut writer);
        let room = writer.waiting() < UNWRITTEN;
        // Fair, so that a client that only sends, or a tool that only logs, cannot keep the others
        // from being seen.
        tokio::select! {
            result = writer.write(), if writer.is_busy() => result?,
            more = reader.fill(), if room => if !more? {
                if let Some(line) = reader.last_line() {
                    connection.line(&line, writer.buffer());
                }
                break;
            },
            () = connection.outbox.filled(), if room => {}
            () = &mut shutdown => break,
        }
    }
    connection.drain(&mut writer).await
}

/// When the replies to a batch are longer than this, what is left of it is refused.
const BATCH_REPLIES: usize = 4 << 20;

pub(crate) struct Connection<'a> {
    pub(super) ready: &'a ReadyServer,
    /// What the server offers, as far as this connection has looked, and its version.
    offering: Arc<Offering>,
    version: u64,
    legacy: Option<Arc<LegacySession>>,
    /// What the client of a session hears of.
    pub(super) session_changes: Option<Subscription>,
    /// Subscriptions of which there is more than could be written.
    pub(super) untold: Vec<Key>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) calls: InFlightCalls,
    asked: Asked,
    batches: HashMap<Key, Batch>,
    last_key: Key,
}

/// Replies that go out together.
#[derive(Default)]
struct Batch {
    waiting: usize,
    replies: Vec<u8>,
}

/// Where the messages of one line come from and their replies go.
#[derive(Clone, Copy)]
struct Source {
    key: Key,
    batch: Option<Key>,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(ready: &'a ReadyServer) -> Self {
        let (offering, version) = ready.live.current().unwrap_or_default();
        Self {
            ready,
            offering,
            version,
            legacy: None,
            session_changes: None,
            untold: Vec::new(),
            outbox: Outbox::new(),
            calls: InFlightCalls::default(),
            asked: Asked::default(),
            batches: HashMap::new(),
            last_key: 0,
        }
    }

    fn next_key(&mut self) -> Key {
        self.last_key += 1;
        self.last_key
    }

    pub(crate) fn line(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        match line {
            Line::Whole(line) if line.starts_with(b"[") => self.batch(line, out),
            Line::Whole(line) => self.message(line, None, out),
            Line::TooLong { head, tail } => {
                let limit = self.ready.limits.message_bytes;
                let error = ErrorObject::invalid_request(format!("the message is longer than {limit} bytes"));
                match glimpse(head, tail) {
                    Glimpse::Response(id) => self.asked.answer(&id, Err(error)),
                    // It may be that of a request in flight, which gets its own answer.
                    Glimpse::Request(id) if !self.calls.has_id(&id) => self.error(Some(&id), &error, None, out),
                    Glimpse::Request(_) | Glimpse::Other => self.error(None, &error, None, out),
                }
            }
        }
    }

    fn batch(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let served = self.legacy.as_ref().is_some_and(|session| session.revision.has_batches());
        let messages = match split_batch(line) {
            Ok(messages) if served => messages,
            Ok(_) => {
                let error = ErrorObject::invalid_request(
                    "batches are served only after `initialize` with protocol version 2025-03-26; \
                     send each message on a line of its own",
                );
                return self.error(None, &error, None, out);
            }
            Err(malformed) => return self.error(malformed.id.as_ref(), &malformed.error, None, out),
        };
        let key = self.next_key();
        // One more than there are, so that the batch is not over before all of it was seen.
        self.batches.insert(key, Batch { waiting: 1, ..Batch::default() });
        for message in messages {
            self.message(message.get().as_bytes(), Some(key), out);
        }
        self.one_less(key, out);
    }

    fn message(&mut self, message: &[u8], batch: Option<Key>, out: &mut Vec<u8>) {
        if batch.and_then(|batch| self.batches.get(&batch)).is_some_and(|batch| batch.replies.len() > BATCH_REPLIES) {
            let id = match parse(message) {
                Ok(Incoming::Request { id, .. }) => Some(id),
                _ => None,
            };
            let error = ErrorObject::invalid_request("the replies to this batch are too long; send less at once");
            return self.error(id.as_ref(), &error, batch, out);
        }
        match parse(message) {
            Ok(Incoming::Request { id, method, params }) => {
                let source = Source { key: self.next_key(), batch };
                self.request(id, &method, params.as_ref(), source, out);
            }
            Ok(Incoming::Notification { method, params }) => self.notification(&method, params.as_ref(), out),
            Ok(Incoming::Stray) => tracing::debug!("a response came without an id that could be read"),
            Ok(Incoming::Response { id, answer }) => {
                self.asked.answer(&id, answer.map(Raw::to_raw_value));
            }
            Err(Malformed { id, error }) => self.error(id.as_ref(), &error, batch, out),
        }
    }

    fn request(&mut self, id: RequestId, method: &str, params: Option<&Params<'_>>, source: Source, out: &mut Vec<u8>) {
        if self.calls.has_id(&id) {
            let error = ErrorObject::invalid_request(format!("a request with id {id} is in flight already"))
                .with_data(serde_json::json!({ "id": id }));
            return self.error(None, &error, source.batch, out);
        }
        let known = Method::from_name(method);
        let legacy = self.legacy.clone();
        let caller = match Caller::identify(known, params, legacy.as_deref()) {
            Ok(caller) => caller,
            // What begins a conversation needs nobody to have said anything.
            Err(_) if legacy.is_none() && known == Some(Method::Initialize) => {
                let outcome = self.observed(Method::Initialize, &id, params, |it| it.initialize(params));
                return self.reply(&id, ProtocolVersion::LATEST_LEGACY, known, outcome, source.batch, out);
            }
            Err(_) if legacy.is_none() && known == Some(Method::Ping) => {
                let outcome = self.observed(Method::Ping, &id, params, |_| Ok(ServerResult::Empty));
                return self.reply(&id, ProtocolVersion::LATEST_LEGACY, known, outcome, source.batch, out);
            }
            Err(error) => {
                if let Err(error) = self.observed(known, &id, params, |_| Err(error)) {
                    self.error(Some(&id), &error, source.batch, out);
                }
                return;
            }
        };
        let revision = caller.revision;
        if known == Some(Method::Initialize) && revision.has(Method::Initialize) {
            let outcome = self.observed(Method::Initialize, &id, params, |it| it.initialize(params));
            return self.reply(&id, revision, known, outcome, source.batch, out);
        }
        if known == Some(Method::LoggingSetLevel) && revision.has(Method::LoggingSetLevel) {
            let set = |_: &mut Self| caller.set_log_level(params).map(|()| ServerResult::Empty);
            let outcome = self.observed(Method::LoggingSetLevel, &id, params, set);
            return self.reply(&id, revision, known, outcome, source.batch, out);
        }
        if let Some(newer) = self.ready.live.newer(&mut self.version) {
            self.offering = newer;
        }
        let origin = ConnectionOrigin { key: source.key, connection: self };
        let extensions = &self.ready.extensions;
        let (carrier, round) = (caller.carrier(), || caller.round(id.clone(), extensions.clone()));
        let registry = &self.offering.registry;
        let (begin, encoder, direct) = (out.len(), &self.ready.encoder, RefCell::new(out));
        let write = |result: &TextResult<'_>| {
            // What there is to be said because of the call goes first.
            self.outbox.is_empty() && encoder.text_response(&mut direct.borrow_mut(), begin, revision, &id, result)
        };
        let request = Request {
            id: &id,
            method,
            known,
            params,
            called: None,
            revision,
            carrier,
            round: &round,
            origin: &origin,
            registry,
            extensions,
            is_observed: false,
            // The replies to a batch go elsewhere.
            write: source.batch.is_none().then_some(&write),
        };
        let dispatched = self.ready.dispatcher.dispatch(&request);
        let out = direct.into_inner();
        if let Dispatched::Done(Ok(ServerResult::Written)) = dispatched {
            if !self.outbox.is_empty() {
                // Of what was dropped after the function had returned.
                let reply = out.split_off(begin);
                self.take_outgoing(Some((source.key, revision)), usize::MAX, UNREAD, out);
                out.extend_from_slice(&reply);
            }
            return out.push(b'\n');
        }
        // Of a function that wrote its result and panicked then.
        out.truncate(begin);
        match dispatched {
            Dispatched::Done(outcome) => {
                if !self.outbox.is_empty() {
                    // What the call said before it finished goes first.
                    self.take_outgoing(Some((source.key, revision)), usize::MAX, UNREAD, out);
                }
                self.reply(&id, revision, known, outcome, source.batch, out);
            }
            Dispatched::Running(cancel) => {
                if let Some(batch) = source.batch.and_then(|batch| self.batches.get_mut(&batch)) {
                    batch.waiting += 1;
                }
                let pending = Pending::Call(cancel);
                self.calls.insert(source.key, InFlight { id, revision, method: known, pending, batch: source.batch });
            }
            Dispatched::Listen(filter) => {
                let sight = self.ready.live.sight(round());
                self.listen(source.key, &id, revision, filter, &sight, out);
            }
            Dispatched::Watch(uri) => {
                let sight = self.ready.live.sight(round());
                let outcome = Ok(self.watch(&uri, sight));
                self.reply(&id, revision, known, outcome, source.batch, out);
            }
            Dispatched::Unwatch(uri) => {
                let outcome = Ok(self.unwatch(&uri));
                self.reply(&id, revision, known, outcome, source.batch, out);
            }
        }
    }

    /// Answers here, in the sight of whoever observes requests. Apart from what calls go through.
    #[inline(never)]
    fn observed(
        &mut self,
        method: impl Into<Option<Method>>,
        id: &RequestId,
        params: Option<&Params<'_>>,
        answer: impl FnOnce(&mut Self) -> Finished,
    ) -> Finished {
        let ready = self.ready;
        ready.dispatcher.observe(method, id, params.and_then(Params::meta), ready.transport, || answer(self))
    }

    fn initialize(&mut self, params: Option<&Params<'_>>) -> Finished {
        let params: InitializeRequestParams = match params {
            Some(params) => params.decode()?,
            None => return Err(ErrorObject::invalid_params("`params` is missing; `initialize` needs them")),
        };
        let revision = negotiate(&params.protocol_version);
        self.legacy = Some(Arc::new(LegacySession::new(revision, params)));
        self.session_changes = None;
        Ok(ServerResult::Initialize(Arc::new(self.ready.encoder.initialize_result(revision))))
    }

    fn notification(&mut self, method: &str, params: Option<&Params<'_>>, out: &mut Vec<u8>) {
        match Method::from_name(method) {
            Some(Method::NotificationsCancelled) => {}
            Some(Method::NotificationsInitialized) if self.legacy.is_some() => {
                self.listen_for_session();
                return;
            }
            _ => return,
        }
        let Some(Ok(CancelledNotificationParams { request_id, .. })) = params.map(|params| params.decode()) else {
            return;
        };
        if let Some((key, call)) = self.calls.remove_id(&request_id) {
            tracing::debug!(id = %request_id, "the client cancelled a request");
            call.pending.cancel();
            let withdrawn = self.asked.withdraw_all(key);
            self.tell_withdrawn(withdrawn, out);
            if let Some(batch) = call.batch {
                self.one_less(batch, out);
            }
        }
    }

    /// Tells the client that it need not answer these requests of ours.
    fn tell_withdrawn(&self, ids: impl IntoIterator<Item = RequestId>, out: &mut Vec<u8>) {
        for id in ids {
            self.ready.encoder.withdrawal(out, &id);
            out.push(b'\n');
        }
    }

    pub(super) fn reply(
        &mut self,
        id: &RequestId,
        revision: ProtocolVersion,
        method: Option<Method>,
        outcome: Finished,
        batch: Option<Key>,
        out: &mut Vec<u8>,
    ) {
        let encoder = &self.ready.encoder;
        let outcome = encoder.outcome_for(revision, method, outcome);
        let lists = &self.offering.lists;
        emit(&mut self.batches, batch, out, |out| encoder.response(out, revision, id, &outcome, lists));
    }

    fn error(&mut self, id: Option<&RequestId>, error: &ErrorObject, batch: Option<Key>, out: &mut Vec<u8>) {
        let encoder = &self.ready.encoder;
        emit(&mut self.batches, batch, out, |out| encoder.error(out, id, error));
    }

    fn one_less(&mut self, key: Key, out: &mut Vec<u8>) {
        let Some(batch) = self.batches.get_mut(&key) else { return };
        batch.waiting -= 1;
        if batch.waiting == 0
            && let Some(batch) = self.batches.remove(&key)
            && !batch.replies.is_empty()
        {
            out.extend_from_slice(&batch.replies);
            out.extend_from_slice(b"]\n");
        }
    }

    fn write_outgoing(&mut self, writer: &mut LineWriter<impl AsyncWrite + Unpin>) {
        let waiting = writer.waiting();
        let (room, for_changes) = (UNWRITTEN.saturating_sub(waiting), UNREAD.saturating_sub(waiting));
        if for_changes > 0 && !self.untold.is_empty() {
            self.write_untold(for_changes, writer.buffer());
        }
        if room > 0 && !self.outbox.is_empty() {
            self.take_outgoing(None, room, for_changes, writer.buffer());
        }
    }

    /// Writes what calls have for the client now, up to about `room` bytes, and what has changed, up to
    /// `for_changes`. `current` is a call
    /// that is not in flight because it is being answered right now.
    fn take_outgoing(
        &mut self,
        current: Option<(Key, ProtocolVersion)>,
        room: usize,
        for_changes: usize,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        // What comes while this goes on waits for the next time: calls may never stop talking.
        for _ in 0..self.outbox.len() {
            if out.len() - start >= room {
                break;
            }
            let Some((key, outgoing)) = self.outbox.pop() else { break };
            if matches!(outgoing, Outgoing::Changes) {
                self.write_changes(key, for_changes.saturating_sub(out.len() - start), out);
                continue;
            }
            let revision = match current {
                Some((current, revision)) if current == key => Some(revision),
                _ => self.calls.get(key).map(|call| call.revision),
            };
            // A call that was cancelled has nothing more to say.
            let Some(revision) = revision else { continue };
            match outgoing {
                Outgoing::Reply(outcome) => {
                    if let Some(InFlight { id, method, batch, .. }) = self.calls.remove(key) {
                        self.reply(&id, revision, method, finished(outcome), batch, out);
                        if let Some(batch) = batch {
                            self.one_less(batch, out);
                        }
                    }
                }
                Outgoing::Notification(notification) => {
                    self.ready.encoder.notification(out, revision, &notification);
                    out.push(b'\n');
                }
                Outgoing::Request { question, method, params, on_answer } => {
                    let id = self.asked.insert(key, question, on_answer);
                    self.ready.encoder.request(out, revision, &id, method, &params);
                    out.push(b'\n');
                }
                Outgoing::Changes => {}
                #[cfg(feature = "http")]
                Outgoing::Cancelled | Outgoing::Pause => {}
                Outgoing::Withdrawal { question } => {
                    let withdrawn = self.asked.withdraw(key, question);
                    self.tell_withdrawn(withdrawn, out);
                }
            }
        }
    }

    /// Lets calls go on for a while and writes what they give. Questions fail: nobody is left to
    /// answer them.
    async fn drain(mut self, writer: &mut LineWriter<impl AsyncWrite + Unpin>) -> io::Result<()> {
        let deadline = after(self.ready.limits.drain);
        self.end_subscriptions(writer.buffer());
        self.calls.iter().for_each(|call| call.pending.client_is_gone());
        loop {
            self.write_outgoing(writer);
            if self.calls.is_empty() && self.outbox.is_empty() && !writer.is_busy() {
                break;
            }
            let room = writer.waiting() < UNWRITTEN;
            tokio::select! {
                biased;
                () = sleep_until(deadline) => {
                    tracing::warn!(calls = self.calls.len(), "calls were cancelled: they did not end in time");
                    break;
                }
                result = writer.write(), if writer.is_busy() => result?,
                () = self.outbox.filled(), if room => {}
            }
        }
        Ok(())
    }
}

/// Writes a reply, or keeps it until its batch is complete.
fn emit(batches: &mut HashMap<Key, Batch>, batch: Option<Key>, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    match batch.and_then(|batch| batches.get_mut(&batch)) {
        Some(batch) => {
            batch.replies.push(if batch.replies.is_empty() { b'[' } else { b',' });
            write(&mut batch.replies);
        }
        None => {
            write(out);
            out.push(b'\n');
        }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.outbox.close();
        self.calls.drain().for_each(|call| call.pending.cancel());
    }
}

/// Where a request of this connection comes from.
struct ConnectionOrigin<'c, 'a> {
    key: Key,
    connection: &'c Connection<'a>,
}

impl Origin for ConnectionOrigin<'_, '_> {
    fn outlet(&self) -> Arc<dyn Outlet> {
        Arc::new(CallOutlet { key: self.key, outbox: self.connection.outbox.clone() })
    }

    fn reply(&self) -> Reply {
        owed(self.key, &self.connection.outbox, None)
    }

    fn has_room(&self) -> Result<(), ErrorObject> {
        let limit = self.connection.ready.limits.calls_in_flight;
        if self.connection.calls.len() < limit {
            return Ok(());
        }
        Err(ErrorObject::new(
            ErrorCode::InternalError,
            format!("the server is busy: {limit} requests of this connection are in flight; try again later"),
        ))
    }

    fn has_room_to_watch(&self, more: usize) -> Result<(), ErrorObject> {
        self.connection.has_room_to_watch(more)
    }

    fn watches(&self, uri: &str) -> bool {
        self.connection.session_changes.as_ref().is_some_and(|session| session.watches(uri))
    }

    fn transport(&self) -> Option<&'static str> {
        self.connection.ready.transport
    }

    fn granted(&self) -> Option<Vec<String>> {
        #[cfg(feature = "http")]
        return crate::auth::granted(&self.connection.ready.extensions);
        #[cfg(not(feature = "http"))]
        None
    }
}
