//! What running calls have for their client, queued for the connection.

use std::collections::VecDeque;
#[cfg(feature = "http")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(feature = "http")]
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
#[cfg(feature = "http")]
use tokio::time::timeout;

use super::room::Place;
use crate::engine::{Outcome, Reply};
use crate::protocol::{BoxFuture, ErrorCode, ErrorObject, OnAnswer, Outlet, ServerNotification};
use crate::session::Key;

/// Something for the client, from the call of a key.
pub(super) enum Outgoing {
    Reply(Outcome),
    Notification(ServerNotification),
    /// A request of ours, with the number by which its call knows it.
    Request {
        question: usize,
        method: &'static str,
        params: Box<RawValue>,
        on_answer: OnAnswer,
    },
    /// Something has changed that a subscription is about.
    Changes,
    /// Nobody waits for the answer to that request any more.
    Withdrawal {
        question: usize,
    },
    /// Nobody waits for the outcome of the call any more.
    #[cfg(feature = "http")]
    Cancelled,
    /// The client need not keep its connection open; it comes back for the rest.
    #[cfg(feature = "http")]
    Pause,
}

/// How many notifications may wait to be written before calls wait too.
const NOTIFICATIONS: usize = 256;

pub(super) struct Outbox {
    queue: Mutex<VecDeque<(Key, Outgoing)>>,
    len: AtomicUsize,
    filled: Notify,
    room: Semaphore,
    /// How long calls wait for a client that does not read. Then it hears no more, but in what there is room for.
    #[cfg(feature = "http")]
    patience: Option<Duration>,
    #[cfg(feature = "http")]
    is_deaf: AtomicBool,
}

impl Outbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::empty())
    }

    /// One whose calls do not wait for longer than this for a client that does not read.
    #[cfg(feature = "http")]
    pub(super) fn impatient(patience: Duration) -> Arc<Self> {
        Arc::new(Self { patience: Some(patience), ..Self::empty() })
    }

    fn empty() -> Self {
        Self {
            queue: Mutex::default(),
            len: AtomicUsize::new(0),
            filled: Notify::new(),
            room: Semaphore::new(NOTIFICATIONS),
            #[cfg(feature = "http")]
            patience: None,
            #[cfg(feature = "http")]
            is_deaf: AtomicBool::new(false),
        }
    }

    /// Room for a notification, as soon as there is some.
    async fn room(&self) -> Option<SemaphorePermit<'_>> {
        #[cfg(feature = "http")]
        if let Some(patience) = self.patience {
            let room = match self.room.try_acquire() {
                Ok(room) => Some(room),
                Err(_) if self.is_deaf.load(Ordering::Acquire) => None,
                Err(_) => timeout(patience, self.room.acquire()).await.ok().and_then(Result::ok),
            };
            self.is_deaf.store(room.is_none(), Ordering::Release);
            return room;
        }
        self.room.acquire().await.ok()
    }

    pub(super) fn push(&self, key: Key, outgoing: Outgoing) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back((key, outgoing));
        self.len.store(queue.len(), Ordering::Release);
        drop(queue);
        self.filled.notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    pub(super) fn pop(&self) -> Option<(Key, Outgoing)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let popped = queue.pop_front();
        self.len.store(queue.len(), Ordering::Release);
        drop(queue);
        if let Some((_, Outgoing::Notification(_))) = &popped {
            self.room.add_permits(1);
        }
        popped
    }

    /// Takes what comes next, if that is an outcome.
    #[cfg(feature = "http")]
    pub(super) fn pop_reply(&self) -> Option<Outcome> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, Outgoing::Reply(_)) = queue.front()? else { return None };
        let Some((_, Outgoing::Reply(outcome))) = queue.pop_front() else { return None };
        self.len.store(queue.len(), Ordering::Release);
        Some(outcome)
    }

    /// Waits until there is something.
    pub(super) async fn filled(&self) {
        while self.is_empty() {
            self.filled.notified().await;
        }
    }

    /// Nothing more will be written: whoever waits for room goes on.
    pub(super) fn close(&self) {
        self.room.close();
    }
}

/// The way from one call to its client.
pub(super) struct CallOutlet {
    pub(super) key: Key,
    pub(super) outbox: Arc<Outbox>,
}

impl Outlet for CallOutlet {
    fn notify(&self, notification: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(room) = self.outbox.room().await else { return };
            room.forget();
            self.outbox.push(self.key, Outgoing::Notification(notification));
        })
    }

    fn request(&self, question: usize, method: &'static str, params: Box<RawValue>, on_answer: OnAnswer) {
        self.outbox.push(self.key, Outgoing::Request { question, method, params, on_answer });
    }

    fn withdraw(&self, question: usize) {
        self.outbox.push(self.key, Outgoing::Withdrawal { question });
    }

    #[cfg(feature = "http")]
    fn pause(&self) {
        self.outbox.push(self.key, Outgoing::Pause);
    }
}

/// Where the outcome of a call goes. The call takes its place among those that run until then, and not until its
/// client has read what came of it.
pub(super) fn owed(key: Key, outbox: &Arc<Outbox>, place: Option<Place>) -> Reply {
    let mut owed = Owed { key, outbox: outbox.clone(), is_paid: false, _place: place };
    Box::new(move |outcome| owed.pay(outcome))
}

/// A reply that somebody waits for: if whoever owes it is gone, an error is given instead.
struct Owed {
    key: Key,
    outbox: Arc<Outbox>,
    is_paid: bool,
    _place: Option<Place>,
}

impl Owed {
    fn pay(&mut self, outcome: Outcome) {
        self.is_paid = true;
        self.outbox.push(self.key, Outgoing::Reply(outcome));
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if !self.is_paid {
            let message = "the call was dropped by the server";
            self.pay(Outcome::Complete(Err(ErrorObject::new(ErrorCode::InternalError, message))));
        }
    }
}
