//! What is known of a parameter before any call: how it is described, what it must be like, and
//! which state it needs.

use std::any::type_name;
use std::fmt;

use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::completion::{Completer, CompleterOf, ErasedCompleter, IntoCompletion};
use crate::context::States;
use crate::schema::Rule;

/// One parameter of a tool's function, as `#[tool]` writes it down.
pub struct ParamSpec {
    /// The name that callers use; empty for what only the server gives.
    pub name: &'static str,
    /// What it is; empty for nothing to say.
    pub description: &'static str,
    /// Whether the caller gives it or the server.
    pub kind: ParamKind,
    /// What `#[arg(..)]` says of it; asked once, when the server starts.
    pub details: Option<fn(&mut ParamDetails)>,
}

impl ParamSpec {
    /// A parameter of which nothing more is said.
    #[must_use]
    pub const fn new(name: &'static str, description: &'static str, kind: ParamKind) -> Self {
        Self { name, description, kind, details: None }
    }

    /// The same with details.
    #[must_use]
    pub const fn with(mut self, details: fn(&mut ParamDetails)) -> Self {
        self.details = Some(details);
        self
    }

    pub(crate) fn details(&self) -> ParamDetails {
        let mut collected = ParamDetails::default();
        if let Some(details) = self.details {
            details(&mut collected);
        }
        collected
    }
}

impl fmt::Debug for ParamSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParamSpec").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
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
        /// Whether JSON decodes as it.
        decodes: fn(&str) -> serde_json::Result<()>,
        /// It is the whole object of arguments, not one of them.
        whole: bool,
    },
    /// It does not.
    Injected {
        /// The states that must have been given to the server.
        needs: &'static [StateNeed],
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

/// What `#[arg(..)]` says of an argument.
#[derive(Debug, Default)]
pub struct ParamDetails {
    pub(crate) title: Option<&'static str>,
    pub(super) rules: Vec<Rule>,
    pub(crate) default: Option<Result<Box<RawValue>, String>>,
    pub(crate) examples: Vec<Result<Box<RawValue>, String>>,
    pub(crate) deprecated: bool,
    pub(crate) header: Option<&'static str>,
    pub(crate) flatten: bool,
    pub(crate) undescribed: bool,
    pub(crate) completer: Option<ErasedCompleter>,
}

impl ParamDetails {
    /// Its name for people.
    pub fn title(&mut self, title: &'static str) {
        self.title = Some(title);
    }

    /// A value that it may have.
    pub fn example<T: Serialize + ?Sized>(&mut self, example: &T) {
        self.examples.push(to_raw_value(example).map_err(|error| error.to_string()));
    }

    /// Callers should no longer give it.
    pub fn deprecated(&mut self) {
        self.deprecated = true;
    }

    /// Its fields are arguments.
    pub fn flatten(&mut self) {
        self.flatten = true;
    }

    /// It may do without a description.
    pub fn undescribed(&mut self) {
        self.undescribed = true;
    }

    /// What completes it.
    pub fn complete<C: Completer<M>, M, N>(&mut self, completer: C)
    where
        C::Returned: IntoCompletion<N>,
    {
        self.completer = Some(ErasedCompleter::new(completer));
    }

    /// What completes it, of a method of `T`.
    pub fn complete_of<T, C: CompleterOf<T, M>, M, N>(&mut self, completer: C)
    where
        C::Returned: IntoCompletion<N>,
    {
        self.completer = Some(ErasedCompleter::of(completer));
    }

    pub(super) fn rule(&mut self, rule: Rule) {
        if !rule.says_nothing() {
            self.rules.push(rule);
        }
    }

    pub(super) fn default_value<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.default = Some(to_raw_value(value).map_err(|error| error.to_string()));
    }

    /// Writes all but what needs a closer look into the schema of the argument.
    pub(crate) fn write(&self, schema: &mut serde_json::Map<String, Value>) {
        self.rules.iter().for_each(|rule| rule.write(schema));
        if let Some(title) = self.title {
            schema.insert("title".to_owned(), title.into());
        }
        if self.deprecated {
            schema.insert("deprecated".to_owned(), true.into());
        }
        if let Some(header) = self.header {
            schema.insert("x-mcp-header".to_owned(), header.into());
        }
    }
}

/// A state that a tool needs, for [`Inject::NEEDS`](super::Inject::NEEDS).
#[derive(Clone, Copy)]
pub struct StateNeed {
    pub(crate) name: fn() -> &'static str,
    pub(crate) is_there: fn(&States) -> bool,
    pub(crate) twice: fn(&States) -> bool,
}

impl StateNeed {
    /// A state of this type.
    #[must_use]
    pub const fn of<T: Send + Sync + 'static>() -> Self {
        Self {
            name: || type_name::<T>(),
            is_there: |states| states.get::<T>().is_some(),
            twice: |states| states.twice::<T>(),
        }
    }
}

impl fmt::Debug for StateNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateNeed").field(&(self.name)()).finish()
    }
}
