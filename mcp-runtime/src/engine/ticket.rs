//! Parked calls under their tickets: bounded in number, in bytes and in time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::digest::Digest;
use super::{Call, Outcome, Reply};
use crate::protocol::{ErrorCode, ErrorObject};

/// Names a call for as long as anything is remembered of it; not to be guessed.
pub(crate) type CallId = [u8; 16];

/// How much may be parked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParkingLimits {
    pub(crate) calls: usize,
    /// About how many bytes of memory; a call counts with its future and its questions.
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

impl Default for ParkingLimits {
    fn default() -> Self {
        Self { calls: 10_000, bytes: 256 << 20, time: Duration::from_secs(600) }
    }
}

/// All tickets of a server.
#[derive(Default)]
pub(super) struct Tickets {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    calls: HashMap<CallId, Entry>,
    /// Those that wait for a retry, in the order in which they make room.
    waiting: BTreeMap<Place, CallId>,
    next: u64,
    bytes: usize,
}

struct Entry {
    seat: Arc<Seat>,
    /// There as soon as the driver was started.
    abort: Option<AbortHandle>,
    /// Its place in `waiting`, and the bytes it counts for there.
    waits: Option<(Place, usize)>,
}

/// Whether a call is unfinished, and when it was parked.
type Place = (bool, u64);

impl Tickets {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a call, before its driver is started.
    pub(super) fn insert(&self, id: CallId, seat: Arc<Seat>) {
        self.lock().calls.insert(id, Entry { seat, abort: None, waits: None });
    }

    /// The driver of a call was started.
    pub(super) fn started(&self, id: &CallId, abort: &AbortHandle) {
        match self.lock().calls.get_mut(id) {
            Some(entry) => entry.abort = Some(abort.clone()),
            // It is over already, or was evicted.
            None => abort.abort(),
        }
    }

    pub(super) fn find(&self, id: &CallId) -> Option<(Arc<Seat>, AbortHandle)> {
        self.lock().calls.get(id).and_then(|entry| Some((entry.seat.clone(), entry.abort.clone()?)))
    }

    /// Counts a call as parked. If there are too many, those that are finished and only kept for
    /// who lost a reply make room first, then the oldest ones.
    pub(super) fn park(&self, id: CallId, finished: bool, bytes: usize, limits: &ParkingLimits) {
        let evicted = {
            let mut inner = self.lock();
            inner.unpark(&id);
            let place = (!finished, inner.next);
            inner.next += 1;
            if let Some(entry) = inner.calls.get_mut(&id) {
                entry.waits = Some((place, bytes));
                inner.waiting.insert(place, id);
                inner.bytes = inner.bytes.saturating_add(bytes);
            }
            let mut evicted = Vec::new();
            while inner.waiting.len() > limits.calls || inner.bytes > limits.bytes {
                let Some((_, oldest)) = inner.waiting.first_key_value() else { break };
                let oldest = *oldest;
                evicted.extend(inner.remove(&oldest));
            }
            evicted
        };
        if !evicted.is_empty() {
            let (calls, bytes) = (limits.calls, limits.bytes);
            tracing::warn!(evicted = evicted.len(), calls, bytes, "too many parked calls: the oldest were dropped");
        }
        evicted.iter().for_each(Entry::abort);
    }

    /// Counts a call as running again. Returns whether it is still there.
    pub(super) fn unpark(&self, id: &CallId) -> bool {
        let mut inner = self.lock();
        inner.unpark(id);
        inner.calls.contains_key(id)
    }
}

impl Entry {
    fn abort(&self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}

impl Inner {
    fn unpark(&mut self, id: &CallId) {
        if let Some((place, bytes)) = self.calls.get_mut(id).and_then(|entry| entry.waits.take()) {
            self.waiting.remove(&place);
            self.bytes -= bytes;
        }
    }

    fn remove(&mut self, id: &CallId) -> Option<Entry> {
        self.unpark(id);
        self.calls.remove(id)
    }
}

impl Drop for Tickets {
    fn drop(&mut self) {
        for entry in self.lock().calls.values() {
            entry.abort();
        }
    }
}

/// Forgets a call when its driver is gone, however that came about.
pub(super) struct Registration {
    pub(super) tickets: Weak<Tickets>,
    pub(super) id: CallId,
    pub(super) seat: Arc<Seat>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(tickets) = self.tickets.upgrade() {
            tickets.lock().remove(&self.id);
        }
        // However the driver ended, nobody waits for it for ever.
        let gone = ErrorObject::new(ErrorCode::InternalError, "the call was dropped by the server");
        let waiting = {
            let mut state = self.seat.lock();
            state.gone = true;
            state.end_round(Outcome::Complete(Err(gone)))
        };
        for (reply, outcome) in waiting {
            reply(outcome);
        }
    }
}

/// Where retries and the driver of a call meet.
pub(super) struct Seat {
    pub(super) call: Arc<Call>,
    state: Mutex<SeatState>,
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
    /// The ticket and the answers that opened the round.
    opened_by: Option<(u32, Digest)>,
    /// What came of the round that they opened.
    last: Option<Outcome>,
    /// The call completed between rounds; the next retry gets it.
    early: Option<Outcome>,
}

impl SeatState {
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

    /// Nobody waits under this number any more. Whether anybody else does.
    pub(super) fn give_up(&mut self, number: u64) -> bool {
        let before = self.replies.len();
        self.replies.retain(|(it, _)| *it != number);
        // One that is not there was answered already, and the call is no longer its own.
        before == self.replies.len() || !self.replies.is_empty()
    }

    /// Takes back a round that was opened.
    pub(super) fn take_back(&mut self) {
        self.gone = true;
        self.open = false;
        self.replies.clear();
    }

    /// About how many bytes the remembered outcomes hold.
    pub(super) fn size(&self) -> usize {
        self.last.iter().chain(&self.early).map(Outcome::size).sum()
    }

    /// Hands the outcome of the round to whoever waits for it.
    pub(super) fn end_round(&mut self, outcome: Outcome) -> Vec<(Reply, Outcome)> {
        self.open = false;
        self.last = Some(outcome.clone());
        self.replies.drain(..).map(|(_, reply)| (reply, outcome.clone())).collect()
    }

    /// The call is over; between rounds nobody waits for that yet.
    pub(super) fn finish(&mut self, outcome: Outcome) -> Vec<(Reply, Outcome)> {
        if self.open {
            return self.end_round(outcome);
        }
        self.early = Some(outcome);
        Vec::new()
    }

    /// What a retry leads to.
    pub(super) fn retry(&mut self, round: u32, answers: Digest, reply: Reply) -> Admitted {
        if self.opened_by.is_some_and(|(by, _)| by == round) {
            // The ticket was used. Whoever repeats the same answers gets the same outcome.
            if self.opened_by != Some((round, answers)) {
                return Admitted::Refused;
            }
            return match &self.last {
                Some(outcome) if !self.open => Admitted::Known(outcome.clone()),
                _ => Admitted::Joined(self.wait(reply)),
            };
        }
        if round != self.round || self.open || self.gone {
            return Admitted::Refused;
        }
        self.opened_by = Some((round, answers));
        if let Some(outcome) = self.early.take() {
            self.last = Some(outcome.clone());
            return Admitted::Known(outcome);
        }
        self.last = None;
        self.fresh = true;
        Admitted::Opened(self.open(reply))
    }
}

/// How a retry was received.
pub(super) enum Admitted {
    /// Its answers are new: the call goes on.
    Opened(u64),
    /// The same retry is running already and will answer both.
    Joined(u64),
    /// The outcome is there.
    Known(Outcome),
    /// The ticket is not the call's last one, or was used with other answers.
    Refused,
}

impl Seat {
    pub(super) fn new(call: Arc<Call>) -> Arc<Self> {
        Arc::new(Self { call, state: Mutex::default() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
