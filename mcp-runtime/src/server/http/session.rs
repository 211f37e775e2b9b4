//! Sessions of legacy clients ([specification]): made by `initialize`, named in a header, and gone when nobody
//! has come for a while.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foldhash::fast::RandomState;
use tokio::time::{Instant, sleep};

use super::events::AnyEventStore;
use super::settings::SessionSettings;
use super::stream::{STANDALONE, Stream};
use crate::codec::Encoder;
use crate::engine::Cancel;
use crate::protocol::{Principal, RequestId, SubscriptionFilter};
use crate::server::live::Live;
use crate::server::outbox::{Outbox, Outgoing};
use crate::server::room::Place;
use crate::session::{Asked, Key, LegacySession};
use crate::subscription::{Sight, Subscription};

/// All sessions of a service.
#[derive(Default)]
pub(super) struct Sessions {
    table: Mutex<Table>,
    is_swept: AtomicBool,
}

#[derive(Default)]
struct Table {
    // Nobody else chooses the ids, so that they need no careful hashing.
    by_id: HashMap<Box<[u8]>, Arc<Session>, RandomState>,
    /// How many each principal has.
    counts: HashMap<Principal, usize>,
}

impl Table {
    /// Whether there is room for one more of this principal.
    fn has_room(&self, principal: Option<&Principal>, settings: &SessionSettings) -> bool {
        let own = principal.and_then(|principal| self.counts.get(principal)).copied().unwrap_or(0);
        self.by_id.len() < settings.most && own < settings.most_of_one
    }

    fn insert(&mut self, session: Arc<Session>) {
        if let Some(principal) = &session.principal {
            *self.counts.entry(principal.clone()).or_default() += 1;
        }
        self.by_id.insert(session.id.as_bytes().into(), session);
    }

    fn remove(&mut self, id: &str) -> Option<Arc<Session>> {
        let session = self.by_id.remove(id.as_bytes())?;
        if let Some(principal) = &session.principal
            && let Some(count) = self.counts.get_mut(principal)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(principal);
            }
        }
        Some(session)
    }
}

/// One legacy client.
pub(super) struct Session {
    pub(super) id: Box<str>,
    pub(super) principal: Option<Principal>,
    pub(super) legacy: Arc<LegacySession>,
    /// Who must forget what was said in it.
    store: Option<Arc<dyn AnyEventStore>>,
    /// What the client was asked and has not answered.
    pub(super) asked: Mutex<Asked>,
    pub(super) calls: Mutex<HashMap<RequestId, Running>>,
    changes: Mutex<Option<Subscription>>,
    pub(super) standalone: Arc<Stream>,
    /// The streams of requests, while they are of use to somebody.
    streams: Mutex<BTreeMap<u64, Arc<Stream>>>,
    last_key: AtomicU64,
    /// How many requests are being answered, and streams read.
    open: AtomicUsize,
    /// Whether somebody was there since `used`. The clock is looked at by those who end sessions, and not for each
    /// request.
    was_used: AtomicBool,
    used: Mutex<Instant>,
}

/// A call that was not answered yet.
pub(super) struct Running {
    pub(super) key: Key,
    pub(super) cancel: Cancel,
    pub(super) outbox: Arc<Outbox>,
}

/// Somebody is there; the session lasts.
pub(super) struct Open {
    session: Arc<Session>,
    place: Option<Place>,
}

impl Open {
    /// For as long as there is room for it.
    pub(super) fn with(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.session.was_used.store(true, Ordering::Release);
        self.session.open.fetch_sub(1, Ordering::AcqRel);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// A session that is in no table.
    pub(super) fn new(
        legacy: LegacySession,
        principal: Option<Principal>,
        id: Box<str>,
        store: Option<Arc<dyn AnyEventStore>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            principal,
            legacy: Arc::new(legacy),
            store,
            asked: Mutex::default(),
            calls: Mutex::default(),
            changes: Mutex::default(),
            standalone: Stream::new(STANDALONE),
            streams: Mutex::default(),
            last_key: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            was_used: AtomicBool::new(false),
            used: Mutex::new(Instant::now()),
        })
    }

    pub(super) fn open(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::AcqRel);
        Open { session: self.clone(), place: None }
    }

    pub(super) fn next_key(&self) -> Key {
        self.last_key.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A stream for the answer to a request. Streams of answers that were read make room for those that come.
    pub(super) fn new_stream(&self, number: u64, keep: usize) -> Arc<Stream> {
        let stream = Stream::new(number);
        let mut streams = lock(&self.streams);
        streams.insert(number, stream.clone());
        let mut kept = 0;
        let mut gone = Vec::new();
        for (number, stream) in streams.iter().rev() {
            kept += stream.bytes() + 256;
            if kept > keep && stream.is_over() {
                gone.push(*number);
            }
        }
        gone.iter().for_each(|number| _ = streams.remove(number));
        stream
    }

    pub(super) fn forget_stream(&self, number: u64) {
        lock(&self.streams).remove(&number);
    }

    pub(super) fn stream(&self, number: u64) -> Option<Arc<Stream>> {
        match number {
            STANDALONE => Some(self.standalone.clone()),
            _ => lock(&self.streams).get(&number).cloned(),
        }
    }

    /// The client hears of all lists that may change, from when it is ready.
    pub(super) fn listen(&self, live: &Live) {
        self.with_changes(live, |_| {});
    }

    pub(super) fn watch(&self, live: &Live, uri: &str, sight: Sight) {
        self.with_changes(live, |subscription| subscription.watch(uri, sight));
    }

    pub(super) fn watches(&self, uri: &str) -> bool {
        lock(&self.changes).as_ref().is_some_and(|subscription| subscription.watches(uri))
    }

    pub(super) fn unwatch(&self, uri: &str) {
        if let Some(subscription) = &*lock(&self.changes) {
            subscription.unwatch(uri);
        }
    }

    /// To how many resources it is subscribed.
    pub(super) fn watched(&self) -> usize {
        lock(&self.changes).as_ref().map_or(0, Subscription::watched)
    }

    fn with_changes(&self, live: &Live, act: impl FnOnce(&Subscription)) {
        let mut changes = lock(&self.changes);
        let subscription = changes.get_or_insert_with(|| {
            let lists = match live.may_change() {
                true => SubscriptionFilter::new().lists(),
                false => SubscriptionFilter::new(),
            };
            let stream = self.standalone.clone();
            live.events().subscribe(lists, &Sight::new(|_| false), move || stream.filled.notify_one())
        });
        act(subscription);
    }

    /// Brings what has changed to the stream that belongs to no request.
    pub(super) fn take_changes(&self, encoder: &Encoder) {
        /// What was not read may still become fewer.
        const AT_ONCE: usize = 64;
        let changes = lock(&self.changes);
        let Some(subscription) = &*changes else { return };
        for _ in 0..AT_ONCE {
            let Some(change) = subscription.next() else { return };
            self.standalone.push(|out| encoder.change(out, None, &change));
        }
    }

    /// Cancels a request of the client.
    pub(super) fn cancel(&self, id: &RequestId) {
        let running = lock(&self.calls).remove(id);
        if let Some(Running { key, cancel, outbox }) = running {
            tracing::debug!(%id, "the client cancelled a request");
            cancel.cancel();
            outbox.push(key, Outgoing::Cancelled);
        }
    }

    /// Ends all of it.
    fn end(&self) {
        if let Some(store) = self.store.clone() {
            let id = self.id.clone();
            tokio::spawn(async move { store.forget(&id).await });
        }
        let calls: Vec<Running> = lock(&self.calls).drain().map(|(_, call)| call).collect();
        for Running { key, cancel, outbox } in calls {
            cancel.cancel();
            outbox.push(key, Outgoing::Cancelled);
            outbox.close();
        }
        lock(&self.changes).take();
        self.standalone.end();
        std::mem::take(&mut *lock(&self.streams)).values().for_each(|stream| stream.end());
    }

    /// Whether nobody has been there for so long, as far as those can tell who look now and then.
    fn is_idle(&self, time: Duration) -> bool {
        let mut used = lock(&self.used);
        let is_open = self.open.load(Ordering::Acquire) > 0;
        if self.was_used.swap(false, Ordering::AcqRel) || is_open {
            *used = Instant::now();
        }
        !is_open && used.elapsed() >= time
    }
}

impl Sessions {
    /// A new session, unless there are too many.
    pub(super) fn begin(
        self: &Arc<Self>,
        legacy: LegacySession,
        principal: Option<Principal>,
        settings: &SessionSettings,
    ) -> Option<Arc<Session>> {
        let mut random = [0; 32];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::error!(%error, "there is no randomness for the id of a session");
            return None;
        }
        let session = Session::new(legacy, principal, URL_SAFE_NO_PAD.encode(random).into(), settings.store.clone());
        {
            let mut sessions = lock(&self.table);
            if !sessions.has_room(session.principal.as_ref(), settings) {
                return None;
            }
            sessions.insert(session.clone());
        }
        if !self.is_swept.swap(true, Ordering::AcqRel) {
            tokio::spawn(sweep(Arc::downgrade(self), settings.time));
        }
        Some(session)
    }

    /// The session of an id, as it stands in a header.
    pub(super) fn find(&self, id: &[u8]) -> Option<Arc<Session>> {
        lock(&self.table).by_id.get(id).cloned()
    }

    pub(super) fn end(&self, id: &str) {
        let session = lock(&self.table).remove(id);
        if let Some(session) = session {
            session.end();
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.table).by_id.len()
    }

    /// Ends those for whom nobody has come for so long.
    fn end_idle(&self, time: Duration) {
        let idle: Vec<Arc<Session>> = {
            let mut sessions = lock(&self.table);
            let idle: Vec<_> = sessions.by_id.values().filter(|session| session.is_idle(time)).cloned().collect();
            idle.iter().for_each(|session| _ = sessions.remove(&session.id));
            if sessions.by_id.capacity() > 4 * sessions.by_id.len() {
                sessions.by_id.shrink_to_fit();
                sessions.counts.shrink_to_fit();
            }
            idle
        };
        idle.iter().for_each(|session| session.end());
    }
}

async fn sweep(sessions: Weak<Sessions>, time: Duration) {
    loop {
        sleep((time / 4).clamp(Duration::from_millis(10), Duration::from_secs(10))).await;
        let Some(sessions) = sessions.upgrade() else { return };
        sessions.end_idle(time);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
