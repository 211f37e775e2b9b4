//! Requests of the legacy era, in a session: their event streams can be come back to, and servers ask on them
//! ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::answer::{Answer, Refusal};
use super::events::{Events, Place};
use super::session::{self, Session};
use super::{ATTEMPTS, FAREWELL, Shared, backoff, is, sse, standalone, unanswered};
use crate::client::wire::closed;
use crate::error::{Error, ErrorKind};
use crate::protocol::{ErrorCode, Method};
use crate::transport::http::headers;

/// How long to wait before asking for the rest of a stream, if the server does not say.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// How long to wait at least where that has brought nothing.
const LEAST: Duration = Duration::from_millis(100);

/// What came of a request in one session.
pub(super) enum Attempt {
    Answered,
    /// The server does not know the session any more.
    Lost {
        /// Whether the request may have been carried out.
        has_begun: bool,
    },
}

/// Makes a request, in a new session if that is lost.
pub(super) async fn request(shared: Arc<Shared>, id: i64, message: Value) -> Result<(), Error> {
    let method = message["method"].as_str().unwrap_or_default();
    shared.sessions.note(&message);
    let mut session = match is(&message, Method::Initialize) {
        true => Session::default(),
        false => shared.sessions.current(),
    };
    if let Attempt::Lost { has_begun } = attempt(&shared, id, &message, &session).await? {
        session::renew(&shared, session.number).await?;
        // What only reads can be asked for twice.
        if has_begun && is(&message, Method::ToolsCall) {
            let text = format!("the server has lost the session in the middle of `{method}`, which may have been done");
            return Err(Error::new(ErrorKind::Closed, text));
        }
        session = shared.sessions.current();
        if let Attempt::Lost { .. } = attempt(&shared, id, &message, &session).await? {
            let text = format!("the server has lost two sessions in a row, the last one at `{method}`");
            return Err(Error::new(ErrorKind::Closed, text));
        }
    }
    Ok(())
}

/// Makes a request that belongs to a session with a server.
pub(super) async fn attempt(
    shared: &Arc<Shared>,
    id: i64,
    message: &Value,
    session: &Session,
) -> Result<Attempt, Error> {
    let method = message["method"].as_str().unwrap_or_default();
    let initializes = is(message, Method::Initialize);
    if session.endpoint.is_some() {
        // The answer comes on the stream.
        return sse::post(shared, message, session).await.map(|()| Attempt::Answered);
    }
    let headers = if initializes { HeaderMap::new() } else { session.headers(shared) };
    let response = shared.post(shared.sender.url(), headers, Bytes::from(message.to_string())).await?;
    let named = response.headers().get(&headers::SESSION_ID).cloned();
    match shared.answer(response).await? {
        Answer::Refused(refusal) if is_lost(&refusal, session) => return Ok(Attempt::Lost { has_begun: false }),
        Answer::Refused(refusal) if initializes && may_be_older(&refusal) => {
            if !sse::connect(shared).await? {
                return Err(refusal.into_error(method));
            }
            sse::post(shared, message, &shared.sessions.current()).await?;
        }
        Answer::Refused(refusal) => return Err(refusal.into_error(method)),
        Answer::Nothing => return Err(unanswered(method)),
        Answer::Message(body) => {
            if initializes {
                shared.sessions.begin(named);
            }
            shared.hear_answer(id, method, &body, Some(&shared.reply))?;
        }
        Answer::Events(events) if initializes => {
            shared.sessions.begin(named);
            return follow(shared, id, method, events, &shared.sessions.current()).await;
        }
        Answer::Events(events) => return follow(shared, id, method, events, session).await,
    }
    Ok(Attempt::Answered)
}

/// Whether the server does not know the session any more.
fn is_lost(refusal: &Refusal, session: &Session) -> bool {
    // Some servers say it of a method, too.
    let is_method = refusal.error.as_ref().is_some_and(|error| error.code == ErrorCode::MethodNotFound);
    session.id.is_some() && refusal.status == StatusCode::NOT_FOUND && !is_method
}

/// Whether a server that answers a handshake like this may be one of 2024-11-05.
fn may_be_older(refusal: &Refusal) -> bool {
    matches!(refusal.status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
}

/// Reads an event stream up to the answer, over as many connections as it takes.
async fn follow(
    shared: &Arc<Shared>,
    id: i64,
    method: &str,
    mut events: Events,
    session: &Session,
) -> Result<Attempt, Error> {
    let (mut place, mut failures, mut brings_nothing) = (Place::default(), 0, false);
    loop {
        let before = place.last.clone();
        let read = shared.read(id, events, &mut place, Some(&shared.reply)).await?;
        if read.is_answered {
            return Ok(Attempt::Answered);
        }
        if read.has_message || place.last != before {
            (failures, brings_nothing) = (0, false);
        } else if before.is_some() {
            brings_nothing = true;
        }
        if read.error.is_some() {
            failures += 1;
        }
        let mut lost = read.lost(method);
        events = loop {
            let Some(last) = place.last.clone().filter(|_| failures <= ATTEMPTS) else { return Err(lost) };
            let wait = place.retry.unwrap_or(RETRY);
            sleep(match failures {
                0 | 1 if brings_nothing => wait.max(LEAST),
                0 | 1 => wait,
                failures => wait.max(backoff(failures - 2)),
            })
            .await;
            let mut headers = session.headers(shared);
            headers.insert(&headers::LAST_EVENT_ID, last);
            let answer = match shared.sender.get(headers).await {
                Ok(response) => shared.answer(response).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(Answer::Events(events)) => break events,
                Ok(Answer::Refused(refusal)) if is_lost(&refusal, session) => {
                    return Ok(Attempt::Lost { has_begun: true });
                }
                Ok(Answer::Refused(refusal)) if !refusal.may_pass() => {
                    return Err(closed(method).with_source(refusal.into_error(method)));
                }
                Ok(Answer::Refused(refusal)) => lost = refusal.into_error(method),
                Ok(Answer::Message(_) | Answer::Nothing) => return Err(unanswered(method)),
                Err(error) if error.kind() == ErrorKind::Io => lost = error,
                Err(error) => return Err(error),
            }
            failures += 1;
        };
    }
}

/// Sends what has no answer.
pub(super) async fn send(shared: Arc<Shared>, message: Value) {
    let session = shared.sessions.current();
    let sent = match session.endpoint.is_some() {
        true => sse::post(&shared, &message, &session).await,
        false => {
            let body = Bytes::from(message.to_string());
            match shared.post(shared.sender.url(), session.headers(&shared), body).await {
                // What else it says does not matter.
                Ok(response) if response.status().is_success() => Ok(()),
                Ok(response) => match shared.answer(response).await {
                    Ok(Answer::Refused(refusal)) => Err(refusal.into_error("a message without an answer")),
                    _ => Ok(()),
                },
                Err(error) => Err(error),
            }
        }
    };
    if let Err(error) = sent {
        let method = message["method"].as_str();
        tracing::warn!(method, error = &error as &dyn std::error::Error, "the server did not take a message");
    }
    if is(&message, Method::NotificationsInitialized) && session.endpoint.is_none() {
        standalone::begin(&shared, session);
    }
}

/// Ends the session, if there is one.
pub(super) async fn end(shared: Arc<Shared>) {
    let session = shared.sessions.take();
    if session.id.is_none() || session.endpoint.is_some() {
        return;
    }
    match timeout(FAREWELL, shared.sender.delete(session.headers(&shared))).await {
        Ok(Ok(response)) => tracing::debug!(status = %response.status(), "the session was ended"),
        Ok(Err(error)) => tracing::debug!(%error, "the session could not be ended"),
        Err(_) => tracing::debug!("the server did not end the session in time"),
    }
}
