//! Event streams of a session: what is said on one is kept for a while, for a client that lost its connection
//! ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::events::StoredEvent;
use crate::transport::http::sse;

/// While more than this was not read, whoever has more to say waits.
const UNREAD: usize = 1 << 20;

/// The number of the stream that belongs to no request.
pub(super) const STANDALONE: u64 = 0;

/// The name of an event: of its stream, and its number there. The one before the first is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventId {
    pub(super) stream: u64,
    pub(super) event: u64,
}

impl EventId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (stream, event) = text.split_once('-')?;
        Some(Self { stream: stream.parse().ok()?, event: event.parse().ok()? })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream, self.event)
    }
}

pub(super) struct Stream {
    pub(super) number: u64,
    state: Mutex<State>,
    /// There is something to read.
    pub(super) filled: Notify,
    /// Something was read.
    emptied: Notify,
}

#[derive(Default)]
struct State {
    /// The last events, the oldest first; each as it is written.
    events: VecDeque<Bytes>,
    bytes: usize,
    /// The number of the last event.
    last: u64,
    /// The number of the last one that was read, and how many bytes were not.
    read: u64,
    unread: usize,
    /// Nothing more comes.
    is_over: bool,
    /// The client is to come back for what comes.
    is_paused: bool,
    /// Whether an answer has begun to be events.
    are_events: bool,
    /// All there is to say, as one message: what can be answered without events.
    whole: Option<Vec<u8>>,
    /// Who reads at the moment: the one who came last.
    reader: u64,
}

/// What somebody who reads finds.
pub(super) enum Read {
    Events(Vec<StoredEvent>),
    /// There is nothing at the moment.
    Nothing,
    /// There is nothing more to read here.
    Over,
}

impl Stream {
    pub(super) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self { number, state: Mutex::default(), filled: Notify::new(), emptied: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something; `write` appends the message.
    pub(super) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        state.last += 1;
        state.are_events = true;
        let mut event = Vec::new();
        sse::event(&mut event, Some(&EventId { stream: self.number, event: state.last }), write);
        state.bytes += event.len();
        state.unread += event.len();
        state.events.push_back(event.into());
        drop(state);
        self.filled.notify_one();
    }

    /// Waits for [room](Self::has_room).
    pub(super) async fn room(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.has_room() {
                return;
            }
            emptied.await;
        }
    }

    /// Whether not too much is unread, or nobody will read it.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        state.unread < UNREAD || state.is_over
    }

    /// Whether nothing was said yet.
    pub(super) fn is_fresh(&self) -> bool {
        let state = self.lock();
        !state.are_events && !state.is_over
    }

    /// Says all there is to say, at once.
    pub(super) fn finish_with(&self, message: Vec<u8>) {
        {
            let mut state = self.lock();
            if !state.are_events {
                state.whole = Some(message);
                state.is_over = true;
                drop(state);
                return self.end();
            }
        }
        // Meanwhile it became a stream.
        self.push(|out| out.extend_from_slice(&message));
        self.end();
    }

    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.emptied.notify_waiters();
        self.filled.notify_one();
    }

    /// Sends its client away until it asks again.
    pub(super) fn pause(&self) {
        let mut state = self.lock();
        state.is_paused = true;
        state.are_events = true;
        drop(state);
        self.filled.notify_one();
    }

    /// Waits until it is known whether there are events, or one message.
    pub(super) async fn begun(&self) {
        loop {
            let filled = self.filled.notified();
            {
                let state = self.lock();
                if state.are_events || state.is_over {
                    return;
                }
            }
            filled.await;
        }
    }

    /// The one message, if it is one; else there are events from now on.
    pub(super) fn take_whole(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        state.are_events = state.whole.is_none();
        state.whole.take()
    }

    /// Reads from now on, and nobody else does, from the event after this one; or from the first one that was not
    /// read. Says who reads, and the number of the last event that is not kept here.
    pub(super) fn begin_reading(&self, after: Option<u64>) -> (u64, u64) {
        let mut state = self.lock();
        state.reader += 1;
        if let Some(after) = after {
            state.is_paused = false;
            let first = state.last - state.events.len() as u64;
            state.read = after.clamp(first, state.last);
            let kept = (state.read - first) as usize;
            state.unread = state.events.iter().skip(kept).map(Bytes::len).sum();
        }
        let (reader, gone) = (state.reader, state.last - state.events.len() as u64);
        drop(state);
        // Whoever read before is done.
        self.filled.notify_waiters();
        self.filled.notify_one();
        (reader, gone)
    }

    /// What was not read yet. Of what was, as much as this is kept.
    pub(super) fn read(&self, reader: u64, keep: usize) -> Read {
        let mut state = self.lock();
        if state.reader != reader {
            return Read::Over;
        }
        let first = state.last - state.events.len() as u64;
        let skipped = (state.read - first) as usize;
        let unread = state.events.iter().skip(skipped).zip(state.read + 1..);
        let out: Vec<_> = unread.map(|(bytes, number)| StoredEvent { number, bytes: bytes.clone() }).collect();
        state.read = state.last;
        state.unread = 0;
        while state.bytes > keep
            && let Some(event) = state.events.pop_front()
        {
            state.bytes -= event.len();
        }
        let over = state.is_over || state.is_paused;
        drop(state);
        self.emptied.notify_waiters();
        match out.is_empty() {
            false => Read::Events(out),
            true if over => Read::Over,
            true => Read::Nothing,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let state = self.lock();
        state.bytes + state.whole.as_ref().map_or(0, Vec::len)
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    pub(super) fn last(&self) -> u64 {
        self.lock().last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(stream: &Stream, text: &str) {
        stream.push(|out| out.extend_from_slice(text.as_bytes()));
    }

    fn read(stream: &Stream, reader: u64) -> Option<String> {
        match stream.read(reader, 60) {
            Read::Events(events) => {
                Some(events.iter().map(|event| String::from_utf8(event.bytes.to_vec()).unwrap()).collect())
            }
            Read::Nothing => Some(String::new()),
            Read::Over => None,
        }
    }

    #[test]
    fn who_comes_back_reads_on_from_where_it_was() {
        let stream = Stream::new(3);
        let (reader, _) = stream.begin_reading(None);
        say(&stream, "one");
        say(&stream, "two");
        assert_eq!(read(&stream, reader).unwrap(), "id: 3-1\ndata: one\n\nid: 3-2\ndata: two\n\n");
        assert_eq!(read(&stream, reader).unwrap(), "");
        say(&stream, "three");
        let (again, _) = stream.begin_reading(Some(1));
        assert_eq!(read(&stream, reader), None, "only one reads");
        assert_eq!(read(&stream, again).unwrap(), "id: 3-2\ndata: two\n\nid: 3-3\ndata: three\n\n");
        stream.end();
        assert_eq!(read(&stream, again), None);
    }

    #[test]
    fn what_was_read_is_kept_up_to_a_limit() {
        let stream = Stream::new(0);
        let (reader, _) = stream.begin_reading(None);
        for number in 0..100 {
            say(&stream, &number.to_string());
        }
        read(&stream, reader);
        assert!(stream.bytes() <= 60);
        let (again, _) = stream.begin_reading(Some(0));
        let kept = read(&stream, again).unwrap();
        assert!(kept.ends_with("id: 0-100\ndata: 99\n\n") && kept.starts_with("id: 0-"), "{kept}");
        // What is not read is kept whatever it takes.
        let stream = Stream::new(0);
        (0..100).for_each(|number| say(&stream, &number.to_string()));
        let (reader, _) = stream.begin_reading(None);
        assert!(read(&stream, reader).unwrap().starts_with("id: 0-1\n"));
    }
}
