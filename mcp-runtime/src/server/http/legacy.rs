//! Messages of legacy clients, each in a session ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::Endpoint;
use super::answer::Answer;
use super::authorization::allowed;
use super::check;
use super::driver::{Answered, Driver, Replies, whole};
use super::exchange::Pending;
use super::outlet::{HttpOrigin, TRANSPORT};
use super::post::{Asking, accepts, version_in};
use super::reading;
use super::session::{Open, Running, Session, lock};
use super::stream::EventId;
use crate::codec::{Incoming, Malformed, parse, split_batch};
use crate::dispatch::{Dispatched, Request};
use crate::engine::{Carrier, Finished};
use crate::protocol::{
    CancelledNotificationParams, ErrorObject, Extensions, InitializeRequestParams, Method, Params, Principal,
    ProtocolVersion, Raw, RequestId, ServerResult, TextResult,
};
use crate::server::live::Offering;
use crate::server::outbox::Outbox;
use crate::session::{Caller, Key, LegacySession, negotiate};
use crate::transport::http::{Repeated, Said, headers};

/// The streams that tell of what belongs to no request, and of what a client has missed.
pub(super) fn get(endpoint: &Arc<Endpoint>, parts: &Arc<Parts>, said: &Said<'_>) -> Answer {
    if !endpoint.settings.sessions.are_kept {
        return Answer::not_allowed();
    }
    if !accepts(&parts.headers, headers::EVENT_STREAM) {
        return Answer::refused(StatusCode::NOT_ACCEPTABLE, "`Accept` must have `text/event-stream`");
    }
    let extensions = endpoint.ready.extensions.clone().with_request(parts.clone());
    let session = match endpoint.session(said, &extensions) {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let Some(place) = endpoint.settings.streams.take() else {
        return Answer::busy("the server is busy; try again later");
    };
    let open = session.open().with(place);
    let Some(last) = parts.headers.get(&headers::LAST_EVENT_ID) else {
        return reading::events(endpoint, &session, &session.standalone, None, open);
    };
    let last = last.to_str().ok().and_then(EventId::parse);
    match last.and_then(|last| Some((session.stream(last.stream)?, last.event))) {
        Some((stream, event)) => reading::events(endpoint, &session, &stream, Some(event), open),
        None => Answer::refused(StatusCode::BAD_REQUEST, "`Last-Event-ID` names no event that is kept"),
    }
}

/// Ends a session.
pub(super) fn delete(endpoint: &Arc<Endpoint>, parts: &Arc<Parts>, said: &Said<'_>) -> Answer {
    if !endpoint.settings.sessions.are_kept {
        return Answer::not_allowed();
    }
    let extensions = endpoint.ready.extensions.clone().with_request(parts.clone());
    match endpoint.session(said, &extensions) {
        Ok(session) => {
            endpoint.sessions.end(&session.id);
            Answer::empty(StatusCode::NO_CONTENT)
        }
        Err(answer) => answer,
    }
}

pub(super) fn request(
    endpoint: &Arc<Endpoint>,
    parts: &Arc<Parts>,
    said: &Said<'_>,
    asking: &Asking<'_, '_>,
) -> Pending {
    let extensions = endpoint.ready.extensions.clone().with_request(parts.clone());
    let has_session = said.session_id.is_there();
    if asking.known == Some(Method::Initialize) && !has_session {
        return initialize(endpoint, asking.id, asking.params, &extensions).into();
    }
    let session = match endpoint.session(said, &extensions) {
        Ok(session) => session,
        // What begins a conversation needs nobody to have said anything.
        Err(_) if asking.known == Some(Method::Ping) && !has_session => {
            let mut out = Vec::new();
            let lists = &endpoint.offering().lists;
            let (revision, pong) = (ProtocolVersion::LATEST_LEGACY, Ok(ServerResult::Empty));
            endpoint.ready.encoder.response(&mut out, revision, asking.id, &pong, lists);
            return Answer::message(StatusCode::OK, out).into();
        }
        Err(answer) => return answer.into(),
    };
    let mut post = Post::new(endpoint, session, extensions, false);
    post.request(asking);
    post.finish()
}

/// What is no request.
pub(super) fn post(endpoint: &Arc<Endpoint>, parts: &Arc<Parts>, said: &Said<'_>, message: Incoming<'_>) -> Pending {
    let extensions = endpoint.ready.extensions.clone().with_request(parts.clone());
    let session = match endpoint.session(said, &extensions) {
        Ok(session) => session,
        Err(answer) => return answer.into(),
    };
    let mut post = Post::new(endpoint, session, extensions, false);
    post.message(message);
    post.finish()
}

pub(super) fn batch(endpoint: &Arc<Endpoint>, parts: &Arc<Parts>, said: &Said<'_>, body: &[u8]) -> Pending {
    let messages = match split_batch(body) {
        Ok(messages) => messages,
        Err(Malformed { id, error }) => return Answer::error(StatusCode::BAD_REQUEST, id.as_ref(), &error).into(),
    };
    let extensions = endpoint.ready.extensions.clone().with_request(parts.clone());
    let session = match endpoint.session(said, &extensions) {
        Ok(session) if session.legacy.revision.has_batches() => session,
        Ok(_) => {
            let message = "batches are served only after `initialize` with protocol version 2025-03-26; \
                           send each message in a request of its own";
            return Answer::refused(StatusCode::BAD_REQUEST, message).into();
        }
        Err(answer) => return answer.into(),
    };
    let mut post = Post::new(endpoint, session, extensions, true);
    for message in messages {
        match parse(message.get().as_bytes()) {
            Ok(message) => post.message(message),
            Err(Malformed { id, error }) => post.error(id.as_ref(), &error),
        }
    }
    post.finish()
}

/// Begins a session.
fn initialize(
    endpoint: &Arc<Endpoint>,
    id: &RequestId,
    params: Option<&Params<'_>>,
    extensions: &Extensions,
) -> Answer {
    let ready = &endpoint.ready;
    let begun = std::cell::Cell::new(None);
    let begin = || {
        let params: InitializeRequestParams = match params {
            Some(params) => params.decode()?,
            None => return Err(ErrorObject::invalid_params("`params` is missing; `initialize` needs them")),
        };
        let revision = negotiate(&params.protocol_version);
        begun.set(Some(LegacySession::new(revision, params)));
        Ok(ServerResult::Initialize(Arc::new(ready.encoder.initialize_result(revision))))
    };
    let outcome = ready.dispatcher.observe(Method::Initialize, id, params.and_then(Params::meta), TRANSPORT, begin);
    let begun = begun.into_inner();
    let revision = begun.as_ref().map_or(ProtocolVersion::LATEST_LEGACY, |legacy| legacy.revision);
    let mut out = Vec::new();
    ready.encoder.response(&mut out, revision, id, &outcome, &endpoint.offering().lists);
    let answer = Answer::message(StatusCode::OK, out);
    let Some(legacy) = begun.filter(|_| endpoint.settings.sessions.are_kept) else { return answer };
    let principal: Option<Principal> = extensions.get().cloned();
    let Some(session) = endpoint.sessions.begin(legacy, principal, &endpoint.settings.sessions) else {
        return Answer::busy("there are too many sessions; end some, or try again later");
    };
    match HeaderValue::from_str(&session.id) {
        Ok(id) => answer.with(headers::SESSION_ID.clone(), id),
        Err(_) => answer,
    }
}

impl Endpoint {
    pub(super) fn offering(&self) -> Arc<Offering> {
        self.ready.live.current().map(|(offering, _)| offering).unwrap_or_default()
    }

    /// The session that a request belongs to.
    pub(super) fn session(&self, said: &Said<'_>, extensions: &Extensions) -> Result<Arc<Session>, Answer> {
        let revision = match said.protocol_version.first() {
            None => None,
            Some(version) => {
                let Some(version) = version_in(version).filter(|version| !version.is_modern()) else {
                    let message = "`MCP-Protocol-Version` must be the version that `initialize` settled";
                    return Err(Answer::refused(StatusCode::BAD_REQUEST, message));
                };
                Some(version)
            }
        };
        if !self.settings.sessions.are_kept {
            let revision = revision.unwrap_or(ProtocolVersion::V2025_03_26);
            return Ok(Session::new(LegacySession::anonymous(revision), None, Box::default(), None));
        }
        let id = match said.session_id.only() {
            Ok(Some(id)) => id.as_bytes(),
            Ok(None) => {
                let message = "`Mcp-Session-Id` is missing: begin with `initialize` (up to 2025-11-25), or send the \
                               protocol version in `params._meta` (2026-07-28)";
                return Err(Answer::refused(StatusCode::BAD_REQUEST, message));
            }
            Err(Repeated) => {
                return Err(Answer::refused(StatusCode::BAD_REQUEST, "`Mcp-Session-Id` is there more than once"));
            }
        };
        // One of somebody else is as good as none.
        let session = self.sessions.find(id).filter(|session| session.principal.as_ref() == extensions.get());
        session.ok_or_else(|| {
            let message = "there is no such session (any more); begin a new one with `initialize`";
            Answer::refused(StatusCode::NOT_FOUND, message)
        })
    }
}

/// The messages of one request, as far as they were looked at.
struct Post<'e> {
    endpoint: &'e Arc<Endpoint>,
    session: Arc<Session>,
    open: Open,
    extensions: Extensions,
    offering: Arc<Offering>,
    is_batch: bool,
    outbox: OnceCell<Arc<Outbox>>,
    /// What is answered already.
    replies: Replies,
    waiting: BTreeMap<Key, (RequestId, Option<Method>)>,
    /// Why a request is not served, as HTTP says it.
    refused: Option<Answer>,
}

impl<'e> Post<'e> {
    fn new(endpoint: &'e Arc<Endpoint>, session: Arc<Session>, extensions: Extensions, is_batch: bool) -> Self {
        let open = session.open();
        Self {
            endpoint,
            session,
            open,
            extensions,
            offering: endpoint.offering(),
            is_batch,
            outbox: OnceCell::new(),
            replies: Replies::new(),
            waiting: BTreeMap::new(),
            refused: None,
        }
    }

    fn message(&mut self, message: Incoming<'_>) {
        match message {
            Incoming::Request { id, method, params } => {
                let known = Method::from_name(&method);
                self.request(&Asking { id: &id, method: &method, known, params: params.as_ref() });
            }
            Incoming::Notification { method, params } => self.notification(&method, params.as_ref()),
            Incoming::Response { id, answer } => {
                lock(&self.session.asked).answer(&id, answer.map(Raw::to_raw_value));
            }
            Incoming::Stray => tracing::debug!("a response came without an id that could be read"),
        }
    }

    fn notification(&self, method: &str, params: Option<&Params<'_>>) {
        match Method::from_name(method) {
            Some(Method::NotificationsInitialized) => self.session.listen(&self.endpoint.ready.live),
            Some(Method::NotificationsCancelled) => {
                let Some(Ok(CancelledNotificationParams { request_id, .. })) = params.map(|params| params.decode())
                else {
                    return;
                };
                self.session.cancel(&request_id);
            }
            _ => {}
        }
    }

    fn request(&mut self, asking: &Asking<'_, '_>) {
        let Asking { id, method, known, params } = *asking;
        if lock(&self.session.calls).contains_key(id) {
            let error = ErrorObject::invalid_request(format!("a request with id {id} is in flight already"))
                .with_data(serde_json::json!({ "id": id }));
            return self.error(None, &error);
        }
        let ready = &self.endpoint.ready;
        let legacy = self.session.legacy.clone();
        let caller = match Caller::identify(known, params, Some(&legacy)) {
            Ok(caller) => caller,
            Err(error) => return self.error(Some(id), &error),
        };
        if caller.carrier() == Carrier::Rounds {
            let error = ErrorObject::invalid_request("a request with a protocol version of its own stands alone");
            return self.error(Some(id), &error);
        }
        if known == Some(Method::Initialize) {
            let error = ErrorObject::invalid_request(
                "the session has begun already; `initialize` without `Mcp-Session-Id` begins a new one",
            );
            return self.error(Some(id), &error);
        }
        if known == Some(Method::LoggingSetLevel) {
            let set = || caller.set_log_level(params).map(|()| ServerResult::Empty);
            let meta = params.and_then(Params::meta);
            let outcome = ready.dispatcher.observe(Method::LoggingSetLevel, id, meta, TRANSPORT, set);
            return self.reply(id, known, outcome);
        }
        let settings = &self.endpoint.settings;
        let Some(place) = settings.requests.take() else {
            let message = "the server is busy; try again later";
            return self.refuse(id, message, Answer::busy(message));
        };
        let key = self.session.next_key();
        let subscriptions = ready.limits.subscriptions.saturating_sub(self.session.watched());
        let session = Some(&*self.session).filter(|_| settings.sessions.are_kept);
        let origin = HttpOrigin {
            key,
            outbox: &self.outbox,
            patience: settings.keep_alive,
            place: Cell::new(Some(place)),
            subscriptions,
            extensions: &self.extensions,
            session,
        };
        let round = || caller.round(id.clone(), self.extensions.clone());
        let called = check::called(asking, &self.offering.registry);
        let scopes = check::scopes(asking, called, &self.offering.registry, &round);
        if let Err(answer) = allowed(settings.authorization.as_deref(), &scopes, &self.extensions, id) {
            return self.refuse(id, "the token does not allow this", answer);
        }
        let (encoder, revision, direct) = (&ready.encoder, caller.revision, RefCell::new(Vec::new()));
        let write = |result: &TextResult<'_>| encoder.text_response(&mut direct.borrow_mut(), 0, revision, id, result);
        let request = Request {
            id,
            method,
            known,
            params,
            called,
            revision,
            carrier: caller.carrier(),
            round: &round,
            origin: &origin,
            registry: &self.offering.registry,
            extensions: &self.extensions,
            is_observed: false,
            write: Some(&write),
        };
        match ready.dispatcher.dispatch(&request) {
            Dispatched::Done(Ok(ServerResult::Written)) => self.replies.push(direct.into_inner()),
            Dispatched::Done(outcome) => self.reply(id, known, outcome),
            Dispatched::Running(cancel) => {
                let outbox = self.outbox.get_or_init(|| Outbox::impatient(settings.keep_alive)).clone();
                let taken = match lock(&self.session.calls).entry(id.clone()) {
                    Entry::Vacant(place) => {
                        place.insert(Running { key, cancel, outbox });
                        None
                    }
                    // It came at the same time as another one with its id.
                    Entry::Occupied(_) => Some(cancel),
                };
                match taken {
                    None => _ = self.waiting.insert(key, (id.clone(), known)),
                    Some(cancel) => {
                        cancel.cancel();
                        let message = format!("a request with id {id} is in flight already");
                        self.error(None, &ErrorObject::invalid_request(message));
                    }
                }
            }
            Dispatched::Watch(uri) => {
                self.session.watch(&ready.live, &uri, ready.live.sight(round()));
                self.reply(id, known, Ok(ServerResult::Empty));
            }
            Dispatched::Unwatch(uri) => {
                self.session.unwatch(&uri);
                self.reply(id, known, Ok(ServerResult::Empty));
            }
            // The era has no such request.
            Dispatched::Listen(_) => self.reply(id, known, Err(ErrorObject::method_not_found(method))),
        }
    }

    /// Refuses a request as HTTP has it; one of several in the words of a message.
    fn refuse(&mut self, id: &RequestId, message: &'static str, answer: Answer) {
        if self.is_batch {
            return self.error(Some(id), &ErrorObject::invalid_request(message));
        }
        self.refused = Some(answer);
    }

    fn error(&mut self, id: Option<&RequestId>, error: &ErrorObject) {
        let mut out = Vec::new();
        self.endpoint.ready.encoder.error(&mut out, id, error);
        self.replies.push(out);
    }

    fn reply(&mut self, id: &RequestId, method: Option<Method>, outcome: Finished) {
        let reply = self.endpoint.reply(&self.session, &self.offering, id, method, outcome);
        self.replies.push(reply);
    }

    fn finish(self) -> Pending {
        let Self { endpoint, session, open, offering, is_batch, outbox, replies, waiting, .. } = self;
        if let Some(refused) = self.refused {
            return refused.into();
        }
        let outbox = outbox.into_inner();
        let Some(outbox) = outbox.filter(|outbox| !(waiting.is_empty() && outbox.is_empty())) else {
            return match whole(replies, is_batch) {
                Some(message) => Answer::message(StatusCode::OK, message).into(),
                None => Answer::empty(StatusCode::ACCEPTED).into(),
            };
        };
        let answered = Answered { replies, waiting, is_batch };
        Pending::Posted(Driver::begin(endpoint.clone(), session, offering, outbox, answered, open))
    }
}
