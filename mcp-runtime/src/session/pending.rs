//! What is in flight on a connection, both ways. A call that completes at its first poll is
//! never entered here.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::engine::Cancel;
use crate::protocol::{Answered, Method, OnAnswer, ProtocolVersion, RequestId};
use crate::subscription::Subscription;

/// Tells the requests of a connection apart, also those that reuse an id.
pub(crate) type Key = u64;

/// A request that was not answered yet.
pub(crate) struct InFlight {
    pub(crate) id: RequestId,
    pub(crate) revision: ProtocolVersion,
    pub(crate) method: Option<Method>,
    pub(crate) pending: Pending,
    /// The batch that it came in.
    pub(crate) batch: Option<Key>,
}

/// What a request that was not answered yet waits for.
pub(crate) enum Pending {
    /// The end of a call.
    Call(Cancel),
    /// Nothing: it lasts until one of the two ends it.
    Listen(Subscription),
}

impl Pending {
    /// Ends it. Who listens does so until this is dropped.
    pub(crate) fn cancel(&self) {
        if let Self::Call(cancel) = self {
            cancel.cancel();
        }
    }

    pub(crate) fn client_is_gone(&self) {
        if let Self::Call(cancel) = self {
            cancel.client_is_gone();
        }
    }
}

/// Requests of the client that were not answered yet.
#[derive(Default)]
pub(crate) struct InFlightCalls {
    calls: HashMap<Key, InFlight, RandomState>,
    /// Their ids are the client's to choose: this one is hashed so that they cannot be chosen badly.
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

    pub(crate) fn remove_id(&mut self, id: &RequestId) -> Option<(Key, InFlight)> {
        let key = *self.by_id.get(id)?;
        self.remove(key).map(|call| (key, call))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &InFlight> {
        self.calls.values()
    }

    /// Takes out those who listen, in the order in which they came.
    pub(crate) fn take_listening(&mut self) -> Vec<InFlight> {
        let listens = |(key, call): (&Key, &InFlight)| matches!(call.pending, Pending::Listen(_)).then_some(*key);
        let mut keys: Vec<Key> = self.calls.iter().filter_map(listens).collect();
        keys.sort_unstable();
        keys.into_iter().filter_map(|key| self.remove(key)).collect()
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
    waiting: HashMap<i64, Waiting, RandomState>,
    /// The ids, by the call that asks and the number of its question.
    by_question: BTreeMap<(Key, usize), i64>,
}

struct Waiting {
    question: (Key, usize),
    on_answer: OnAnswer,
}

impl Asked {
    /// Gives a request its id.
    pub(crate) fn insert(&mut self, call: Key, question: usize, on_answer: OnAnswer) -> RequestId {
        self.next += 1;
        let question = (call, question);
        self.waiting.insert(self.next, Waiting { question, on_answer });
        self.by_question.insert(question, self.next);
        RequestId::Number(self.next)
    }

    /// Hands an answer to whoever asked. An answer that nobody waits for is dropped.
    pub(crate) fn answer(&mut self, id: &RequestId, answer: Answered) {
        let waiting = match id {
            RequestId::Number(id) => self.waiting.remove(id),
            RequestId::String(_) => None,
        };
        match waiting {
            Some(Waiting { question, on_answer }) => {
                self.by_question.remove(&question);
                on_answer(answer);
            }
            None => tracing::debug!(%id, "an answer came that nobody waits for"),
        }
    }

    /// Forgets a question; says the id of its request if that was not answered yet.
    pub(crate) fn withdraw(&mut self, call: Key, question: usize) -> Option<RequestId> {
        let id = self.by_question.remove(&(call, question))?;
        self.waiting.remove(&id);
        Some(RequestId::Number(id))
    }

    /// Forgets all questions of a call.
    pub(crate) fn withdraw_all(&mut self, call: Key) -> Vec<RequestId> {
        let questions: Vec<_> = self.by_question.range((call, 0)..=(call, usize::MAX)).map(|(it, _)| it.1).collect();
        questions.into_iter().filter_map(|question| self.withdraw(call, question)).collect()
    }
}
