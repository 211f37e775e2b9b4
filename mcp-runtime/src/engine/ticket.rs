//! Calls of this process that wait or run under their tickets; those that wait are bounded in
//! number, in bytes and in time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use foldhash::HashMap;
use tokio::task::AbortHandle;

use super::claim::Grant;
use super::metrics::Counters;
use super::outcomes::{AnswersDigest, RememberedOutcome};
use super::state::CallId;
use super::{Call, Outcome, Reply, RoundLimits};
use crate::protocol::{ErrorCode, ErrorObject};

/// All calls of a server that take rounds.
#[derive(Default)]
pub(super) struct Tickets {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    calls: HashMap<CallId, Entry>,
    /// Those that wait for a retry, in the order in which they make room.
    waiting: BTreeMap<u64, CallId>,
    next: u64,
    bytes: usize,
}

struct Entry {
    seat: Arc<Seat>,
    /// Its place in `waiting`, and the bytes it counts for there.
    waits: Option<(u64, usize)>,
}

impl Tickets {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a call, before its driver is started.
    pub(super) fn insert(&self, id: CallId, seat: Arc<Seat>) {
        let mut inner = self.lock();
        inner.unpark(&id);
        inner.calls.insert(id, Entry { seat, waits: None });
    }

    /// The driver of a call was started.
    pub(super) fn started(&self, id: &CallId, seat: &Arc<Seat>, driver: AbortHandle) {
        let is_there = self.lock().has(id, seat);
        _ = seat.driver.set(driver);
        if !is_there {
            // It is over already, or was evicted.
            seat.abort();
        }
    }

    pub(super) fn find(&self, id: &CallId) -> Option<Arc<Seat>> {
        self.lock().calls.get(id).map(|entry| entry.seat.clone())
    }

    /// Counts a call as parked. If there are too many, the oldest ones make room.
    pub(super) fn park(&self, id: CallId, seat: &Arc<Seat>, bytes: usize, limits: &RoundLimits, counters: &Counters) {
        let evicted = {
            let mut inner = self.lock();
            // A call that was cancelled just now may run again already.
            if !inner.has(&id, seat) {
                return;
            }
            inner.unpark(&id);
            let place = inner.next;
            inner.next += 1;
            if let Some(entry) = inner.calls.get_mut(&id) {
                entry.waits = Some((place, bytes));
                inner.waiting.insert(place, id);
                inner.bytes = inner.bytes.saturating_add(bytes);
            }
            let mut evicted = Vec::new();
            while inner.waiting.len() > limits.parked_calls || inner.bytes > limits.parked_bytes {
                let Some((_, oldest)) = inner.waiting.first_key_value() else { break };
                let oldest = *oldest;
                evicted.extend(inner.remove(&oldest));
            }
            inner.count(counters);
            evicted
        };
        counters.parked.add(1);
        if !evicted.is_empty() {
            counters.evicted.add(evicted.len() as u64);
            let (calls, bytes) = (limits.parked_calls, limits.parked_bytes);
            tracing::warn!(evicted = evicted.len(), calls, bytes, "too many parked calls: the oldest were dropped");
        }
        evicted.iter().for_each(|entry| entry.seat.abort());
    }

    /// Counts a call as running again. Returns whether it is still there.
    pub(super) fn unpark(&self, id: &CallId, seat: &Arc<Seat>, counters: &Counters) -> bool {
        let mut inner = self.lock();
        let is_there = inner.has(id, seat);
        if is_there {
            inner.unpark(id);
        }
        inner.count(counters);
        is_there
    }

    /// Forgets a call, if it is the one of this seat.
    fn forget(&self, id: &CallId, seat: &Arc<Seat>, counters: &Counters) -> Option<Entry> {
        let mut inner = self.lock();
        let forgotten = inner.has(id, seat).then(|| inner.remove(id)).flatten();
        inner.count(counters);
        forgotten
    }

    /// Drops all calls.
    pub(super) fn drop_all(&self) {
        let seats: Vec<_> = self.lock().calls.values().map(|entry| entry.seat.clone()).collect();
        seats.iter().for_each(|seat| seat.abort());
    }

    /// Forgets a call and whatever drives it.
    pub(super) fn drop_call(&self, id: &CallId, seat: &Arc<Seat>, counters: &Counters) {
        if self.forget(id, seat, counters).is_some() {
            seat.abort();
        }
    }
}

impl Inner {
    fn count(&self, counters: &Counters) {
        counters.parked_now.set(self.waiting.len() as u64);
        counters.parked_bytes.set(self.bytes as u64);
    }

    /// Whether the call of this id is the one of this seat.
    fn has(&self, id: &CallId, seat: &Arc<Seat>) -> bool {
        self.calls.get(id).is_some_and(|entry| Arc::ptr_eq(&entry.seat, seat))
    }

    fn unpark(&mut self, id: &CallId) {
        if let Some((place, bytes)) = self.calls.get_mut(id).and_then(|entry| entry.waits.take()) {
            self.waiting.remove(&place);
            self.bytes -= bytes;
        }
    }

    fn remove(&mut self, id: &CallId) -> Option<Entry> {
        self.unpark(id);
        let removed = self.calls.remove(id);
        // What many calls have taken, few need not keep.
        if self.calls.capacity() > 1024 && self.calls.len() < self.calls.capacity() / 4 {
            self.calls.shrink_to(2 * self.calls.len());
        }
        removed
    }
}

/// Forgets a call when its driver is gone, however that came about.
pub(super) struct Registration {
    pub(super) tickets: Weak<Tickets>,
    pub(super) counters: Arc<Counters>,
    pub(super) id: CallId,
    pub(super) seat: Arc<Seat>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(tickets) = self.tickets.upgrade() {
            tickets.forget(&self.id, &self.seat, &self.counters);
        }
        // However the driver ended, nobody waits for it for ever.
        let gone = ErrorObject::new(ErrorCode::InternalError, "the call was dropped by the server");
        let (waiting, grant) = {
            let mut state = self.seat.lock();
            state.gone = true;
            (state.end_round(), state.grant.take())
        };
        // Given back without the lock: the store is not ours.
        drop(grant);
        for reply in waiting {
            reply(Outcome::Complete(Err(gone.clone())));
        }
    }
}

/// Where retries and the driver of a call meet.
pub(super) struct Seat {
    pub(super) call: Arc<Call>,
    state: Mutex<SeatState>,
    /// There as soon as the driver was started.
    driver: OnceLock<AbortHandle>,
}

#[derive(Default)]
pub(super) struct SeatState {
    /// How many rounds have ended with questions; the ticket of the last one carries it.
    pub(super) round: u32,
    /// A request waits for the outcome of the round.
    pub(super) open: bool,
    /// Answers came in and the future was not polled since.
    pub(super) fresh: bool,
    /// The driver has given up the call.
    pub(super) gone: bool,
    /// Who waits, each under a number by which it can give up.
    replies: Vec<(u64, Reply)>,
    next_reply: u64,
    /// The answers that opened the round.
    pub(super) opened_by: Option<AnswersDigest>,
    /// The ticket of the round is ours until its outcome is there.
    pub(super) grant: Option<Grant>,
    /// The call completed between rounds; the next retry gets it.
    pub(super) early: Option<Arc<RememberedOutcome>>,
}

impl SeatState {
    /// Of a call that runs again, for a round that these answers began.
    pub(super) fn again(round: u32, answers: AnswersDigest) -> Self {
        Self { round, opened_by: Some(answers), ..Self::default() }
    }

    fn wait(&mut self, reply: Reply) -> u64 {
        let number = self.next_reply;
        self.next_reply += 1;
        self.replies.push((number, reply));
        number
    }

    /// Opens a round; `reply` waits for its outcome.
    pub(super) fn open(&mut self, reply: Reply) -> u64 {
        self.open = true;
        self.wait(reply)
    }

    /// Whoever repeats the request whose answers are running waits with it.
    pub(super) fn join(&mut self, round: u32, answers: AnswersDigest, reply: &mut Option<Reply>) -> Option<u64> {
        if !self.open || round != self.round || self.opened_by != Some(answers) {
            return None;
        }
        reply.take().map(|reply| self.wait(reply))
    }

    /// Nobody waits under this number any more. Whether the call must go on all the same.
    pub(super) fn give_up(&mut self, number: u64) -> bool {
        let before = self.replies.len();
        self.replies.retain(|(it, _)| *it != number);
        // One that is not there was answered already, and the call is no longer its own.
        if before == self.replies.len() || !self.replies.is_empty() {
            return true;
        }
        // From now on nobody joins it. Its ticket is given back when its future is gone.
        self.gone = true;
        self.open = false;
        false
    }

    /// The outcome of the round is there; those who wait for it.
    pub(super) fn end_round(&mut self) -> Vec<Reply> {
        self.open = false;
        self.replies.drain(..).map(|(_, reply)| reply).collect()
    }
}

impl Seat {
    pub(super) fn new(call: Arc<Call>, state: SeatState) -> Arc<Self> {
        Arc::new(Self { call, state: Mutex::new(state), driver: OnceLock::new() })
    }

    /// Drops the call.
    pub(super) fn abort(&self) {
        if let Some(driver) = self.driver.get() {
            driver.abort();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
