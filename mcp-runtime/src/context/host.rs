//! What a function may use of the server that it runs in.

use std::any::{Any, TypeId, type_name};
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
