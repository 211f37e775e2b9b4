//! What goes on, counted.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts what goes on, and waits until nothing does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    number: AtomicUsize,
    none: Notify,
}

/// One that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Inner>);

impl Tally {
    /// One more, for as long as this is kept.
    pub(crate) fn count(&self) -> Counted {
        self.0.number.fetch_add(1, Ordering::Relaxed);
        Counted(self.0.clone())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.number.load(Ordering::Acquire)
    }

    /// Waits until there are none, if only for a moment. What they did is seen by then.
    pub(crate) async fn none(&self) {
        let mut none = pin!(self.0.none.notified());
        // From here on no moment is missed.
        none.as_mut().enable();
        if self.len() > 0 {
            none.await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.number.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn that_there_were_none_is_seen_though_others_began_since() {
        let tally = Tally::default();
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(tally.none()).poll(&mut context).is_ready());
        let counted = [tally.count(), tally.count()];
        assert_eq!(tally.len(), 2);
        let mut none = pin!(tally.none());
        assert!(none.as_mut().poll(&mut context).is_pending());
        drop(counted);
        let _next = tally.count();
        assert!(none.poll(&mut context).is_ready());
        assert!(pin!(tally.none()).poll(&mut context).is_pending());
    }
}
