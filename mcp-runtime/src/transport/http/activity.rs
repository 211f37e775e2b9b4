//! Whether a connection is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whether something goes on on a connection.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    requests: AtomicUsize,
    /// How many there were.
    seen: AtomicUsize,
    /// How often something was read; only the connection itself reads.
    reads: AtomicUsize,
    /// How often until the last request ended.
    reads_until_end: AtomicUsize,
}

impl Activity {
    pub(crate) fn begin(self: &Arc<Self>) -> Active {
        self.requests.fetch_add(1, Ordering::AcqRel);
        Active(self.clone())
    }

    /// Something was read.
    pub(super) fn read(&self) {
        self.reads.store(self.reads.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// How many requests have ended, if none goes on.
    pub(crate) fn idle_since(&self) -> Option<usize> {
        let seen = self.seen.load(Ordering::Acquire);
        (self.requests.load(Ordering::Acquire) == 0).then_some(seen)
    }

    /// The same, if the head of the next one is not all there. Where requests follow each other without waiting for
    /// their responses, one of which too little has come may not be seen.
    pub(crate) fn in_head_since(&self) -> Option<usize> {
        let is_in_head = || self.reads.load(Ordering::Relaxed) != self.reads_until_end.load(Ordering::Relaxed);
        self.idle_since().filter(|_| is_in_head())
    }
}

/// A request that goes on.
#[derive(Debug)]
pub(crate) struct Active(Arc<Activity>);

impl Drop for Active {
    fn drop(&mut self) {
        let Activity { requests, seen, reads, reads_until_end } = &*self.0;
        reads_until_end.store(reads.load(Ordering::Relaxed), Ordering::Relaxed);
        seen.fetch_add(1, Ordering::AcqRel);
        requests.fetch_sub(1, Ordering::AcqRel);
    }
}
