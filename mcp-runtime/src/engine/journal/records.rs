//! What is kept of a call under names: answers, results of steps, and how often each name was used.

use foldhash::HashMap;
use smallvec::SmallVec;

use crate::engine::RawParams;

/// Values, each under its key, in the order in which they came. Most calls keep one, and many may wait.
#[derive(Debug, Clone)]
pub(crate) struct Keyed<V> {
    list: SmallVec<[(String, V); 1]>,
    /// Where each key is; empty while there are few, which are found faster by looking at them.
    places: HashMap<String, usize>,
}

/// Answers, or results of steps.
pub(crate) type Records = Keyed<RawParams>;

/// How many are few.
const FEW: usize = 8;

impl<V> Keyed<V> {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> {
        self.list.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Keeps a value; the first one under a key stays.
    pub(crate) fn keep(&mut self, key: String, value: V) {
        if self.place(&key).is_none() {
            self.add(key, value);
        }
    }

    /// Adds what is not there.
    fn add(&mut self, key: String, value: V) {
        if self.list.len() == FEW {
            self.places = self.list.iter().enumerate().map(|(place, (key, _))| (key.clone(), place)).collect();
        }
        if self.list.len() >= FEW {
            self.places.insert(key.clone(), self.list.len());
        }
        self.list.push((key, value));
    }

    pub(super) fn find(&self, key: &str) -> Option<&V> {
        self.place(key).map(|place| &self.list[place].1)
    }

    /// Where the value of a key is, and it; it is made if it is not there.
    pub(super) fn place_of(&mut self, key: String) -> (usize, &mut V)
    where
        V: Default,
    {
        let place = match self.place(&key) {
            Some(place) => place,
            None => {
                self.add(key, V::default());
                self.list.len() - 1
            }
        };
        (place, &mut self.list[place].1)
    }

    pub(super) fn key_at(&self, place: usize) -> &str {
        &self.list[place].0
    }

    fn place(&self, key: &str) -> Option<usize> {
        if self.places.is_empty() {
            return self.list.iter().position(|(it, _)| it == key);
        }
        self.places.get(key).copied()
    }

    /// About how many bytes it holds, with so many in each value.
    pub(super) fn size(&self, of_value: impl Fn(&V) -> usize) -> usize {
        let list: usize = self.list.iter().map(|(key, value)| key.len() + of_value(value)).sum();
        let places: usize = self.places.keys().map(|key| key.len() + size_of::<(String, usize)>()).sum();
        let spilled = if self.list.spilled() { self.list.capacity() } else { 0 };
        list + spilled * size_of::<(String, V)>() + places
    }
}

impl<V> Default for Keyed<V> {
    fn default() -> Self {
        Self { list: SmallVec::new(), places: HashMap::default() }
    }
}

#[cfg(test)]
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.iter().map(|(key, value)| (key, value.get())).eq(other.iter().map(|(key, value)| (key, value.get())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_under_a_key_is_found_among_few_and_among_many() {
        let mut kept = Keyed::default();
        for count in 1..=3 * FEW {
            kept.keep(format!("key-{count}"), count);
            kept.keep(format!("key-{count}"), 0);
            let found: Vec<_> = (1..=count + 1).map(|key| kept.find(&format!("key-{key}")).copied()).collect();
            let expected: Vec<_> = (1..=count).map(Some).chain([None]).collect();
            assert_eq!(found, expected);
            assert_eq!(kept.iter().map(|(_, value)| *value).collect::<Vec<_>>(), (1..=count).collect::<Vec<_>>());
        }
    }
}
