//! What came of a while of calls.

use std::time::{Duration, Instant};

use crate::Result;

/// How long calls are made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    Time(Duration),
    Calls(u64),
}

/// One while.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// All calls.
    pub(crate) calls: u64,
    pub(crate) per_second: f64,
    /// How long calls took, in nanoseconds, sorted.
    latencies: Vec<u32>,
}

impl Sample {
    /// How long all but so many of a thousand calls took at most.
    pub(crate) fn quantile(&self, per_mille: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() * per_mille / 1000).min(last);
        Duration::from_nanos(self.latencies.get(at).copied().unwrap_or_default().into())
    }
}

/// Calls that are in flight, one in each slot.
#[derive(Debug)]
pub(crate) struct Flights {
    limit: Limit,
    start: Instant,
    slots: Vec<Option<Flight>>,
    begun: u64,
    next: u64,
    in_flight: usize,
    latencies: Vec<u32>,
    counted: (u64, Duration),
}

#[derive(Debug, Clone, Copy)]
struct Flight {
    id: u64,
    begun: Instant,
}

impl Flights {
    /// So many at the same time; ids begin after this one.
    pub(crate) fn new(width: usize, limit: Limit, next: u64) -> Self {
        let start = Instant::now();
        let (slots, latencies) = (vec![None; width], Vec::with_capacity(1 << 16));
        Self { limit, start, slots, begun: 0, next, in_flight: 0, latencies, counted: (0, Duration::ZERO) }
    }

    /// The id of a new call in this slot, if there is to be one.
    pub(crate) fn begin(&mut self, slot: usize, now: Instant) -> Option<u64> {
        let is_over = match self.limit {
            Limit::Time(time) => now.duration_since(self.start) >= time,
            Limit::Calls(calls) => self.begun >= calls,
        };
        if is_over {
            return None;
        }
        self.begun += 1;
        self.in_flight += 1;
        Some(self.enter(slot, now))
    }

    /// A new id for the call that is in flight, which goes on.
    pub(crate) fn go_on(&mut self, id: u64) -> Result<u64> {
        let Flight { begun, .. } = self.take(id)?;
        Ok(self.enter(slot(id), begun))
    }

    /// The call with this id is answered.
    pub(crate) fn end(&mut self, id: u64, now: Instant) -> Result<()> {
        let taken = now.duration_since(self.take(id)?.begun);
        self.in_flight -= 1;
        self.latencies.push(u32::try_from(taken.as_nanos()).unwrap_or(u32::MAX));
        let passed = now.duration_since(self.start);
        // What is answered after the end does not count for the rate, unless it is the first.
        if matches!(self.limit, Limit::Time(time) if passed < time || self.counted.0 == 0)
            || matches!(self.limit, Limit::Calls(_))
        {
            self.counted = (self.counted.0 + 1, passed);
        }
        Ok(())
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The last id, and what came of it.
    pub(crate) fn finish(self) -> (u64, Sample) {
        let Self { next, mut latencies, counted: (calls, time), .. } = self;
        latencies.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let per_second = calls as f64 / time.as_secs_f64().max(1e-9);
        (next, Sample { calls: latencies.len() as u64, per_second, latencies })
    }

    fn enter(&mut self, slot: usize, begun: Instant) -> u64 {
        self.next += 1;
        let id = self.next * super::work::SLOTS + slot as u64;
        self.slots[slot] = Some(Flight { id, begun });
        id
    }

    fn take(&mut self, id: u64) -> Result<Flight> {
        let flight = self.slots.get_mut(slot(id)).and_then(Option::take).filter(|flight| flight.id == id);
        flight.ok_or_else(|| format!("an answer to a call that is not in flight: {id}").into())
    }
}

/// The slot of a call.
pub(crate) fn slot(id: u64) -> usize {
    (id % super::work::SLOTS) as usize
}
