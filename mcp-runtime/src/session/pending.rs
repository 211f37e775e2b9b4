//! What is in flight on a connection, both ways. A call that completes at its first poll is
//! never entered here.

use std::collections::HashMap;

use crate::engine::Cancel;
use crate::protocol::{Answered, OnAnswer, ProtocolVersion, RequestId};

/// Tells the requests of a connection apart, also those that reuse an id.
pub(crate) type Key = u64;

/// A request that was not answered yet.
pub(crate) struct InFlight {
    pub(crate) id: RequestId,
    pub(crate) revision: ProtocolVersion,
    pub(crate) cancel: Cancel,
    /// The batch that it came in.
    pub(crate) batch: Option<Key>,
}

/// Requests of the client that were not answered yet.
#[derive(Default)]
pub(crate) struct InFlightCalls {
    calls: HashMap<Key, InFlight>,
    by_id: HashMap<RequestId, Key>,
}

impl InFlightCalls {
    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(crate) fn has_id(&self, id: &RequestId) -> bool {
        !self.by_id.is_empty() && self.by_id.contains_key(id)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&InFlight> {
        self.calls.get(&key)
    }

    pub(crate) fn insert(&mut self, key: Key, call: InFlight) {
        self.by_id.insert(call.id.clone(), key);
        self.calls.insert(key, call);
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<InFlight> {
        let call = self.calls.remove(&key)?;
        self.by_id.remove(&call.id);
        Some(call)
    }

    pub(crate) fn remove_id(&mut self, id: &RequestId) -> Option<InFlight> {
        let key = *self.by_id.get(id)?;
        self.remove(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &InFlight> {
        self.calls.values()
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = InFlight> {
        self.by_id.clear();
        self.calls.drain().map(|(_, call)| call)
    }
}

/// Requests of ours that the client did not answer yet.
#[derive(Default)]
pub(crate) struct Asked {
    next: i64,
    waiting: HashMap<i64, OnAnswer>,
}

impl Asked {
    /// Gives a request its id.
    pub(crate) fn insert(&mut self, on_answer: OnAnswer) -> RequestId {
        self.next += 1;
        self.waiting.insert(self.next, on_answer);
        RequestId::Number(self.next)
    }

    /// Hands an answer to whoever asked. An answer that nobody waits for is dropped.
    pub(crate) fn answer(&mut self, id: &RequestId, answer: Answered) {
        let on_answer = match id {
            RequestId::Number(id) => self.waiting.remove(id),
            RequestId::String(_) => None,
        };
        match on_answer {
            Some(on_answer) => on_answer(answer),
            None => tracing::debug!(%id, "an answer came that nobody waits for"),
        }
    }
}
