//! What is known of a parameter before any call: how it is described, and which state it needs.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use schemars::{Schema, SchemaGenerator};

/// One parameter of a tool's function.
#[derive(Debug)]
pub struct ParamSpec {
    /// The name that callers use.
    pub name: &'static str,
    /// What it is; empty for nothing to say.
    pub description: &'static str,
    /// Whether the caller gives it or the server.
    pub kind: ParamKind,
}

impl ParamSpec {
    pub(crate) fn is_argument(&self) -> bool {
        matches!(self.kind, ParamKind::Argument { .. })
    }

    pub(crate) fn schema(&self, generator: &mut SchemaGenerator) -> Option<Schema> {
        match self.kind {
            ParamKind::Argument { schema, .. } => Some(schema(generator)),
            ParamKind::Injected { .. } => None,
        }
    }

    /// Whether callers may leave it out.
    pub(crate) fn takes_null(&self) -> bool {
        matches!(self.kind, ParamKind::Argument { takes_null, .. } if takes_null())
    }
}

/// How a parameter is described.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum ParamKind {
    /// It stands in the input schema.
    Argument {
        /// Its schema.
        schema: fn(&mut SchemaGenerator) -> Schema,
        /// Whether it may be absent, which is decoded like null.
        takes_null: fn() -> bool,
    },
    /// It does not.
    Injected {
        /// The state that must have been given to the server.
        needs: Option<StateNeed>,
    },
}

impl fmt::Debug for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argument { .. } => "Argument",
            Self::Injected { .. } => "Injected",
        })
    }
}

/// A state that a tool needs.
#[derive(Clone, Copy)]
pub struct StateNeed {
    pub(crate) name: fn() -> &'static str,
    pub(crate) is_there: fn(&States) -> bool,
    pub(crate) twice: fn(&States) -> bool,
}

impl fmt::Debug for StateNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateNeed").field(&(self.name)()).finish()
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
    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        if let Some(state) = self.by_type.get(&TypeId::of::<T>()) {
            return state.clone().downcast().ok();
        }
        self.by_type.get(&TypeId::of::<Arc<T>>())?.downcast_ref::<Arc<T>>().cloned()
    }

    /// Given as `T` and as `Arc<T>`.
    pub(super) fn twice<T: Send + Sync + 'static>(&self) -> bool {
        self.by_type.contains_key(&TypeId::of::<T>()) && self.by_type.contains_key(&TypeId::of::<Arc<T>>())
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States({})", self.by_type.len())
    }
}
