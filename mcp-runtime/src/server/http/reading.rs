//! The body of an answer that reads one event stream of a session.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use tokio::time::sleep;

use super::Endpoint;
use super::answer::Answer;
use super::events::StoredEvent;
use super::session::{Open, Session};
use super::stream::{EventId, Read, STANDALONE, Stream};
use crate::transport::http::sse;

struct Reading {
    endpoint: Arc<Endpoint>,
    session: Arc<Session>,
    stream: Arc<Stream>,
    reader: u64,
    first: Option<Vec<u8>>,
    /// The numbers of the events between which are those that only the store has.
    missed: Option<(u64, u64)>,
    _open: Open,
}

/// After so many milliseconds a client comes back that lost its connection.
const RETRY: u64 = 1000;

/// Answers with the events of a stream: those after `after`, or those that were not read yet.
pub(super) fn events(
    endpoint: &Arc<Endpoint>,
    session: &Arc<Session>,
    stream: &Arc<Stream>,
    after: Option<u64>,
    open: Open,
) -> Answer {
    let (reader, gone) = stream.begin_reading(after);
    let missed = after.filter(|after| *after < gone).map(|after| (after, gone));
    let mut first = Vec::new();
    // Clients of older revisions take an event without a message for a message.
    if session.legacy.revision.has_primed_streams() && after.is_none() {
        let event = if stream.number == STANDALONE { stream.last() } else { 0 };
        sse::prime(&mut first, &EventId { stream: stream.number, event }, RETRY);
    } else {
        // The head of the answer is sent with the first piece of the body.
        first.extend_from_slice(sse::KEEP_ALIVE);
    }
    let (endpoint, session, stream) = (endpoint.clone(), session.clone(), stream.clone());
    let reading = Reading { endpoint, session, stream, reader, first: Some(first), missed, _open: open };
    let events = stream::unfold(reading, |mut reading| async move {
        let bytes = match reading.first.take() {
            Some(first) => Bytes::from(first),
            None => reading.next().await?,
        };
        Some((bytes, reading))
    });
    Answer::events(Box::pin(events))
}

impl Reading {
    async fn next(&mut self) -> Option<Bytes> {
        let settings = &self.endpoint.settings;
        let store = settings.sessions.store.as_deref();
        if let (Some((after, gone)), Some(store)) = (self.missed.take(), store) {
            let mut missed = store.after(&self.session.id, self.stream.number, after).await;
            missed.retain(|event| event.number <= gone);
            if !missed.is_empty() {
                return Some(joined(&missed));
            }
        }
        // What the store has need not be kept twice.
        let keep = if store.is_some() { 0 } else { settings.sessions.event_bytes };
        loop {
            let filled = self.stream.filled.notified();
            if self.stream.number == STANDALONE {
                self.session.take_changes(&self.endpoint.ready.encoder);
            }
            match self.stream.read(self.reader, keep) {
                Read::Events(events) => {
                    if let Some(store) = store {
                        for event in &events {
                            store.append(&self.session.id, self.stream.number, event.clone()).await;
                        }
                    }
                    return Some(joined(&events));
                }
                Read::Over => return None,
                Read::Nothing => {}
            }
            tokio::select! {
                () = filled => {}
                () = sleep(settings.keep_alive) => return Some(Bytes::from_static(sse::KEEP_ALIVE)),
                // A call still says what came of it; nothing more happens on a stream of its own.
                () = self.endpoint.ready.lifespan.stop.cancelled(), if self.stream.number == STANDALONE => return None,
            }
        }
    }
}

fn joined(events: &[StoredEvent]) -> Bytes {
    match events {
        [event] => event.bytes.clone(),
        events => events.iter().flat_map(|event| event.bytes.iter().copied()).collect(),
    }
}
