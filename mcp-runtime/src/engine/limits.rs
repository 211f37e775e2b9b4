//! How long a call may run, and how many at the same time. Neither counts while a call waits for
//! its client.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use super::after;
use crate::protocol::BoxFuture;

/// The limits of one tool, shared by all calls of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallLimits {
    timeout: Option<Duration>,
    permits: Option<Arc<Semaphore>>,
}

impl CallLimits {
    pub(crate) fn new(timeout: Option<Duration>, concurrency: Option<usize>) -> Self {
        let permits = |calls: usize| Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS)));
        Self { timeout, permits: concurrency.map(permits) }
    }

    /// What a call has to keep to, if there is anything.
    pub(super) fn begin(&self) -> Option<Box<Limited>> {
        if self.timeout.is_none() && self.permits.is_none() {
            return None;
        }
        let Self { timeout, permits } = self.clone();
        let place = Place::default();
        Some(Box::new(Limited { timeout, left: timeout, timer: None, permits, place, entry: Entry::Outside }))
    }
}

/// How one call keeps to its limits.
pub(super) struct Limited {
    timeout: Option<Duration>,
    /// How long it may still run.
    left: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    permits: Option<Arc<Semaphore>>,
    place: Place,
    entry: Entry,
}

/// What one call holds while it runs. Its thread holds it too, if it has one, and that may go on
/// when nobody waits for the call any more.
pub(super) type Place = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

enum Entry {
    Outside,
    Queued(BoxFuture<'static, Option<OwnedSemaphorePermit>>),
    Inside,
}

/// A call that ran too long.
pub(super) struct TimedOut(pub(super) Duration);

impl Limited {
    /// Before the future of the call is polled: waits for a permit, and looks at the clock.
    pub(super) fn poll_enter(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), TimedOut>> {
        if let Some(permits) = &self.permits {
            if let Entry::Outside = self.entry {
                let permits = permits.clone();
                self.entry = Entry::Queued(Box::pin(async move { permits.acquire_owned().await.ok() }));
            }
            if let Entry::Queued(queued) = &mut self.entry {
                let permit = ready!(queued.as_mut().poll(cx));
                *self.held() = permit;
                self.entry = Entry::Inside;
            }
        }
        if let (Some(left), Some(timeout)) = (self.left, self.timeout) {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(after(left))));
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(TimedOut(timeout)));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The call waits for its client: others may run, and the clock stands still.
    pub(super) fn leave(&mut self) {
        self.entry = Entry::Outside;
        *self.held() = None;
        if let Some(timer) = self.timer.take() {
            self.left = Some(timer.deadline().saturating_duration_since(Instant::now()));
        }
    }

    /// What a thread of the call must hold, too.
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    fn held(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
