//! What a server offers at the moment. It is replaced as a whole: a request sees all of it as it was when
//! the request came.

use std::cell::LazyCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codec::{List, Lists};
use crate::context::{Host, Requester};
use crate::engine::Round;
use crate::error::{Error, ErrorKind};
use crate::protocol::{Change, ListKind};
use crate::registry::{Built, Entry, Item, Offers, PartId, Parts, Policy, Registry, Replacement, Rules};
use crate::subscription::{Events, Sight};

/// What a server offers at one moment, as it is called and as it is listed.
#[derive(Debug, Default)]
pub(super) struct Offering {
    pub(super) registry: Registry,
    pub(super) lists: Lists,
}

impl Offering {
    fn new(registry: Registry) -> Self {
        let lists = Lists {
            tools: List::new(registry.tools.described.clone()),
            prompts: List::new(registry.prompts.described.clone()),
            resources: List::new(registry.resources.described.clone()),
            templates: List::new(registry.templates.described.clone()),
        };
        Self { registry, lists }
    }

    /// The next offering, and which of its lists are others. Those that are not stay as they were encoded.
    fn followed_by(&self, registry: Registry) -> (Self, Vec<ListKind>) {
        let mut next = Self::new(registry);
        let mut changed = Vec::new();
        let (lists, before) = (&mut next.lists, &self.lists);
        lists.tools.take_over(&before.tools);
        lists.prompts.take_over(&before.prompts);
        lists.resources.take_over(&before.resources);
        lists.templates.take_over(&before.templates);
        let (now, before) = (&next.registry, &self.registry);
        if !now.tools.lists_as(&before.tools) {
            changed.push(ListKind::Tools);
        }
        if !now.prompts.lists_as(&before.prompts) {
            changed.push(ListKind::Prompts);
        }
        // Whoever listens to one of these two hears of both.
        if !(now.resources.lists_as(&before.resources) && now.templates.lists_as(&before.templates)) {
            changed.push(ListKind::Resources);
        }
        (next, changed)
    }
}

/// What a server offers, and who must know when it changes.
pub(crate) struct Live {
    state: Mutex<State>,
    /// Held while it is changed.
    changing: Mutex<()>,
    /// Grows with each change.
    version: AtomicU64,
    may_change: AtomicBool,
    has_handle: AtomicBool,
    /// Whether someone may not see a resource that someone has seen. While that is not so, nobody need look.
    hides_resources: AtomicBool,
    events: Arc<Events>,
}

enum State {
    /// The server does not run yet; this is to become of what it was given.
    Waiting(Vec<Amendment>),
    Running {
        offering: Arc<Offering>,
        terms: Arc<Terms>,
    },
}

/// What holds for everything that a server offers, also for what comes later.
pub(super) struct Terms {
    host: Arc<Host>,
    rules: Rules,
    parts: Parts,
}

/// A change of what a server offers.
#[derive(Debug)]
pub(super) enum Amendment {
    /// Something is there, or is not any more.
    Change(Changing),
    /// Turns on, or off, those of what is offered of which the function says so.
    Turn(bool, Choice),
    /// Turns on, or off, these.
    Turned(bool, Vec<Arc<Entry>>),
}

/// Changes what is there, if it can, and says whether it did. A function, so that what it takes is no part of programs
/// that never do so.
pub(super) struct Changing(Box<Changes>);

type Changes = dyn FnOnce(&mut Registry, &Terms) -> Result<bool, Error> + Send;

impl fmt::Debug for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changing")
    }
}

/// Chooses some of what is offered.
pub(super) struct Choice(pub(super) Box<dyn Fn(Item<'_>) -> bool + Send>);

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choice")
    }
}

impl Amendment {
    fn change(change: impl FnOnce(&mut Registry, &Terms) -> Result<bool, Error> + Send + 'static) -> Self {
        Self::Change(Changing(Box::new(change)))
    }

    /// Offers this, too.
    pub(super) fn add(offers: Offers) -> Self {
        Self::change(move |registry, terms| {
            let built = Built::upon(std::mem::take(registry), offers, terms.rules.clone());
            let problems = built.problems(&terms.host.states);
            *registry = built.registry;
            fit_together(&problems).map(|()| true)
        })
    }

    /// Offers something else as a part, wherever that is.
    pub(super) fn replace(part: PartId, with: Replacement) -> Self {
        Self::change(move |registry, terms| {
            let replaced = registry.replace(part, with, &terms.parts, &terms.host.states);
            replaced.or_else(|problems| fit_together(&problems).map(|()| false))
        })
    }

    pub(super) fn remove_tool(name: String) -> Self {
        Self::change(move |registry, _| Ok(registry.tools.remove(&name).is_some()))
    }

    pub(super) fn remove_prompt(name: String) -> Self {
        Self::change(move |registry, _| Ok(registry.prompts.remove(&name).is_some()))
    }

    pub(super) fn remove_resource(uri: String) -> Self {
        Self::change(move |registry, _| Ok(registry.remove_resource(&uri)))
    }

    /// The same, with what the functions of users have to say about it. They are asked while no lock is held, since
    /// they may use a handle themselves.
    fn decided(self, registry: &Registry) -> Self {
        match self {
            Self::Turn(is_on, Choice(chooses)) => Self::Turned(is_on, registry.chosen(&*chooses)),
            other => other,
        }
    }

    /// What is wrong with it, if something is; whether it changes anything.
    fn apply(self, registry: &mut Registry, terms: &Terms) -> Result<bool, Error> {
        match self {
            Self::Change(Changing(change)) => change(registry, terms),
            undecided @ Self::Turn(..) => undecided.decided(registry).apply(registry, terms),
            Self::Turned(is_on, chosen) => Ok(registry.turn(is_on, &chosen) > 0),
        }
    }
}

fn fit_together(problems: &[String]) -> Result<(), Error> {
    match problems {
        [] => Ok(()),
        problems => Err(Error::new(ErrorKind::Configuration, problems.join("\n"))),
    }
}

impl Live {
    pub(super) fn new(events: Arc<Events>) -> Self {
        Self {
            state: Mutex::new(State::Waiting(Vec::new())),
            changing: Mutex::default(),
            version: AtomicU64::new(0),
            may_change: AtomicBool::new(false),
            has_handle: AtomicBool::new(false),
            hides_resources: AtomicBool::new(false),
            events,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn events(&self) -> &Arc<Events> {
        &self.events
    }

    pub(super) fn may_change(&self) -> bool {
        self.may_change.load(Ordering::Relaxed)
    }

    /// From now on what is offered may change, and clients are told that it may.
    pub(super) fn will_change(&self) {
        self.may_change.store(true, Ordering::Relaxed);
    }

    /// From now on somebody may change what is offered by a handle.
    pub(super) fn hand_out(&self) {
        self.has_handle.store(true, Ordering::Relaxed);
        self.will_change();
    }

    pub(super) fn has_handle(&self) -> bool {
        self.has_handle.load(Ordering::Relaxed)
    }

    /// Begins with what a server was given and what was made of it since.
    pub(super) fn start(&self, offers: Offers, policy: Policy, host: &Arc<Host>) -> Result<Arc<Offering>, Error> {
        let rules = Rules::new(policy, offers.layers.clone(), offers.filters.clone());
        let built = Built::new(offers, policy);
        let mut problems = built.problems(&host.states);
        let mut registry = built.registry;
        let terms = Terms { host: host.clone(), rules, parts: built.parts };
        registry.may_change = self.may_change();
        let mut state = loop {
            let mut state = self.lock();
            let amendments = match &mut *state {
                State::Waiting(amendments) if !amendments.is_empty() => std::mem::take(amendments),
                _ => break state,
            };
            drop(state);
            // Meanwhile there may come more.
            for amendment in amendments {
                problems.extend(amendment.apply(&mut registry, &terms).err().map(|error| error.to_string()));
            }
        };
        fit_together(&problems)?;
        self.hides_resources.store(registry.hides_resources(), Ordering::Release);
        let offering = Arc::new(Offering::new(registry));
        *state = State::Running { offering: offering.clone(), terms: Arc::new(terms) };
        self.version.fetch_add(1, Ordering::Release);
        Ok(offering)
    }

    /// Changes what is offered, and tells everyone. Whether it changed anything; before the server runs that
    /// is not known yet, and what does not fit is found when it starts.
    pub(super) fn amend(&self, mut amendment: Amendment) -> Result<bool, Error> {
        // What is offered at this moment is what can be chosen; what others change meanwhile stays so.
        if let Some((offering, _)) = self.current() {
            amendment = amendment.decided(&offering.registry);
        }
        // One after the other; those who only want to know what is offered need not wait for it.
        let turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (earlier, terms) = {
            let mut state = self.lock();
            match &mut *state {
                State::Waiting(amendments) => {
                    amendments.push(amendment);
                    return Ok(true);
                }
                State::Running { .. } if matches!(amendment, Amendment::Turn(..)) => {
                    // It has begun to run just now.
                    drop((state, turn));
                    return self.amend(amendment);
                }
                State::Running { offering, terms } => (offering.clone(), terms.clone()),
            }
        };
        let mut registry = earlier.registry.clone();
        if !amendment.apply(&mut registry, &terms)? {
            return Ok(false);
        }
        let (next, changed) = earlier.followed_by(registry);
        self.hides_resources.store(next.registry.hides_resources(), Ordering::Release);
        let offering = Arc::new(next);
        *self.lock() = State::Running { offering, terms };
        self.version.fetch_add(1, Ordering::Release);
        changed.into_iter().for_each(|list| self.events.changed(&Change::List(list)));
        Ok(true)
    }

    /// What whoever makes this request may see of the resources, at any time after it.
    pub(super) fn sight(self: &Arc<Self>, round: Round) -> Sight {
        let live = self.clone();
        // It is kept for long: what only the request itself was about is not.
        let round = Round { meta: None, progress_token: None, ..round };
        Sight::new(move |uri| {
            if !live.hides_resources.load(Ordering::Acquire) {
                return true;
            }
            let requester: &dyn Fn() -> Requester = &|| Requester::new(round.clone());
            let is_there = |(offering, _): (Arc<Offering>, u64)| {
                offering.registry.find_resource(uri, &LazyCell::new(requester)).is_some()
            };
            live.current().is_some_and(is_there)
        })
    }

    /// The current offering, and its version.
    pub(super) fn current(&self) -> Option<(Arc<Offering>, u64)> {
        let state = self.lock();
        let State::Running { offering, .. } = &*state else { return None };
        Some((offering.clone(), self.version.load(Ordering::Acquire)))
    }

    /// The server that a part is of, if that is mounted on this one.
    pub(super) fn host_of(&self, part: PartId) -> Option<Arc<Host>> {
        let state = self.lock();
        let State::Running { terms, .. } = &*state else { return None };
        terms.parts.iter().find(|(id, _)| *id == part).and_then(|(_, rules)| rules.host.clone())
    }

    /// The current offering, if `seen` is the version of an earlier one; then that becomes its version.
    pub(super) fn newer(&self, seen: &mut u64) -> Option<Arc<Offering>> {
        if self.version.load(Ordering::Acquire) == *seen {
            return None;
        }
        let (offering, version) = self.current()?;
        *seen = version;
        Some(offering)
    }
}
