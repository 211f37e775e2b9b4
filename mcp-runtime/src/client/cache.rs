//! What a server said and how long it may be kept ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::protocol::{Change, ListKind, Method};

/// What is kept, by request.
pub(super) struct Cache {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    results: HashMap<Key, Result>,
    /// The oldest first; some may be gone.
    order: VecDeque<(Key, u64)>,
    bytes: usize,
    last: u64,
    /// How often something of a method became void.
    voided: HashMap<&'static str, u64>,
}

/// A request: its method, and what of its parameters makes a difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    method: &'static str,
    params: String,
}

struct Result {
    result: Box<RawValue>,
    until: Instant,
    number: u64,
}

/// A request that was made; what became void since must not be kept.
pub(super) struct Asked {
    key: Key,
    voided: u64,
}

impl Key {
    fn size(&self) -> usize {
        size_of::<Self>() + self.params.len()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hints {
    #[serde(default)]
    ttl_ms: Option<f64>,
}

impl Cache {
    /// Keeps up to so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept of a request and still fresh, or the request to make.
    pub(super) fn find(
        &self,
        method: Method,
        params: &Map<String, Value>,
    ) -> std::result::Result<Box<RawValue>, Asked> {
        let method = method.as_str();
        let key = Key { method, params: Value::Object(params.clone()).to_string() };
        let kept = self.lock();
        match kept.results.get(&key) {
            Some(found) if Instant::now() < found.until => Ok(found.result.clone()),
            _ => Err(Asked { voided: kept.voided.get(method).copied().unwrap_or_default(), key }),
        }
    }

    /// Keeps what came, if it may be.
    pub(super) fn keep(&self, Asked { key, voided }: Asked, result: &RawValue) {
        let size = key.size() + result.get().len();
        let hints: Option<Hints> = serde_json::from_str(result.get()).ok();
        let Some(ttl_ms) = hints.and_then(|hints| hints.ttl_ms).filter(|ttl| *ttl >= 1.0) else { return };
        // Nobody waits for longer than a day without asking again.
        let time = Duration::from_millis(ttl_ms.min(86_400_000.0) as u64);
        let mut kept = self.lock();
        if size > self.most || kept.voided.get(key.method).copied().unwrap_or_default() != voided {
            return;
        }
        kept.remove(&key);
        while kept.bytes + size > self.most {
            let Some((oldest, number)) = kept.order.pop_front() else { break };
            if kept.results.get(&oldest).is_some_and(|it| it.number == number) {
                kept.remove(&oldest);
            }
        }
        kept.last += 1;
        let number = kept.last;
        kept.bytes += size;
        kept.order.push_back((key.clone(), number));
        kept.results.insert(key, Result { result: result.to_owned(), until: Instant::now() + time, number });
        if kept.order.len() > 2 * kept.results.len() + 16 {
            let Kept { order, results, .. } = &mut *kept;
            order.retain(|(key, number)| results.get(key).is_some_and(|it| it.number == *number));
        }
    }

    /// What was kept of this method is void.
    pub(super) fn void_all(&self, method: Method) {
        let mut kept = self.lock();
        *kept.voided.entry(method.as_str()).or_default() += 1;
        let void: Vec<Key> = kept.results.keys().filter(|key| key.method == method.as_str()).cloned().collect();
        void.iter().for_each(|key| kept.remove(key));
    }

    /// Something has changed: what was kept of it is void.
    pub(super) fn void(&self, change: &Change) {
        let methods: &[Method] = match change {
            Change::List(ListKind::Tools) => &[Method::ToolsList],
            Change::List(ListKind::Prompts) => &[Method::PromptsList],
            Change::List(_) => &[Method::ResourcesList, Method::ResourcesTemplatesList, Method::SkillsList],
            Change::Resource(_) => &[Method::ResourcesRead],
        };
        let mut kept = self.lock();
        for method in methods {
            *kept.voided.entry(method.as_str()).or_default() += 1;
        }
        let is_void = |key: &Key| {
            methods.iter().any(|method| method.as_str() == key.method)
                && match change {
                    Change::List(_) => true,
                    // What was updated may be a part of what was read.
                    Change::Resource(uri) => uri_of(key).is_none_or(|read| uri.starts_with(&*read)),
                }
        };
        let void: Vec<Key> = kept.results.keys().filter(|key| is_void(key)).cloned().collect();
        void.iter().for_each(|key| kept.remove(key));
    }
}

fn uri_of(key: &Key) -> Option<String> {
    #[derive(Deserialize)]
    struct Read {
        uri: String,
    }
    serde_json::from_str(&key.params).ok().map(|Read { uri }| uri)
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        if let Some(removed) = self.results.remove(key) {
            self.bytes -= key.size() + removed.result.get().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params(uri: &str) -> Map<String, Value> {
        Map::from_iter([("uri".to_owned(), json!(uri))])
    }

    fn keep(cache: &Cache, uri: &str, result: &str) {
        let Err(asked) = cache.find(Method::ResourcesRead, &params(uri)) else { panic!("{uri} is kept already") };
        cache.keep(asked, serde_json::from_str(result).expect("JSON"));
    }

    fn has(cache: &Cache, uri: &str) -> bool {
        cache.find(Method::ResourcesRead, &params(uri)).is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_kept_is_kept_for_as_long_as_it_may() {
        let cache = Cache::new(10_000);
        keep(&cache, "a:1", r#"{"ttlMs":1000}"#);
        keep(&cache, "a:0", r#"{"ttlMs":0}"#);
        keep(&cache, "a:none", "{}");
        keep(&cache, "a:less", r#"{"ttlMs":-5}"#);
        keep(&cache, "a:ever", r#"{"ttlMs":1e300}"#);
        assert!(has(&cache, "a:1") && has(&cache, "a:ever"));
        assert!(!has(&cache, "a:0") && !has(&cache, "a:none") && !has(&cache, "a:less"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!has(&cache, "a:1"));
    }

    #[tokio::test]
    async fn what_has_changed_is_void_also_if_it_is_on_its_way() {
        let cache = Cache::new(10_000);
        keep(&cache, "a:1", r#"{"ttlMs":1000}"#);
        keep(&cache, "a:2", r#"{"ttlMs":1000}"#);
        let Err(asked) = cache.find(Method::ResourcesRead, &params("a:3")) else { panic!("it is not kept") };
        cache.void(&Change::List(ListKind::Tools));
        assert!(has(&cache, "a:1"));
        cache.void(&Change::Resource("a:1".into()));
        assert!(!has(&cache, "a:1") && has(&cache, "a:2"));
        cache.keep(asked, serde_json::from_str(r#"{"ttlMs":1000}"#).expect("JSON"));
        assert!(!has(&cache, "a:3"));
    }

    #[tokio::test]
    async fn it_holds_no_more_than_it_may() {
        let cache = Cache::new(1_000);
        for number in 0..200 {
            keep(&cache, &format!("a:{number}"), r#"{"ttlMs":1000}"#);
        }
        let kept = cache.lock();
        assert!(kept.bytes <= 1_000 && kept.results.len() > 3 && kept.order.len() < 64);
        drop(kept);
        assert!(has(&cache, "a:199") && !has(&cache, "a:0"));
        keep(&cache, "a:large", &format!(r#"{{"ttlMs":1000,"x":"{}"}}"#, "x".repeat(2_000)));
        assert!(!has(&cache, "a:large") && has(&cache, "a:199"));
    }
}
