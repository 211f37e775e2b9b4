//! The stream of what belongs to no request ([specification]): changes, and what a server asks by itself.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server

use std::sync::Arc;

use reqwest::StatusCode;
use tokio::time::sleep;

use super::answer::Answer;
use super::events::Place;
use super::legacy::RETRY;
use super::session::{self, Session};
use super::{ATTEMPTS, Shared, backoff};
use crate::error::ErrorKind;
use crate::transport::http::headers;

/// Reads it from now on, for as long as the session lasts.
pub(super) fn begin(shared: &Arc<Shared>, session: Session) {
    let (this, stop) = (shared.clone(), shared.stop.clone());
    let reading = shared.spawn(async move {
        stop.run_until_cancelled(read(&this, session)).await;
        // There is nothing more to wait for.
        this.sessions.is_listening();
    });
    shared.sessions.stands(reading.abort_handle());
}

async fn read(shared: &Arc<Shared>, session: Session) {
    let (mut place, mut failures, mut is_open, mut has_gap) = (Place::default(), 0, false, false);
    loop {
        let mut headers = session.headers(shared);
        if let Some(last) = &place.last {
            headers.insert(&headers::LAST_EVENT_ID, last.clone());
        }
        let answer = match shared.sender.get(headers).await {
            Ok(response) => shared.answer(response).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(Answer::Events(mut events)) => {
                shared.sessions.is_listening();
                if has_gap {
                    shared.incoming.changes().missed();
                }
                (is_open, failures) = (true, 0);
                while let Some(event) = events.next(&mut place).await {
                    match event {
                        Ok(event) => event
                            .message()
                            .into_iter()
                            .for_each(|message| shared.incoming.hear(message, shared.anywhere())),
                        Err(error) if error.kind() == ErrorKind::Io => break,
                        Err(error) => {
                            tracing::warn!(
                                error = &error as &dyn std::error::Error,
                                "the server's stream is not right"
                            );
                            return;
                        }
                    }
                }
                // Without a name for where it was, what came meanwhile is lost.
                has_gap = place.last.is_none();
                sleep(place.retry.unwrap_or(RETRY)).await;
                continue;
            }
            Ok(Answer::Refused(refusal))
                if is_open && refusal.status == StatusCode::NOT_FOUND && session.id.is_some() =>
            {
                if let Err(error) = session::renew(shared, session.number).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the session is lost");
                }
                // The new one has its own stream.
                return;
            }
            // What it was asked for is not kept any more.
            Ok(Answer::Refused(refusal))
                if is_open && refusal.status == StatusCode::BAD_REQUEST && place.last.is_some() =>
            {
                (place.last, has_gap) = (None, true);
                continue;
            }
            Ok(Answer::Refused(refusal)) if !refusal.may_pass() => {
                // It has none; or not any more.
                tracing::debug!(status = %refusal.status, "the server has no stream of its own");
                return;
            }
            Ok(Answer::Refused(refusal)) => {
                tracing::debug!(status = %refusal.status, "the server's stream is not there");
                if let Some(time) = refusal.retry_after {
                    sleep(time).await;
                }
            }
            Ok(Answer::Message(_) | Answer::Nothing) => return,
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "the server's stream was lost"),
        }
        if !is_open && failures >= ATTEMPTS {
            return;
        }
        sleep(backoff(failures)).await;
        failures += 1;
    }
}
