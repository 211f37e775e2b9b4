//! Calls of this process that wait or run under their tickets; those that wait are bounded in
//! number, in bytes and in time.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry::Occupied;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use foldhash::HashMap;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::metrics::Counters;
use super::rounds::Shared;
use super::seat::Seat;
use super::state::CallId;
use super::{Outcome, RoundLimits, after, spawn};
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
        seat.has_task(driver);
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
