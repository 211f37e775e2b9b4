use std::convert::identity;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::spec::Details;
use crate::context::{Context, Requester};
use crate::engine::{Kind, Resume};
use crate::protocol::{Icon, Meta, Prompt, PromptArgument};
use crate::tool::{
    ArgumentSchema, Completer, ErasedCompleter, Handler, IntoCompletion, IntoPromptResult, Leniency, PROMPT, Started,
};

/// A prompt that is known only when the program runs: read from a file, or taken over from another
/// server.
///
/// Its arguments are text. What is missing or not known is refused before the handler runs.
///
/// ```
/// use mcp_runtime::DynPrompt;
/// use mcp_runtime::prelude::*;
///
/// let translate = DynPrompt::new("translate", |arguments, _ctx| async move {
///     format!("Translate into {}: {}", arguments["language"], arguments["text"])
/// })
/// .description("Translate a text.")
/// .argument("language", "Into which language.")
/// .argument("text", "What to translate.");
///
/// let server = Server::new("translator").prompts(translate);
/// ```
pub struct DynPrompt {
    pub(super) prompt: Prompt,
    pub(super) details: Details,
    pub(super) handler: Arc<Handler>,
    pub(super) completers: Vec<(String, ErasedCompleter)>,
}

impl DynPrompt {
    /// A prompt of this name. `function` gets the arguments and the context of each call, and returns
    /// what a function that carries [`#[prompt]`](macro@crate::prompt) may return.
    pub fn new<F, R>(
        name: impl Into<String>,
        function: impl Fn(Map<String, Value>, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoPromptResult,
    {
        let prompt = Prompt { name: name.into(), ..Prompt::default() };
        let mut details = Details::default();
        if prompt.name.is_empty() {
            details.problems.push("it needs a name".to_owned());
        }
        let handler: Arc<Handler> = Arc::new(move |arguments, context, mask_errors| {
            let future = function(arguments, context());
            Started::running(async move { future.await.into_prompt_result() }, identity, &PROMPT, mask_errors)
        });
        Self { prompt, details, handler, completers: Vec::new() }
    }

    /// A prompt as another server describes it.
    #[cfg(feature = "client")]
    pub(crate) fn of<F, R>(
        prompt: Prompt,
        function: impl Fn(Map<String, Value>, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoPromptResult,
    {
        let mut new = Self::new(prompt.name.clone(), function);
        new.details.icons.clone_from(&prompt.icons);
        new.details.meta.clone_from(&prompt.meta);
        new.prompt = prompt;
        new
    }

    /// How calls go on that ask their client, if not as [`Server::resume`](crate::Server::resume) says.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.details.resume(resume);
        self
    }

    /// The name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.prompt.title = Some(title.into());
        self
    }

    /// What it is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.prompt.description = Some(description.into());
        self
    }

    /// Adds an argument that must be given.
    #[must_use]
    pub fn argument(self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.add(name.into(), description.into(), true)
    }

    /// Adds an argument that may be left out.
    #[must_use]
    pub fn optional_argument(self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.add(name.into(), description.into(), false)
    }

    fn add(mut self, name: String, description: String, required: bool) -> Self {
        if self.prompt.arguments.iter().any(|earlier| earlier.name == name) {
            self.details.problems.push(format!("it has two arguments that are named `{name}`"));
        }
        let description = Some(description);
        self.prompt.arguments.push(PromptArgument { name, title: None, description, required });
        self
    }

    /// Completes an argument, as `#[arg(complete = ..)]` does: with a function, or with values that are always the same
    /// ([`Completer`]).
    ///
    /// ```
    /// use mcp_runtime::{Completing, DynPrompt};
    ///
    /// let prompt = DynPrompt::new("translate", async |arguments, _ctx| format!("Translate {}", arguments["text"]))
    ///     .argument("text", "What to translate.")
    ///     .argument("language", "Into which language.")
    ///     .complete("language", |_: &Completing| ["Dutch", "English", "French"]);
    /// ```
    #[must_use]
    pub fn complete<C: Completer<M>, M, N>(mut self, argument: impl Into<String>, completer: C) -> Self
    where
        C::Returned: IntoCompletion<N>,
    {
        self.completers.push((argument.into(), ErasedCompleter::new(completer)));
        self
    }

    /// Adds a picture for user interfaces.
    #[must_use]
    pub fn icon(mut self, icon: impl Into<Icon>) -> Self {
        self.details.icons([icon]);
        self
    }

    /// Its metadata.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.details.meta = Some(meta);
        self
    }

    /// For how long it may run, not counting the time that it waits for the client.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.details.timeout(timeout);
        self
    }

    /// Who sees the prompt and can get it.
    #[must_use]
    pub fn visible(mut self, visible: fn(&Requester) -> bool) -> Self {
        self.details.visible(visible);
        self
    }

    /// What its arguments must be like.
    pub(super) fn schema(&self, kind: &'static Kind, name: Arc<str>) -> ArgumentSchema {
        let arguments = &self.prompt.arguments;
        let property = |argument: &PromptArgument| (argument.name.clone(), json!({ "type": "string" }));
        let required = arguments.iter().filter(|argument| argument.required).map(|argument| json!(argument.name));
        let schema = Map::from_iter([
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), Value::Object(arguments.iter().map(property).collect())),
            ("required".to_owned(), required.collect()),
            ("additionalProperties".to_owned(), json!(false)),
        ]);
        ArgumentSchema::new(kind, name, schema, Leniency::Text, true)
    }
}

impl fmt::Debug for DynPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynPrompt").field("name", &self.prompt.name).finish_non_exhaustive()
    }
}
