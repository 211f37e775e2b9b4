//! The time that the head of a request may take.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::time;

use super::session::lock;

/// How hyper times the heads of requests on one connection. It asks for a sleep before each, which is hardly ever slept:
/// setting a timer for each costs more than reading the head. So they share one, which is set again only when it is due.
#[derive(Debug, Clone)]
pub(super) struct Clock(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    /// When the last sleep is over.
    deadline: Instant,
    /// What it is, as far as anybody looked.
    now: Instant,
}

struct Slept {
    clock: Clock,
    deadline: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        let now = time::Instant::now().into();
        Self(Arc::new(Mutex::new(Times { deadline: now, now })))
    }

    /// Waits until a sleep may be over, and at most for so long; whoever sleeps is to be polled then. A sleep is at
    /// least that long.
    pub(super) async fn look(&self, time: Duration) {
        let (deadline, now) = (time::Instant::from_std(lock(&self.0).deadline), time::Instant::now());
        time::sleep_until(if deadline > now { deadline } else { now + time }).await;
        lock(&self.0).now = time::Instant::now().into();
    }
}

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        lock(&self.0).deadline = deadline;
        Box::pin(Slept { clock: self.clone(), deadline })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

impl Sleep for Slept {}

impl Future for Slept {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if lock(&self.clock.0).now < self.deadline { Poll::Pending } else { Poll::Ready(()) }
    }
}
