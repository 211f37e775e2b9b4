//! What completes arguments of prompts and variables of resources: what its function is told, what the function may
//! look like, what it returns, and which of that fits.

mod completer;
mod rank;
mod values;

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

pub(crate) use completer::ErasedCompleter;
pub use completer::{Awaited, Completer, CompleterOf, Fixed, Free, Lent, Plain, Proposing};
pub(crate) use rank::rank;
pub use values::{IntoCompletion, Iterated, Listed};

use super::arguments::from_text;
use super::input::State;
use crate::context::{Host, Requester, ToolError};

/// An argument that somebody fills in: what they have typed so far, what else is filled in already, and who asks
/// ([specification]).
///
/// A function that completes an argument takes it, see [`Completer`].
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// fn frameworks(asked: &Completing) -> &'static [&'static str] {
///     match asked.text("language") {
///         Some("python") => &["django", "flask", "pyramid"],
///         Some("rust") => &["axum", "rocket"],
///         _ => &[],
///     }
/// }
///
/// /// Review code.
/// #[prompt]
/// fn review(
///     /// The language of the code.
///     #[arg(complete = ["python", "rust"])]
///     language: &str,
///     /// What it is written with.
///     #[arg(complete = frameworks)]
///     framework: &str,
/// ) -> String {
///     format!("Review this {language} code, written with {framework}.")
/// }
/// ```
///
/// It cannot ask the client anything: a completion is one request and one answer.
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion
pub struct Completing {
    pub(crate) name: String,
    pub(crate) typed: String,
    pub(crate) arguments: BTreeMap<String, String>,
    pub(crate) requester: Requester,
    pub(crate) host: Arc<Host>,
}

impl Completing {
    /// The name of the argument: one function may complete several.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was typed so far; empty at the beginning. A list that is returned need not look at it.
    #[must_use]
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Another argument, as text; `None` while it is not filled in. Clients of revisions before 2025-06-18 never say
    /// what is.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).map(String::as_str)
    }

    /// Another argument, read as an argument of this type is; `None` while it is not filled in, or cannot be read.
    ///
    /// ```
    /// use mcp_runtime::Completing;
    ///
    /// fn months(asked: &Completing) -> Vec<u32> {
    ///     let year: Option<u32> = asked.argument("year");
    ///     if year == Some(2026) { (1..=7).collect() } else { (1..=12).collect() }
    /// }
    /// ```
    #[must_use]
    pub fn argument<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        from_text(self.text(name)?)
    }

    /// All other arguments that are filled in, by name.
    pub fn arguments(&self) -> impl Iterator<Item = (&str, &str)> {
        self.arguments.iter().map(|(name, value)| (&**name, &**value))
    }

    /// A state of the server. A function that takes it as a parameter, `db: State<Db>`, has it checked when the
    /// server starts.
    ///
    /// # Errors
    ///
    /// When the server was not given one of this type.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>, ToolError> {
        let missing = || {
            let wanted = type_name::<T>();
            tracing::error!(
                argument = self.name,
                state = wanted,
                "a completion needs a state that the server was not given"
            );
            ToolError::new(format!("the server has no state of type `{wanted}`"))
        };
        self.host.states.get().map(State).ok_or_else(missing)
    }

    /// Who asks, as far as the request says it.
    #[must_use]
    pub fn requester(&self) -> &Requester {
        &self.requester
    }
}

impl fmt::Debug for Completing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completing")
            .field("name", &self.name)
            .field("typed", &self.typed)
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}
