//! Calls of this process that wait or run under their tickets; those that wait are bounded in
//! number, in bytes and in time.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry::Occupied;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use foldhash::HashMap;
use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::answers::Answers;
use super::call::Rests;
use super::claim::Grant;
use super::metrics::Counters;
use super::outcomes::RememberedOutcome;
use super::parked::{Driver, drop_caught};
use super::rounds::Shared;
use super::state::CallId;
use super::{Call, Outcome, Reply, RoundLimits, after, spawn};
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
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    bytes: usize,
    /// Somebody looks after those that rest.
    is_swept: bool,
    /// Nothing is to wait here any more.
    has_ended: bool,
}

struct Waiting {
    id: CallId,
    /// For how long, if its driver rests: one that does not sees to that itself.
    until: Option<Instant>,
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
        let before = {
            let mut inner = self.lock();
            if inner.has_ended {
                drop(inner);
                return seat.abort();
            }
            let before = inner.calls.insert(id, Entry { seat, waits: None });
            inner.no_longer_waits(before.as_ref().and_then(|before| before.waits));
            before
        };
        // What is left of an earlier run is of no use.
        if let Some(before) = before {
            before.seat.abort();
        }
    }

    /// The driver of a call was started.
    pub(super) fn started(&self, id: &CallId, seat: &Arc<Seat>, driver: AbortHandle) {
        let is_there = self.lock().entry(id, seat).is_some();
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
        self.enter(id, seat, bytes, None, limits, counters);
    }

    /// The same for one whose driver rests, and is dropped when its time is over.
    pub(super) fn park_resting(
        self: &Arc<Self>,
        id: CallId,
        seat: &Arc<Seat>,
        bytes: usize,
        limits: &RoundLimits,
        counters: &Arc<Counters>,
    ) {
        let until = after(limits.parked_time);
        if self.enter(id, seat, bytes, Some(until), limits, counters) {
            let (tickets, counters) = (Arc::downgrade(self), counters.clone());
            spawn(Box::pin(sweep(tickets, counters, until, limits.parked_time / 16)));
        }
    }

    /// Counts a call as parked. Whether somebody is to look after those that rest from now on.
    fn enter(
        &self,
        id: CallId,
        seat: &Arc<Seat>,
        bytes: usize,
        until: Option<Instant>,
        limits: &RoundLimits,
        counters: &Counters,
    ) -> bool {
        let (evicted, is_first) = {
            let mut inner = self.lock();
            let place = inner.next;
            inner.next += 1;
            // A call that was cancelled just now may run again already.
            let Some(entry) = inner.entry(&id, seat) else { return false };
            let before = entry.waits.replace((place, bytes));
            inner.no_longer_waits(before);
            inner.waiting.insert(place, Waiting { id, until });
            inner.bytes = inner.bytes.saturating_add(bytes);
            let is_first = until.is_some() && !std::mem::replace(&mut inner.is_swept, true);
            let mut evicted = Vec::new();
            while inner.waiting.len() > limits.parked_calls || inner.bytes > limits.parked_bytes {
                let Some((_, oldest)) = inner.waiting.first_key_value() else { break };
                let oldest = oldest.id;
                evicted.extend(inner.remove(&oldest));
            }
            inner.count(counters);
            (evicted, is_first)
        };
        counters.parked.add(1);
        if !evicted.is_empty() {
            counters.evicted.add(evicted.len() as u64);
            let (calls, bytes) = (limits.parked_calls, limits.parked_bytes);
            tracing::warn!(evicted = evicted.len(), calls, bytes, "too many parked calls: the oldest were dropped");
        }
        evicted.iter().for_each(|entry| entry.seat.abort());
        is_first
    }

    /// Drops those that have rested for too long. When to look again, if there are others.
    fn sweep(&self, counters: &Counters) -> Option<Instant> {
        let (due, next) = {
            let mut inner = self.lock();
            let now = Instant::now();
            let resting = inner.waiting.values().filter_map(|it| it.until.map(|until| (it.id, until)));
            let (mut due, mut next) = (Vec::new(), None);
            for (id, until) in resting {
                if now < until {
                    next = Some(until);
                    break;
                }
                due.push(id);
            }
            let due: Vec<_> = due.iter().filter_map(|id| inner.remove(id)).collect();
            inner.is_swept = next.is_some();
            inner.count(counters);
            (due, next)
        };
        if !due.is_empty() {
            counters.expired.add(due.len() as u64);
            tracing::debug!(calls = due.len(), "parked calls were dropped: no answers came in time");
        }
        due.iter().for_each(|entry| entry.seat.abort());
        next
    }

    /// Counts a call as running again. Returns whether it is still there.
    pub(super) fn unpark(&self, id: &CallId, seat: &Arc<Seat>, counters: &Counters) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.entry(id, seat) else { return false };
        let waited = entry.waits.take();
        inner.no_longer_waits(waited);
        inner.count(counters);
        true
    }

    /// Forgets a call, if it is the one of this seat.
    fn forget(&self, id: &CallId, seat: &Arc<Seat>, counters: &Counters) -> Option<Entry> {
        let mut inner = self.lock();
        let forgotten = match inner.calls.entry(*id) {
            Occupied(entry) if Arc::ptr_eq(&entry.get().seat, seat) => entry.remove(),
            _ => return None,
        };
        inner.removed(&forgotten);
        inner.count(counters);
        Some(forgotten)
    }

    /// Drops all calls, and those that come.
    pub(super) fn drop_all(&self) {
        let calls = {
            let mut inner = self.lock();
            inner.has_ended = true;
            inner.waiting.clear();
            inner.bytes = 0;
            std::mem::take(&mut inner.calls)
        };
        calls.values().for_each(|entry| entry.seat.abort());
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

    /// The call of this id, if it is the one of this seat.
    fn entry(&mut self, id: &CallId, seat: &Arc<Seat>) -> Option<&mut Entry> {
        self.calls.get_mut(id).filter(|entry| Arc::ptr_eq(&entry.seat, seat))
    }

    fn no_longer_waits(&mut self, waited: Option<(u64, usize)>) {
        if let Some((place, bytes)) = waited {
            self.waiting.remove(&place);
            self.bytes -= bytes;
        }
    }

    fn remove(&mut self, id: &CallId) -> Option<Entry> {
        let removed = self.calls.remove(id)?;
        self.removed(&removed);
        Some(removed)
    }

    fn removed(&mut self, entry: &Entry) {
        self.no_longer_waits(entry.waits);
        // What many calls have taken, few need not keep.
        if self.calls.capacity() > 1024 && self.calls.len() < self.calls.capacity() / 4 {
            self.calls.shrink_to(2 * self.calls.len());
        }
    }
}

/// Drops calls that have rested for too long, from this time on, until none rests; after each time it pauses for so long.
async fn sweep(tickets: Weak<Tickets>, counters: Arc<Counters>, mut next: Instant, pause: Duration) {
    let mut sweeper = Sweeper { tickets, is_done: false };
    while !sweeper.is_done {
        sleep_until(next).await;
        let later = sweeper.tickets.upgrade().and_then(|tickets| tickets.sweep(&counters));
        sweeper.is_done = later.is_none();
        next = later.map_or(next, |later| later.max(after(pause)));
    }
}

/// Looks after those that rest. If the runtime goes in which it does so, whoever rests next finds another one.
struct Sweeper {
    tickets: Weak<Tickets>,
    is_done: bool,
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(tickets) = self.tickets.upgrade().filter(|_| !self.is_done) {
            tickets.lock().is_swept = false;
        }
    }
}

/// Forgets a call when its driver is gone, however that came about.
pub(super) struct Registration {
    pub(super) shared: Arc<Shared>,
    pub(super) id: CallId,
    pub(super) seat: Arc<Seat>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.tickets.forget(&self.id, &self.seat, &self.shared.counters);
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
    /// There if the driver has a task.
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
    /// Who waits, each under a number by which it can give up; without a reply who polls it in place.
    replies: SmallVec<[(u64, Option<Reply>); 1]>,
    next_reply: u64,
    /// The answers that opened the round.
    pub(super) opened_by: Option<Answers>,
    /// The ticket of the round is ours until its outcome is there.
    pub(super) grant: Option<Grant>,
    /// The call completed between rounds; the next retry gets it.
    pub(super) early: Option<Arc<RememberedOutcome>>,
    /// What drives it, if nothing is to be done before a retry comes.
    pub(super) resting: Option<Resting>,
}

/// A driver that nobody polls, and where a task would.
pub(super) struct Resting {
    pub(super) driver: Driver,
    pub(super) runtime: Handle,
}

impl SeatState {
    /// Of a call that runs again, for a round that these answers began.
    pub(super) fn again(round: u32, answers: Answers) -> Self {
        Self { round, opened_by: Some(answers), ..Self::default() }
    }

    fn wait(&mut self, reply: Option<Reply>) -> u64 {
        let number = self.next_reply;
        self.next_reply += 1;
        self.replies.push((number, reply));
        number
    }

    /// Opens a round; `reply`, or else who polls it in place, waits for its outcome.
    pub(super) fn open(&mut self, reply: Option<Reply>) -> u64 {
        self.open = true;
        self.wait(reply)
    }

    /// Who polled in place waits like everybody else.
    pub(super) fn waits_for(&mut self, number: u64, reply: Reply) {
        if let Some((_, waits)) = self.replies.iter_mut().find(|(it, _)| *it == number) {
            *waits = Some(reply);
        }
    }

    /// Whoever repeats the request whose answers are running waits with it.
    pub(super) fn join(&mut self, round: u32, answers: &Answers, reply: &dyn Fn() -> Reply) -> Option<u64> {
        let is_it = self.open && round == self.round && self.opened_by.as_ref() == Some(answers);
        is_it.then(|| self.wait(Some(reply())))
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
    pub(super) fn end_round(&mut self) -> SmallVec<[Reply; 1]> {
        self.open = false;
        self.replies.drain(..).filter_map(|(_, reply)| reply).collect()
    }
}

impl Seat {
    pub(super) fn new(call: Arc<Call>, state: SeatState) -> Arc<Self> {
        Arc::new(Self { call, state: Mutex::new(state), driver: OnceLock::new() })
    }

    /// Drops the call. If somebody polls it in place just now, it will not rest here again.
    pub(super) fn abort(&self) {
        if let Some(driver) = self.driver.get() {
            driver.abort();
        }
        let resting = {
            let mut state = self.lock();
            state.gone = true;
            state.resting.take()
        };
        if let Some(Resting { driver, runtime }) = resting {
            // As a task would be dropped.
            let _entered = runtime.enter();
            drop_caught(driver);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rests for Seat {
    /// From here on a task polls it.
    fn rouse(&self) {
        let resting = self.lock().resting.take();
        if let Some(Resting { driver, runtime }) = resting {
            let _entered = runtime.enter();
            driver.take_a_task();
        }
    }
}
