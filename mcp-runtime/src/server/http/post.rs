//! One POST: its body is read, and brought to those who serve its era.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::FutureExt as _;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::answer::Answer;
use super::session::{Session, lock};
use super::{Endpoint, legacy, modern};
use crate::codec::{Glimpse, Incoming, Malformed, glimpse, parse};
use crate::protocol::{ErrorObject, Method, Params, ProtocolVersion, keys};
use crate::transport::http::headers;

impl Endpoint {
    pub(super) async fn post<B>(self: Arc<Self>, parts: Parts, body: B) -> Answer
    where
        B: Body + Send,
        B::Data: Buf,
        B::Error: fmt::Display,
    {
        if let Err(answer) = is_message(&parts.headers) {
            return answer;
        }
        if parts.headers.get(CONTENT_LENGTH).is_some_and(|length| self.is_too_long(length)) {
            return self.refuse_long(parts, body).await;
        }
        if self.ready.lifespan.stop.is_cancelled() {
            return Answer::busy("the server is shutting down");
        }
        if let Err(error) = self.ready.lifespan.start().await {
            tracing::error!(%error, "the server did not start");
            return Answer::busy("the server did not start");
        }
        match self.read(body).await {
            Ok(body) => self.serve(parts, &body).await,
            Err(Unread::TooLong(head)) => {
                if let Some(session) = self.session_of(parts) {
                    self.tell_of_long(&session, &head);
                }
                self.refused_long()
            }
            Err(other) => self.unread(other),
        }
    }

    async fn serve(self: Arc<Self>, parts: Parts, body: &[u8]) -> Answer {
        let pending = {
            if body.trim_ascii_start().starts_with(b"[") {
                legacy::batch(&self, parts, body)
            } else {
                match parse(body) {
                    Ok(Incoming::Request { id, method, params })
                        if let Err(error) = is_short(&method, body, params.as_ref()) =>
                    {
                        return Answer::error(StatusCode::PAYLOAD_TOO_LARGE, Some(&id), &error);
                    }
                    Ok(message) if is_modern(&parts.headers, &message) => modern::post(&self, parts, message),
                    Ok(message) => legacy::post(&self, parts, message),
                    Err(Malformed { id, error }) => {
                        return Answer::error(StatusCode::BAD_REQUEST, id.as_ref(), &error);
                    }
                }
            }
        };
        pending.finish().await
    }

    fn is_too_long(&self, length: &HeaderValue) -> bool {
        let length = length.to_str().ok().and_then(|length| length.parse::<u64>().ok());
        length.is_some_and(|length| length > self.settings.body_bytes as u64)
    }

    fn too_long(&self) -> ErrorObject {
        ErrorObject::invalid_request(format!("the message is longer than {} bytes", self.settings.body_bytes))
    }

    fn refused_long(&self) -> Answer {
        Answer::error(StatusCode::PAYLOAD_TOO_LARGE, None, &self.too_long())
    }

    /// Refuses a message that says that it is too long.
    async fn refuse_long<B>(&self, parts: Parts, body: B) -> Answer
    where
        B: Body + Send,
        B::Data: Buf,
    {
        let Some(session) = self.session_of(parts) else { return self.refused_long() };
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

    fn session_of(&self, parts: Parts) -> Option<Arc<Session>> {
        let parts = Arc::new(parts);
        let extensions = self.ready.extensions.clone().with_request(parts.clone());
        self.session(&parts.headers, &extensions).ok()
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
            None => timeout(self.settings.body_time, whole).await.unwrap_or(Err(Unread::TooSlow)),
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
    while let Some(frame) = body.frame().await {
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
fn is_short(method: &str, body: &[u8], params: Option<&Params<'_>>) -> Result<(), ErrorObject> {
    const SHORT: usize = 64 << 10;
    let longest = match Method::from_name(method) {
        Some(Method::Initialize | Method::ResourcesSubscribe) => SHORT,
        // It names what it listens to.
        Some(Method::SubscriptionsListen) => 1 << 20,
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
fn is_message(headers: &HeaderMap) -> Result<(), Answer> {
    let unsupported = |message| Err(Answer::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    let is_json = |it: &HeaderValue| it == headers::JSON || media_type(it).eq_ignore_ascii_case(headers::JSON);
    if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
        return unsupported("`Content-Type` must be `application/json`");
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return unsupported("compressed requests are not served; leave out `Content-Encoding`");
    }
    // As the specification writes it, so that nothing need be taken apart.
    let is_usual = headers.get(ACCEPT).is_some_and(|it| it == "application/json, text/event-stream");
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

fn media_type(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// Whether a message is one of the modern era: it says so itself, or its headers do.
fn is_modern(headers: &HeaderMap, message: &Incoming<'_>) -> bool {
    let by_header = || {
        let version = headers.get(&headers::PROTOCOL_VERSION).and_then(|version| version.to_str().ok());
        // Versions are dates; what comes later is not older.
        version.is_some_and(|version| match version.parse::<ProtocolVersion>() {
            Ok(version) => version.is_modern(),
            Err(_) => version > ProtocolVersion::LATEST_LEGACY.as_str(),
        })
    };
    match message {
        Incoming::Request { method, params, .. } => {
            let meta = params.as_ref().and_then(Params::meta);
            let says_it = meta.is_some_and(|meta| meta.get(keys::PROTOCOL_VERSION).is_some());
            match Method::from_name(method) {
                _ if says_it => true,
                Some(Method::ServerDiscover) => true,
                Some(Method::Initialize) => false,
                _ => by_header(),
            }
        }
        _ => by_header(),
    }
}
