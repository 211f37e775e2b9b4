//! All functions of one kind, by what callers call them.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::part::PartId;
use super::{Entry, Item, LazyRequester};
use crate::engine::Kind;
use crate::protocol::{CacheScope, ErrorObject};
use crate::schema::nearest;

/// One of a section.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) entry: Arc<Entry>,
    /// Whether it is there for anyone at all.
    pub(super) is_on: bool,
}

/// All functions of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Section<D> {
    places: Places,
    /// As lists describe them.
    pub(crate) described: Arc<Vec<D>>,
}

/// What there is of a section, however lists describe it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub(super) entries: Vec<Place>,
    pub(super) by_key: HashMap<Arc<str>, usize>,
    /// Whether there are some that not everyone sees.
    has_hidden: bool,
}

impl<D> Default for Section<D> {
    fn default() -> Self {
        Self { places: Places::default(), described: Arc::default() }
    }
}

impl<D> Deref for Section<D> {
    type Target = Places;

    fn deref(&self) -> &Places {
        &self.places
    }
}

impl<D> DerefMut for Section<D> {
    fn deref_mut(&mut self) -> &mut Places {
        &mut self.places
    }
}

impl Places {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The name of the one at a place.
    pub(crate) fn key_at(&self, place: usize) -> Option<&str> {
        // Those of a section are few, and this is asked once for a page.
        self.by_key.iter().find(|(_, at)| **at == place).map(|(key, _)| &**key)
    }

    /// The place of a name.
    pub(crate) fn place_of(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn find(&self, key: &str) -> Option<&Arc<Entry>> {
        let place = self.entries.get(*self.by_key.get(key)?)?;
        place.is_on.then_some(&place.entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(|place| place.is_on).map(|place| &place.entry)
    }

    /// Those of which `chooses` says so, whether they are on or off.
    pub(super) fn chosen<'s>(&'s self, chooses: &dyn Fn(Item<'_>) -> bool) -> impl Iterator<Item = Arc<Entry>> {
        self.entries.iter().filter(|place| chooses(place.entry.item())).map(|place| place.entry.clone())
    }

    /// Turns those on, or off, that are at these addresses. How many were not so before.
    pub(super) fn turn(&mut self, is_on: bool, chosen: &HashSet<usize>) -> usize {
        let is_chosen = |place: &Place| chosen.contains(&Arc::as_ptr(&place.entry).addr());
        let others = self.entries.iter_mut().filter(|place| place.is_on != is_on && is_chosen(place));
        others.map(|place| place.is_on = is_on).count()
    }

    /// Whether everyone sees the same.
    pub(crate) fn scope(&self) -> CacheScope {
        if self.has_hidden { CacheScope::Private } else { CacheScope::Public }
    }

    /// Whether there are some that someone does not see.
    pub(super) fn hides_some(&self) -> bool {
        self.has_hidden || self.entries.iter().any(|place| !place.is_on)
    }

    /// The places of those that whoever asks may see; `None` for all.
    pub(crate) fn visible(&self, requester: &LazyRequester<'_>) -> Option<Vec<usize>> {
        self.hides_some().then(|| {
            let entries = self.entries.iter().enumerate();
            let is_visible = |place: &Place| place.is_on && place.entry.is_visible(requester);
            entries.filter(|(_, place)| is_visible(place)).map(|(place, _)| place).collect()
        })
    }

    /// The one of this name, if whoever asks may see it.
    ///
    /// # Errors
    ///
    /// That there is none, and which there are.
    pub(crate) fn named(
        &self,
        kind: &Kind,
        name: &str,
        requester: &LazyRequester<'_>,
    ) -> Result<&Arc<Entry>, ErrorObject> {
        match self.find(name) {
            Some(entry) if entry.is_visible(requester) => Ok(entry),
            _ => Err(ErrorObject::invalid_params(self.unknown(kind.noun, name, requester))),
        }
    }

    #[cold]
    fn unknown(&self, noun: &str, name: &str, requester: &LazyRequester<'_>) -> String {
        let visible = self.iter().filter(|entry| entry.is_visible(requester));
        let known: Vec<&str> = visible.map(|entry| &*entry.name).collect();
        match (nearest(name, known.iter().copied()), &known[..]) {
            (Some(meant), _) => format!("unknown {noun} `{name}`; did you mean `{meant}`?"),
            (None, []) => format!("unknown {noun} `{name}`; there are no {noun}s"),
            (None, known) => format!("unknown {noun} `{name}`; the {noun}s are `{}`", known.join("`, `")),
        }
    }
}

impl Places {
    /// Adds one, or says that there is one of this key already.
    fn add_entry(&mut self, key: Arc<str>, entry: Arc<Entry>) -> Option<String> {
        if let Some(earlier) = self.by_key.get(&key).and_then(|place| self.entries.get(*place)) {
            let earlier = &earlier.entry;
            let noun = entry.kind.noun;
            let (what, cure) = match noun {
                "resource" => ("have the URI", "give one of them another URI".to_owned()),
                _ => ("are named", format!("give one of them another name with `#[{noun}(name = \"..\")]`")),
            };
            return Some(format!(
                "two {noun}s {what} `{key}`: one in `{}`, one in `{}`; {cure}",
                earlier.module, entry.module
            ));
        }
        self.has_hidden |= entry.is_hidden_to_some();
        self.by_key.insert(key, self.entries.len());
        self.entries.push(Place { entry, is_on: true });
        None
    }

    /// Takes one away; says where it was.
    fn take_entry(&mut self, key: &str) -> Option<usize> {
        let place = self.by_key.remove(key)?;
        self.entries.remove(place);
        self.by_key.values_mut().filter(|it| **it > place).for_each(|it| *it -= 1);
        self.has_hidden = self.entries.iter().any(|place| place.entry.is_hidden_to_some());
        Some(place)
    }

    /// What each is known by, by place.
    fn keys(&self) -> Vec<Arc<str>> {
        let mut keys: Vec<_> = self.by_key.iter().collect();
        keys.sort_unstable_by_key(|(_, place)| **place);
        keys.into_iter().map(|(key, _)| key.clone()).collect()
    }
}

impl<D> Section<D> {
    /// Whether it lists the same as that one.
    pub(crate) fn lists_as(&self, other: &Self) -> bool {
        let is_on = |place: &Place| place.is_on;
        Arc::ptr_eq(&self.described, &other.described)
            && self.entries.iter().map(is_on).eq(other.entries.iter().map(is_on))
    }

    /// Those that whoever asks may see, as lists describe them.
    pub(crate) fn seen_by<'s>(&'s self, requester: &'s LazyRequester<'_>) -> impl Iterator<Item = &'s D> {
        let entries = self.entries.iter().zip(&*self.described);
        let is_visible = |place: &Place| place.is_on && place.entry.is_visible(requester);
        entries.filter(move |(place, _)| is_visible(place)).map(|(_, described)| described)
    }
}

impl<D: Clone> Section<D> {
    /// Adds one, or says that there is one of this key already.
    pub(super) fn insert(&mut self, key: Arc<str>, entry: Entry, described: D) -> Option<String> {
        self.insert_shared(key, Arc::new(entry), described)
    }

    /// The same for one that may be elsewhere, too.
    fn insert_shared(&mut self, key: Arc<str>, entry: Arc<Entry>, described: D) -> Option<String> {
        let problem = self.places.add_entry(key, entry);
        if problem.is_none() {
            Arc::make_mut(&mut self.described).push(described);
        }
        problem
    }

    /// Takes one away; says where it was.
    pub(crate) fn remove(&mut self, key: &str) -> Option<usize> {
        let place = self.places.take_entry(key)?;
        Arc::make_mut(&mut self.described).remove(place);
        Some(place)
    }
}

impl<D: PartialEq + Clone> Section<D> {
    /// Offers something else as a part, before those that are later. Whether that differs from what it was.
    pub(super) fn replace(
        &mut self,
        part: PartId,
        new: Self,
        is_later: impl Fn(&Entry) -> bool,
        problems: &mut Vec<String>,
    ) -> bool {
        let is_of_it = |place: &Place| place.entry.part == Some(part);
        let of_it: Vec<usize> =
            (0..).zip(&self.entries).filter(|(_, it)| is_of_it(it)).map(|(place, _)| place).collect();
        let (keys, new_keys) = (self.keys(), new.keys());
        let is_same = |(at, place): (&usize, usize)| {
            keys.get(*at) == new_keys.get(place) && self.described.get(*at) == new.described.get(place)
        };
        if of_it.len() == new.len() && of_it.iter().zip(0..).all(is_same) {
            return false;
        }
        let first = of_it.first().copied();
        let first = first.or_else(|| self.entries.iter().position(|it| is_later(&it.entry)));
        let first = first.unwrap_or(self.entries.len());
        let mut all: Vec<(Arc<str>, Place, D)> = Vec::with_capacity(self.entries.len() + new.len());
        let old = keys.into_iter().zip(&self.entries).zip(&*self.described);
        let old = old.map(|((key, place), described)| (key, place.clone(), described.clone()));
        let (before, mut after) = (first, Vec::new());
        let mut gone = HashMap::default();
        for (at, (key, place, described)) in old.enumerate() {
            match is_of_it(&place) {
                true => _ = gone.insert(key, (place, described)),
                false if at < before => all.push((key, place, described)),
                false => after.push((key, place, described)),
            }
        }
        let new_places = new.places.entries.into_iter().zip(Arc::unwrap_or_clone(new.described));
        for (key, (mut place, described)) in new_keys.into_iter().zip(new_places) {
            match gone.remove(&key) {
                // Its limits, and what its layers know, go on.
                Some((earlier, same)) if same == described => place = earlier,
                Some((earlier, _)) => place.is_on = earlier.is_on,
                None => {}
            }
            all.push((key, place, described));
        }
        all.extend(after);
        *self = Self::default();
        for (key, Place { entry, is_on }, described) in all {
            match self.insert_shared(key, entry, described) {
                None => self.entries.last_mut().into_iter().for_each(|place| place.is_on = is_on),
                Some(problem) => problems.push(problem),
            }
        }
        true
    }
}
