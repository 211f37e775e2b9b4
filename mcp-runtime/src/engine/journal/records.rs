//! What is kept of a call: answers, and results of steps.

use foldhash::HashMap;
use serde_json::value::RawValue;

use crate::engine::RawParams;

/// Values, each under its key, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    list: Vec<(String, RawParams)>,
    by_key: HashMap<String, usize>,
}

impl Records {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &RawValue)> {
        self.list.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    /// Keeps a value; the first one under a key stays.
    pub(crate) fn keep(&mut self, key: String, value: RawParams) {
        if !self.by_key.contains_key(&key) {
            self.by_key.insert(key.clone(), self.list.len());
            self.list.push((key, value));
        }
    }

    pub(super) fn find(&self, key: &str) -> Option<&RawValue> {
        self.by_key.get(key).and_then(|place| self.list.get(*place)).map(|(_, value)| &**value)
    }

    pub(super) fn size(&self) -> usize {
        let each = size_of::<(String, RawParams)>() + size_of::<(String, usize)>();
        self.list.iter().map(|(key, value)| 2 * key.len() + value.get().len() + each).sum()
    }
}

#[cfg(test)]
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.iter().map(|(key, value)| (key, value.get())).eq(other.iter().map(|(key, value)| (key, value.get())))
    }
}
