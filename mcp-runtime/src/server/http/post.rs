//! One POST: its body is read, and brought to those who serve its era.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::FutureExt as _;
use http::header::{ACCEPT, HeaderMap};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::answer::Answer;
use super::exchange::Pending;
use super::session::{Session, lock};
use super::{Endpoint, legacy, modern};
use crate::codec::{Glimpse, Incoming, Malformed, glimpse, parse};
use crate::protocol::{ErrorObject, Method, Params, ProtocolVersion, RequestId, keys};
use crate::transport::http::{Said, headers};

impl Endpoint {
    pub(super) async fn post<B>(self: &Arc<Self>, parts: &Arc<Parts>, said: &Said<'_>, body: B) -> Answer
    where
        B: Body + Send,
        B::Data: Buf,
        B::Error: fmt::Display,
    {
        if let Err(answer) = is_message(said, &parts.headers) {
            return answer;
        }
        // Whoever reads the body knows what its headers say of it, if nobody has changed it on the way.
        let length = body.size_hint().exact().or_else(|| said.content_length.first().and_then(length));
        if length.is_some_and(|length| length > self.settings.body_bytes as u64) {
            return Box::pin(self.refuse_long(parts, said, body)).await;
        }
        if self.ready.lifespan.stop.is_cancelled() {
            return Answer::busy("the server is shutting down");
        }
        if !self.ready.lifespan.has_started()
            && let Err(error) = Box::pin(self.ready.lifespan.start()).await
        {
            tracing::error!(%error, "the server did not start");
            return Answer::busy("the server did not start");
        }
        let pending = match self.read(body).await {
            Ok(body) => self.serve(parts, said, &body),
            Err(Unread::TooLong(head)) => {
                if let Some(session) = self.session_of(parts, said) {
                    self.tell_of_long(&session, &head);
                }
                return self.refused_long();
            }
            Err(other) => return self.unread(other),
        };
        match pending {
            Pending::Answer(answer) => answer,
            pending => Box::pin(pending.finish()).await,
        }
    }

    fn serve(self: &Arc<Self>, parts: &Arc<Parts>, said: &Said<'_>, body: &[u8]) -> Pending {
        if body.trim_ascii_start().starts_with(b"[") {
            return legacy::batch(self, parts, said, body);
        }
        let message = match parse(body) {
            Ok(message) => message,
            Err(Malformed { id, error }) => {
                return Answer::error(StatusCode::BAD_REQUEST, id.as_ref(), &error).into();
            }
        };
        let Incoming::Request { id, method, params } = &message else {
            return match is_modern_by_header(said) {
                true => modern::other(&message),
                false => legacy::post(self, parts, said, message),
            };
        };
        let (known, params) = (Method::from_name(method), params.as_ref());
        if let Err(error) = is_short(known, body, params) {
            return Answer::error(StatusCode::PAYLOAD_TOO_LARGE, Some(id), &error).into();
        }
        let request = Asking { id, method, known, params };
        match is_modern(said, &request) {
            true => modern::request(self, parts, said, &request),
            false => legacy::request(self, parts, said, &request),
        }
    }

    fn too_long(&self) -> ErrorObject {
        ErrorObject::invalid_request(format!("the message is longer than {} bytes", self.settings.body_bytes))
    }

    fn refused_long(&self) -> Answer {
        Answer::error(StatusCode::PAYLOAD_TOO_LARGE, None, &self.too_long())
    }

    /// Refuses a message that says that it is too long.
    async fn refuse_long<B>(&self, parts: &Arc<Parts>, said: &Said<'_>, body: B) -> Answer
    where
        B: Body + Send,
        B::Data: Buf,
    {
        let Some(session) = self.session_of(parts, said) else { return self.refused_long() };
        let mut body = pin!(body);
        let head: Option<Vec<u8>> = match timeout(self.settings.body_time, body.frame()).await {
            Ok(Some(Ok(frame))) => frame.into_data().ok().map(|data| data.chunk().iter().copied().take(HEAD).collect()),
            _ => None,
        };
        self.tell_of_long(&session, &head.unwrap_or_default());
        self.refused_long()
    }

    /// If a message that is too long is an answer in a session, whoever waits for it is told.
    fn tell_of_long(&self, session: &Session, head: &[u8]) {
        if let Glimpse::Response(id) = glimpse(head, &[]) {
            lock(&session.asked).answer(&id, Err(self.too_long()));
        }
    }

    fn session_of(&self, parts: &Arc<Parts>, said: &Said<'_>) -> Option<Arc<Session>> {
        let extensions = self.ready.extensions.clone().with_request(parts.clone());
        self.session(said, &extensions).ok()
    }

    /// The body of a request, whole.
    pub(super) async fn read<B>(&self, body: B) -> Result<Bytes, Unread>
    where
        B: Body + Send,
        B::Data: Buf,
        B::Error: fmt::Display,
    {
        let mut whole = pin!(gathered(body, self.settings.body_bytes));
        // Most are there already, and need no clock.
        match whole.as_mut().now_or_never() {
            Some(read) => read,
            None => Box::pin(timeout(self.settings.body_time, whole)).await.unwrap_or(Err(Unread::TooSlow)),
        }
    }

    /// The answer to a request whose body could not be read.
    pub(super) fn unread(&self, why: Unread) -> Answer {
        match why {
            Unread::TooLong(_) => self.refused_long(),
            Unread::TooSlow => Answer::refused(StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive"),
            Unread::Broken(error) => {
                tracing::debug!(error, "the body of a request could not be read");
                Answer::refused(StatusCode::BAD_REQUEST, "the body of the request could not be read")
            }
        }
    }
}

/// Why a body could not be read.
pub(super) enum Unread {
    /// It begins like this.
    TooLong(Vec<u8>),
    TooSlow,
    Broken(String),
}

/// Gathers a body. One that came in one piece, as most do, is not copied.
async fn gathered<B>(body: B, limit: usize) -> Result<Bytes, Unread>
where
    B: Body,
    B::Data: Buf,
    B::Error: fmt::Display,
{
    let mut body = pin!(body);
    let (mut first, mut whole) = (Bytes::new(), Vec::new());
    while !body.is_end_stream()
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| Unread::Broken(error.to_string()))?;
        let Ok(mut data) = frame.into_data() else { continue };
        let piece = data.copy_to_bytes(data.remaining());
        let held = if whole.is_empty() { &first[..] } else { &whole[..] };
        if held.len() + piece.len() > limit {
            return Err(Unread::TooLong(held.iter().chain(&piece).copied().take(HEAD).collect()));
        }
        if held.is_empty() {
            first = piece;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { first } else { whole.into() })
}

/// In so much of the beginning of a message senders write its id.
const HEAD: usize = 512;

/// Whether what of a request is kept for long is not long.
fn is_short(method: Option<Method>, body: &[u8], params: Option<&Params<'_>>) -> Result<(), ErrorObject> {
    const SHORT: usize = 64 << 10;
    let (method, longest) = match method {
        Some(method @ (Method::Initialize | Method::ResourcesSubscribe)) => (method.as_str(), SHORT),
        // It names what it listens to.
        Some(method @ Method::SubscriptionsListen) => (method.as_str(), 1 << 20),
        _ => return Ok(()),
    };
    let meta = params.and_then(Params::meta).into_iter().flat_map(|meta| meta.iter());
    let meta: usize = meta.map(|(name, value)| name.len() + value.get().len()).sum();
    match (body.len() <= longest, meta <= SHORT) {
        (true, true) => Ok(()),
        (false, _) => Err(ErrorObject::invalid_request(format!("a request of `{method}` may have {longest} bytes"))),
        (true, false) => Err(ErrorObject::invalid_request(format!("`_meta` of `{method}` may have {SHORT} bytes"))),
    }
}

/// Whether a request carries a message, to somebody who can read the answer.
fn is_message(said: &Said<'_>, headers: &HeaderMap) -> Result<(), Answer> {
    let unsupported = |message| Err(Answer::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    let is_json = |it: &HeaderValue| it == headers::JSON || media_type(it).eq_ignore_ascii_case(headers::JSON);
    if !said.content_type.first().is_some_and(is_json) {
        return unsupported("`Content-Type` must be `application/json`");
    }
    if said.content_encoding.first().is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return unsupported("compressed requests are not served; leave out `Content-Encoding`");
    }
    // As the specification writes it, so that nothing need be taken apart.
    let is_usual = said.accept.first().is_some_and(|it| it == "application/json, text/event-stream");
    if is_usual || (accepts(headers, headers::JSON) && accepts(headers, headers::EVENT_STREAM)) {
        return Ok(());
    }
    let message = "`Accept` must have both `application/json` and `text/event-stream`";
    Err(Answer::refused(StatusCode::NOT_ACCEPTABLE, message))
}

/// Whether the client can read this media type; one that does not say can.
pub(super) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let mut said = headers.get_all(ACCEPT).iter().peekable();
    let kind = wanted.split('/').next().unwrap_or_default();
    said.peek().is_none()
        || said.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(',')).any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim();
            range == "*/*"
                || range.eq_ignore_ascii_case(wanted)
                || range.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(kind))
        })
}

fn length(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}

fn media_type(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// A request, and which one that is.
pub(super) struct Asking<'r, 'm> {
    pub(super) id: &'r RequestId,
    pub(super) method: &'r str,
    pub(super) known: Option<Method>,
    pub(super) params: Option<&'r Params<'m>>,
}

/// Whether a request is one of the modern era: it says so itself, or its headers do.
fn is_modern(said: &Said<'_>, asking: &Asking<'_, '_>) -> bool {
    let meta = asking.params.and_then(Params::meta);
    let says_it = meta.is_some_and(|meta| meta.get(keys::PROTOCOL_VERSION).is_some());
    match asking.known {
        _ if says_it => true,
        Some(Method::ServerDiscover) => true,
        Some(Method::Initialize) => false,
        _ => is_modern_by_header(said),
    }
}

fn is_modern_by_header(said: &Said<'_>) -> bool {
    said.protocol_version.first().is_some_and(|said| match version_in(said) {
        Some(version) => version.is_modern(),
        // Versions are dates; what comes later is not older.
        None => said.to_str().is_ok_and(|version| version > ProtocolVersion::LATEST_LEGACY.as_str()),
    })
}

/// The version that a header names, if it is known.
pub(super) fn version_in(header: &HeaderValue) -> Option<ProtocolVersion> {
    ProtocolVersion::ALL.into_iter().rev().find(|version| header == version.as_str())
}
