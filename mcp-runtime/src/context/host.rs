//! What a function may use of the server that it runs in.

use std::any::{Any, TypeId, type_name};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::sampling::{AnyProvider, SamplingFallback};
use crate::subscription::Events;

/// What a function may use of the server that it runs in.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) states: States,
    /// The server's own model, and when it is asked.
    pub(crate) model: Option<Arc<dyn AnyProvider>>,
    pub(crate) fallback: SamplingFallback,
    /// Whether callers see only what errors say that were made for them.
    pub(crate) mask_errors: bool,
    /// Where it is said that something has changed.
    pub(crate) events: Arc<Events>,
    /// What stands before the names of its functions, if they are offered by other servers: that of the outermost
    /// first.
    pub(crate) prefix: Vec<Arc<str>>,
}

impl Host {
    /// A name, as clients of the server that offers it know it: `add` is `prefix_add`.
    pub(crate) fn name(&self, name: &str) -> Arc<str> {
        match &self.prefix[..] {
            [] => name.into(),
            prefix => format!("{}_{name}", prefix.join("_")).into(),
        }
    }

    /// A name or a URI, as the server knows it that is mounted so deep: without what stands outside of it.
    pub(crate) fn inner(&self, called: &str, depth: usize) -> Arc<str> {
        let outside = &self.prefix[..depth.min(self.prefix.len())];
        if outside.is_empty() {
            return called.into();
        }
        let Some((scheme, rest)) = called.split_once(':') else { return self.inner_name(called, depth) };
        let (slashes, rest) = rest.strip_prefix("//").map_or(("", rest), |rest| ("//", rest));
        let rest = rest.strip_prefix(&format!("{}/", outside.join("/"))).unwrap_or(rest);
        format!("{scheme}:{slashes}{rest}").into()
    }

    /// A name, as the server knows it that is mounted so deep.
    pub(crate) fn inner_name(&self, name: &str, depth: usize) -> Arc<str> {
        let outside = &self.prefix[..depth.min(self.prefix.len())];
        match outside {
            [] => name.into(),
            outside => name.strip_prefix(&format!("{}_", outside.join("_"))).unwrap_or(name).into(),
        }
    }

    /// A URI, as clients of the server that offers it know it: `a://b` is `a://prefix/b`.
    pub(crate) fn uri<'u>(&self, uri: &'u str) -> Cow<'u, str> {
        if self.prefix.is_empty() {
            return Cow::Borrowed(uri);
        }
        let between = if uri.contains("://") { "://" } else { ":" };
        let (scheme, rest) = uri.split_once(between).unwrap_or((uri, ""));
        Cow::Owned(format!("{scheme}{between}{}/{rest}", self.prefix.join("/")))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("states", &self.states).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What was given to a server, by type.
#[derive(Default)]
pub(crate) struct States {
    by_type: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// Types that were given twice.
    pub(crate) repeated: Vec<&'static str>,
}

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, state: T) {
        if self.by_type.insert(TypeId::of::<T>(), Arc::new(state)).is_some() {
            self.repeated.push(type_name::<T>());
        }
    }

    /// A state, given as `T` or as `Arc<T>`.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        if let Some(state) = self.by_type.get(&TypeId::of::<T>()) {
            return state.clone().downcast().ok();
        }
        self.by_type.get(&TypeId::of::<Arc<T>>())?.downcast_ref::<Arc<T>>().cloned()
    }

    /// Given as `T` and as `Arc<T>`.
    pub(crate) fn twice<T: Send + Sync + 'static>(&self) -> bool {
        self.by_type.contains_key(&TypeId::of::<T>()) && self.by_type.contains_key(&TypeId::of::<Arc<T>>())
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States({})", self.by_type.len())
    }
}
