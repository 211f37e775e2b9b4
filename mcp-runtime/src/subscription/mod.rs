//! Who wants to hear of which changes, and who has not heard of them yet.
//!
//! A change is kept as what it is about, never as a message: whoever is slow to listen hears once of
//! what changed a hundred times. So a listener holds no more than what it subscribed to, however much
//! happens and however long it does not listen.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::HashMap;
use tokio::sync::watch;

use crate::protocol::{Change, ListKind, SubscriptionFilter};

/// Where everything that changes is said, and everyone who listens to it.
#[derive(Default)]
pub(crate) struct Events {
    listeners: Mutex<Listeners>,
    /// Told when there is a resource more, or one less, to which somebody listens. Most do not want to know.
    interest: OnceLock<watch::Sender<()>>,
}

#[derive(Default)]
struct Listeners {
    last: u64,
    all: HashMap<u64, Arc<Listener>>,
    by_uri: HashMap<Arc<str>, Watching>,
}

/// Who listens to one resource, by the number of the subscription.
type Watching = HashMap<u64, (Arc<Listener>, Arc<Watched>)>;

/// A resource to which one listener listens.
struct Watched {
    uri: Arc<str>,
    /// Whether it has changed since the listener heard of it. Most changes find that it has, and need no lock.
    has_changed: AtomicBool,
    sight: Sight,
}

/// Which resources a listener may still see. It is asked when the listener is about to hear of one, since that may
/// have changed after it began to listen.
#[derive(Clone)]
pub(crate) struct Sight(Option<Arc<Sees>>);

/// Says it of a URI.
type Sees = dyn Fn(&str) -> bool + Send + Sync;

impl Sight {
    /// All that `sees` says so of.
    pub(crate) fn new(sees: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(sees)))
    }

    /// Everything.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn unlimited() -> Self {
        Self(None)
    }

    fn has(&self, uri: &str) -> bool {
        self.0.as_ref().is_none_or(|sees| sees(uri))
    }
}

struct Listener {
    waiting: Mutex<Waiting>,
    /// Called when there is something for one that has heard everything before.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// What one listener wants, and what of it has changed.
#[derive(Default)]
struct Waiting {
    filter: SubscriptionFilter,
    changed_lists: Vec<ListKind>,
    uris: HashMap<Arc<str>, Arc<Watched>>,
    changed_uris: VecDeque<Arc<Watched>>,
    /// It was woken, and has not heard everything since.
    is_awake: bool,
}

impl Listener {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a list has changed. Whether it must be woken for it.
    fn note_list(&self, list: ListKind) -> bool {
        let mut waiting = self.lock();
        if !waiting.filter.has(list) || waiting.changed_lists.contains(&list) {
            return false;
        }
        waiting.changed_lists.push(list);
        !std::mem::replace(&mut waiting.is_awake, true)
    }

    /// Notes that a resource has changed. Whether it must be woken for it.
    fn note_resource(&self, watched: &Arc<Watched>) -> bool {
        if watched.has_changed.swap(true, Ordering::AcqRel) {
            return false;
        }
        let mut waiting = self.lock();
        waiting.changed_uris.push_back(watched.clone());
        !std::mem::replace(&mut waiting.is_awake, true)
    }

    fn next(&self) -> Option<Change> {
        loop {
            let watched = {
                let mut waiting = self.lock();
                if !waiting.changed_lists.is_empty() {
                    return Some(Change::List(waiting.changed_lists.remove(0)));
                }
                let Some(watched) = waiting.changed_uris.pop_front() else {
                    waiting.is_awake = false;
                    return None;
                };
                watched.has_changed.store(false, Ordering::Release);
                // One that was given up meanwhile is not there any more.
                if !waiting.uris.get(&watched.uri).is_some_and(|it| Arc::ptr_eq(it, &watched)) {
                    continue;
                }
                watched
            };
            // Who sees what is for the server's author to say, and so not under the lock.
            if watched.sight.has(&watched.uri) {
                return Some(Change::Resource(watched.uri.clone()));
            }
        }
    }
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears when it is others to which somebody [listens](Self::watched).
    pub(crate) fn interest(&self) -> watch::Receiver<()> {
        self.interest.get_or_init(watch::Sender::default).subscribe()
    }

    /// Has those look again who want to know to what somebody listens.
    pub(crate) fn interest_changed(&self) {
        if let Some(interest) = self.interest.get() {
            interest.send_replace(());
        }
    }

    /// The resources to which somebody listens.
    pub(crate) fn watched(&self) -> Vec<Arc<str>> {
        self.lock().by_uri.keys().cloned().collect()
    }

    /// Tells everyone who wants to know.
    pub(crate) fn changed(&self, change: &Change) {
        let woken: Vec<Arc<Listener>> = {
            let listeners = self.lock();
            match change {
                Change::List(list) => {
                    listeners.all.values().filter(|listener| listener.note_list(*list)).cloned().collect()
                }
                Change::Resource(uri) => {
                    let watching = listeners.by_uri.get(uri).into_iter().flat_map(HashMap::values);
                    let woken = watching.filter(|(listener, watched)| listener.note_resource(watched));
                    woken.map(|(listener, _)| listener.clone()).collect()
                }
            }
        };
        woken.iter().for_each(|listener| (listener.wake)());
    }

    /// Listens from now on. `wake` is called when there is something, and again after everything was
    /// [taken](Subscription::next). `sight` is of the resources of the filter.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        filter: SubscriptionFilter,
        sight: &Sight,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Subscription {
        let uris = filter.resource_subscriptions.clone();
        let waiting = Mutex::new(Waiting { filter, ..Waiting::default() });
        let listener = Arc::new(Listener { waiting, wake: Box::new(wake) });
        let number = {
            let mut listeners = self.lock();
            listeners.last += 1;
            let number = listeners.last;
            listeners.all.insert(number, listener.clone());
            number
        };
        let subscription = Subscription { events: self.clone(), number, listener };
        uris.into_iter().for_each(|uri| subscription.watch(&uri, sight.clone()));
        subscription
    }
}

/// One who listens. It ends when it is dropped.
pub(crate) struct Subscription {
    events: Arc<Events>,
    number: u64,
    listener: Arc<Listener>,
}

impl Subscription {
    /// The next thing that changed since it was last taken.
    pub(crate) fn next(&self) -> Option<Change> {
        self.listener.next()
    }

    /// To how many resources it listens.
    pub(crate) fn watched(&self) -> usize {
        self.listener.lock().uris.len()
    }

    /// Whether it listens to this one.
    pub(crate) fn watches(&self, uri: &str) -> bool {
        self.listener.lock().uris.contains_key(uri)
    }

    /// Listens to this resource too.
    pub(crate) fn watch(&self, uri: &str, sight: Sight) {
        let mut listeners = self.events.lock();
        let mut waiting = self.listener.lock();
        if waiting.uris.contains_key(uri) {
            return;
        }
        // One text for all who listen to it.
        let uri: Arc<str> = listeners.by_uri.get_key_value(uri).map_or_else(|| uri.into(), |(uri, _)| uri.clone());
        let watched = Arc::new(Watched { uri: uri.clone(), has_changed: AtomicBool::new(false), sight });
        waiting.uris.insert(uri.clone(), watched.clone());
        let watching = listeners.by_uri.entry(uri).or_default();
        watching.insert(self.number, (self.listener.clone(), watched));
        let is_first = watching.len() == 1;
        drop((waiting, listeners));
        if is_first {
            self.events.interest_changed();
        }
    }

    /// Does not listen to this resource any more.
    pub(crate) fn unwatch(&self, uri: &str) {
        let was_last = self.events.lock().forget(uri, self.number);
        {
            let mut waiting = self.listener.lock();
            if waiting.uris.remove(uri).is_some() {
                waiting.changed_uris.retain(|changed| *changed.uri != *uri);
            }
        }
        if was_last {
            self.events.interest_changed();
        }
    }
}

impl Listeners {
    /// Whether it was the last one.
    fn forget(&mut self, uri: &str, number: u64) -> bool {
        let Entry::Occupied(mut listeners) = self.by_uri.entry(uri.into()) else { return false };
        listeners.get_mut().remove(&number);
        let is_last = listeners.get().is_empty();
        if is_last {
            listeners.remove();
        }
        is_last
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let uris: Vec<Arc<str>> = self.listener.lock().uris.drain().map(|(uri, _)| uri).collect();
        let mut listeners = self.events.lock();
        listeners.all.remove(&self.number);
        let lasts = uris.iter().filter(|uri| listeners.forget(uri, self.number)).count();
        drop(listeners);
        if lasts > 0 {
            self.events.interest_changed();
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("filter", &self.listener.lock().filter).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use proptest::prelude::*;

    use super::*;

    fn listening(events: &Arc<Events>, filter: SubscriptionFilter) -> (Subscription, Arc<AtomicUsize>) {
        let woken = Arc::new(AtomicUsize::new(0));
        let subscription = events.subscribe(filter, &Sight::unlimited(), {
            let woken = woken.clone();
            move || _ = woken.fetch_add(1, Ordering::Relaxed)
        });
        (subscription, woken)
    }

    fn updated(uri: &str) -> Change {
        Change::Resource(uri.into())
    }

    #[test]
    fn what_changed_several_times_is_heard_once_and_wakes_once() {
        let events = Arc::<Events>::default();
        let (subscription, woken) = listening(&events, SubscriptionFilter::new().tools().resource("a:1"));
        for _ in 0..100 {
            events.changed(&updated("a:1"));
            events.changed(&Change::List(ListKind::Tools));
            events.changed(&Change::List(ListKind::Prompts));
            events.changed(&updated("a:2"));
        }
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(subscription.next(), Some(Change::List(ListKind::Tools)));
        assert_eq!(subscription.next(), Some(updated("a:1")));
        assert_eq!(subscription.next(), None);
        events.changed(&updated("a:1"));
        assert_eq!(woken.load(Ordering::Relaxed), 2);
        assert_eq!(subscription.next(), Some(updated("a:1")));
    }

    #[test]
    fn nothing_is_left_of_one_that_is_gone() {
        let events = Arc::<Events>::default();
        let (subscription, woken) = listening(&events, SubscriptionFilter::new().resource("a:1"));
        let (other, _) = listening(&events, SubscriptionFilter::new().resource("a:1"));
        other.unwatch("a:1");
        assert_eq!((subscription.watched(), other.watched()), (1, 0));
        drop((subscription, other));
        events.changed(&updated("a:1"));
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        let listeners = events.lock();
        assert!(listeners.all.is_empty() && listeners.by_uri.is_empty());
    }

    #[test]
    fn it_is_said_when_others_are_listened_to() {
        let events = Arc::<Events>::default();
        let mut interest = events.interest();
        let mut is_said = || {
            interest.has_changed().is_ok_and(|it| it) && {
                interest.mark_unchanged();
                true
            }
        };
        let (one, _) = listening(&events, SubscriptionFilter::new().resource("a:1"));
        assert!(is_said());
        let (two, _) = listening(&events, SubscriptionFilter::new().resource("a:1").tools());
        assert!(!is_said(), "somebody did already");
        two.watch("a:2", Sight::unlimited());
        assert!(is_said());
        assert_eq!(events.watched().len(), 2);
        drop(one);
        assert!(!is_said(), "somebody does still");
        two.unwatch("a:1");
        assert!(is_said());
        assert_eq!(*events.watched(), ["a:2".into()]);
        drop(two);
        assert!(is_said() && events.watched().is_empty());
    }

    proptest! {
        /// Whatever happens in between: what changed after it was last heard is heard, and nothing else.
        #[test]
        fn every_change_is_heard(steps in proptest::collection::vec((0_u8..4, 0_usize..4), 0..60)) {
            let events = Arc::<Events>::default();
            let (subscription, _) = listening(&events, SubscriptionFilter::new());
            let uris = ["a:0", "a:1", "a:2", "a:3"];
            let (mut watched, mut changed) = ([false; 4], [false; 4]);
            for (step, place) in steps {
                match step {
                    0 => {
                        subscription.watch(uris[place], Sight::unlimited());
                        watched[place] = true;
                    }
                    1 => {
                        subscription.unwatch(uris[place]);
                        (watched[place], changed[place]) = (false, false);
                    }
                    2 => {
                        events.changed(&updated(uris[place]));
                        changed[place] |= watched[place];
                    }
                    _ => {
                        while let Some(heard) = subscription.next() {
                            let place = uris.iter().position(|uri| heard == updated(uri)).expect("one of them");
                            prop_assert!(std::mem::take(&mut changed[place]), "{heard:?} had not changed");
                        }
                        prop_assert_eq!(changed, [false; 4]);
                    }
                }
            }
        }
    }
}
