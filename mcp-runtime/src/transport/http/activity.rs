//! Whether a connection is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whether something goes on on a connection.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    requests: AtomicUsize,
    /// How many there were.
    seen: AtomicUsize,
}

impl Activity {
    pub(crate) fn begin(self: &Arc<Self>) -> Active {
        self.requests.fetch_add(1, Ordering::AcqRel);
        Active(self.clone())
    }

    /// How many requests have ended, if none goes on.
    pub(crate) fn idle_since(&self) -> Option<usize> {
        let seen = self.seen.load(Ordering::Acquire);
        (self.requests.load(Ordering::Acquire) == 0).then_some(seen)
    }
}

/// A request that goes on.
#[derive(Debug)]
pub(crate) struct Active(Arc<Activity>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.seen.fetch_add(1, Ordering::AcqRel);
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}
