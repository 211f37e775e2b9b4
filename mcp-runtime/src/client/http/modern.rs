//! Requests of the modern era: each is a POST, and its answer says all that there is to say of it ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::answer::Answer;
use super::events::Place;
use super::{ATTEMPTS, Shared, backoff};
use crate::error::{Error, ErrorKind};
use crate::protocol::Method;

/// How long a subscription must last to be one that works.
const LASTING: Duration = Duration::from_secs(10);

/// Makes a request, whose task is this: when it is dropped, its connection is closed, which cancels the request.
pub(super) async fn request(shared: Arc<Shared>, id: i64, message: Value) -> Result<(), Error> {
    let method = message["method"].as_str().unwrap_or_default();
    let headers = shared.mirrors.headers_of(&message);
    let body = Bytes::from(message.to_string());
    let listens = Method::from_name(method) == Some(Method::SubscriptionsListen);
    // A subscription that had begun is made again; what was missed is told when it is acknowledged once more.
    let (mut has_begun, mut failures) = (false, 0);
    loop {
        let begun = Instant::now();
        let response = shared.post(shared.sender.url(), headers.clone(), body.clone()).await;
        let answer = match response {
            Ok(response) => shared.answer(response).await,
            Err(error) => Err(error),
        };
        let mut wait = None;
        let lost = match answer {
            Ok(Answer::Events(events)) => {
                let read = shared.read(id, events, &mut Place::default(), None).await?;
                if read.is_answered {
                    return Ok(());
                }
                has_begun |= read.has_message;
                // One that ends as soon as it has begun is not made for ever.
                if read.has_message && begun.elapsed() > LASTING {
                    failures = 0;
                }
                read.lost(method)
            }
            Ok(Answer::Message(message)) => {
                return shared.hear_answer(id, method, &message, None);
            }
            Ok(Answer::Refused(refusal)) if has_begun && refusal.may_pass() => {
                wait = refusal.retry_after;
                refusal.into_error(method)
            }
            Ok(Answer::Refused(refusal)) => return Err(refusal.into_error(method)),
            Ok(Answer::Nothing) => return Err(super::unanswered(method)),
            Err(error) if error.kind() == ErrorKind::Io => error,
            Err(error) => return Err(error),
        };
        if !listens || !has_begun || failures >= ATTEMPTS {
            return Err(lost);
        }
        let wait = wait.unwrap_or_else(|| backoff(failures)).min(Duration::from_secs(300));
        tracing::debug!(error = %lost, ?wait, "a subscription was lost, and is made again");
        failures += 1;
        sleep(wait).await;
    }
}
