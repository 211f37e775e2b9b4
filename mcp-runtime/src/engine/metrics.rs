//! What became of calls that take rounds, in numbers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, or is set.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) parked_now: Counter,
    pub(crate) parked_bytes: Counter,
    pub(crate) parked: Counter,
    pub(crate) resumed: Counter,
    pub(crate) replayed: Counter,
    pub(crate) repeated: Counter,
    pub(crate) evicted: Counter,
    pub(crate) expired: Counter,
    pub(crate) refused: Counter,
}

/// What became of the calls of a server that ask their client over several rounds. Taken from
/// [`Server::metrics`](crate::Server::metrics) before the server runs; clones count the same.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// let server = Server::new("catalog");
/// let metrics = server.metrics();
/// assert_eq!(metrics.parked(), 0);
/// ```
#[derive(Clone, Default)]
pub struct Metrics(pub(crate) Arc<Counters>);

impl Metrics {
    /// Lets a meter read the numbers, for as long as it goes on.
    #[cfg(feature = "otel")]
    pub(crate) fn observe(&self, meter: &opentelemetry::metrics::Meter) {
        type Read = fn(&Metrics) -> u64;
        let counters: [(&'static str, &'static str, Read); 7] = [
            ("mcp_runtime.calls.parked", "Calls that were suspended at the end of a round", Self::parked),
            ("mcp_runtime.calls.resumed", "Suspended calls that answers have reached", Self::resumed),
            ("mcp_runtime.calls.replayed", "Calls that ran again from the top", Self::replayed),
            (
                "mcp_runtime.calls.repeated",
                "Repeated requests that were given the outcome that was there",
                Self::repeated,
            ),
            ("mcp_runtime.calls.evicted", "Suspended calls that made room for others", Self::evicted),
            ("mcp_runtime.calls.expired", "Suspended calls to which no answers came in time", Self::expired),
            ("mcp_runtime.requests.refused", "Requests that were refused for their requestState", Self::refused),
        ];
        for (name, description, read) in counters {
            let metrics = self.clone();
            let counter = meter.u64_observable_counter(name).with_description(description);
            counter.with_callback(move |observer| observer.observe(read(&metrics), &[])).build();
        }
        let gauges: [(&'static str, &'static str, &'static str, Read); 2] = [
            ("mcp_runtime.parked.calls", "{call}", "Calls that wait, suspended", Self::parked_now),
            ("mcp_runtime.parked.size", "By", "Memory that they take, about", Self::parked_bytes),
        ];
        for (name, unit, description, read) in gauges {
            let metrics = self.clone();
            let gauge = meter.u64_observable_gauge(name).with_unit(unit).with_description(description);
            gauge.with_callback(move |observer| observer.observe(read(&metrics), &[])).build();
        }
    }

    /// How many calls wait, suspended, at the moment.
    #[must_use]
    pub fn parked_now(&self) -> u64 {
        self.0.parked_now.get()
    }

    /// About how many bytes of memory they take, as
    /// [`Server::max_parked_bytes`](crate::Server::max_parked_bytes) counts them.
    #[must_use]
    pub fn parked_bytes(&self) -> u64 {
        self.0.parked_bytes.get()
    }

    /// How often a call was suspended at the end of a round.
    #[must_use]
    pub fn parked(&self) -> u64 {
        self.0.parked.get()
    }

    /// How often answers reached a suspended call.
    #[must_use]
    pub fn resumed(&self) -> u64 {
        self.0.resumed.get()
    }

    /// How often a call ran again from the top, because nothing of it was in memory.
    #[must_use]
    pub fn replayed(&self) -> u64 {
        self.0.replayed.get()
    }

    /// How often a client that repeated a request was given the outcome that was there.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.0.repeated.get()
    }

    /// How many suspended calls made room for others.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.0.evicted.get()
    }

    /// How many suspended calls were dropped because no answers came in time.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.0.expired.get()
    }

    /// How many requests were refused for their `requestState`.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.get()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("parked_now", &self.parked_now())
            .field("parked_bytes", &self.parked_bytes())
            .field("parked", &self.parked())
            .field("resumed", &self.resumed())
            .field("replayed", &self.replayed())
            .field("repeated", &self.repeated())
            .field("evicted", &self.evicted())
            .field("expired", &self.expired())
            .field("refused", &self.refused())
            .finish()
    }
}
