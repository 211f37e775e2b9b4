//! What came of a while of calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::Result;

/// How long calls are made, and when the next one begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// When one is answered, until then.
    Time(Duration),
    /// When one is answered, so many.
    Calls(u64),
    /// When it is due.
    Pace(Pace),
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
    /// Slots without a call, that which has had none for longest first.
    free: VecDeque<usize>,
    begun: u64,
    next: u64,
    in_flight: usize,
    latencies: Vec<u32>,
    counted: (u64, Duration),
}

#[derive(Debug, Clone, Copy)]
struct Flight {
    id: u64,
    /// When it began, or was to begin.
    due: Instant,
}

impl Flights {
    /// So many at the same time; ids begin after this one.
    pub(crate) fn new(width: usize, limit: Limit, next: u64) -> Self {
        let start = Instant::now();
        let (slots, free, latencies) = (vec![None; width], VecDeque::new(), Vec::with_capacity(1 << 16));
        Self { limit, start, slots, free, begun: 0, next, in_flight: 0, latencies, counted: (0, Duration::ZERO) }
    }

    /// The id of a new call in this slot, if there is to be one now.
    pub(crate) fn begin(&mut self, slot: usize, now: Instant) -> Option<u64> {
        let due = match &mut self.limit {
            Limit::Time(time) => (now.duration_since(self.start) < *time).then_some(now),
            Limit::Calls(calls) => (self.begun < *calls).then_some(now),
            Limit::Pace(pace) => pace.begin(now.duration_since(self.start)).map(|due| self.start + due),
        };
        let Some(due) = due else {
            self.free.push_back(slot);
            return None;
        };
        self.begun += 1;
        self.in_flight += 1;
        Some(self.enter(slot, due))
    }

    /// When the next call is due, or was; `None` while no slot is free for it, and when there is to be no other.
    pub(crate) fn due(&self) -> Option<Instant> {
        match &self.limit {
            Limit::Pace(pace) if !self.free.is_empty() => pace.due().map(|due| self.start + due),
            _ => None,
        }
    }

    /// The slot for a call that is due now, if one is, and what time it is.
    pub(crate) fn take_slot(&mut self) -> Option<(usize, Instant)> {
        let due = self.due()?;
        let now = Instant::now();
        if now < due { None } else { Some((self.free.pop_front()?, now)) }
    }

    /// A new id for the call that is in flight, which goes on.
    pub(crate) fn go_on(&mut self, id: u64) -> Result<u64> {
        let Flight { due, .. } = self.take(id)?;
        Ok(self.enter(slot(id), due))
    }

    /// The call with this id is answered.
    pub(crate) fn end(&mut self, id: u64, now: Instant) -> Result<()> {
        let taken = now.duration_since(self.take(id)?.due);
        self.in_flight -= 1;
        self.latencies.push(u32::try_from(taken.as_nanos()).unwrap_or(u32::MAX));
        let passed = now.duration_since(self.start);
        let is_late = match &self.limit {
            Limit::Time(time) => passed >= *time,
            Limit::Calls(_) => false,
            Limit::Pace(pace) => passed >= pace.end(),
        };
        // What is answered after the end does not count for the rate, unless it is the first.
        if !is_late || self.counted.0 == 0 {
            self.counted = (self.counted.0 + 1, passed);
        }
        Ok(())
    }

    /// Whether an answer is waited for, or a call until it is due.
    pub(crate) fn is_waiting(&self) -> bool {
        self.in_flight > 0 || self.due().is_some()
    }

    /// The last id, and what came of it.
    pub(crate) fn finish(self) -> (u64, Sample) {
        let Self { limit, next, mut latencies, counted: (calls, mut time), .. } = self;
        latencies.sort_unstable();
        if let Limit::Pace(pace) = limit {
            // A turn lasts until the next call would be due, however early the last answer came.
            time = time.max(pace.end());
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let per_second = calls as f64 / time.as_secs_f64().max(1e-9);
        (next, Sample { calls: latencies.len() as u64, per_second, latencies })
    }

    fn enter(&mut self, slot: usize, due: Instant) -> u64 {
        self.next += 1;
        let id = self.next * super::work::SLOTS + slot as u64;
        self.slots[slot] = Some(Flight { id, due });
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

#[cfg(test)]
mod tests {
    use super::super::pace::Rate;
    use super::*;

    fn flights(width: usize, word: &str) -> (Flights, impl Fn(u64) -> Instant) {
        let pace = Pace::new(Rate::from_word(word).unwrap(), Duration::from_secs(1));
        let flights = Flights::new(width, Limit::Pace(pace), 0);
        let start = flights.start;
        (flights, move |milliseconds| start + Duration::from_millis(milliseconds))
    }

    #[test]
    fn what_a_call_waits_for_a_slot_counts() {
        let (mut flights, at) = flights(1, "10/s");
        let first = flights.begin(0, at(0)).unwrap();
        assert_eq!(flights.due(), None, "no slot is free");
        flights.end(first, at(250)).unwrap();
        let second = flights.begin(0, at(250)).unwrap();
        flights.end(second, at(260)).unwrap();
        let third = flights.begin(0, at(260)).unwrap();
        // A call that goes on is due when it was.
        let third = flights.go_on(third).unwrap();
        flights.end(third, at(1100)).unwrap();
        assert_eq!(flights.begin(0, at(1100)), None);
        assert!(!flights.is_waiting(), "what has not begun by the end never does");
        let (_, sample) = flights.finish();
        assert_eq!(sample.latencies, [160, 250, 900].map(|milliseconds| milliseconds * 1_000_000));
        // The third was answered after the end.
        assert_eq!((sample.calls, sample.per_second), (3, 2.0));
    }

    #[test]
    fn calls_that_are_answered_wait_until_the_next_is_due() {
        let (mut flights, at) = flights(2, "10/s");
        let first = flights.begin(0, at(0)).unwrap();
        assert_eq!((flights.begin(1, at(0)), flights.due()), (None, Some(at(100))));
        flights.end(first, at(10)).unwrap();
        assert_eq!(flights.begin(0, at(10)), None);
        assert!(flights.is_waiting());
        assert_eq!(flights.free, [1, 0], "the one that has waited longest is next");
    }

    #[test]
    fn without_a_rate_nothing_is_ever_due() {
        for limit in [Limit::Time(Duration::from_secs(1)), Limit::Calls(1)] {
            let mut flights = Flights::new(1, limit, 0);
            let now = flights.start;
            let id = flights.begin(0, now).unwrap();
            flights.end(id, now + Duration::from_secs(2)).unwrap();
            assert_eq!(flights.begin(0, now + Duration::from_secs(2)), None);
            assert_eq!(flights.due(), None);
            assert!(!flights.is_waiting());
        }
    }
}
