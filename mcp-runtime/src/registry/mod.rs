//! What callers call things, to what is known of these, in the order of registration: tools and
//! prompts by name, resources by URI.

mod build;
mod choices;
mod completion;
mod dyn_prompt;
mod dynamic;
mod file;
mod resource;
mod schema;
mod spec;
mod template;
mod toolbox;

use std::cell::LazyCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub(crate) use build::{Built, Describe, Offers, Policy};
pub(crate) use completion::{Completable, Source};
pub use dyn_prompt::DynPrompt;
pub use dynamic::DynTool;
pub use resource::Resource;
pub use spec::{
    OutputSchema, PromptFn, PromptSpec, Prompts, ResourceFacts, ResourceFn, ResourceSpec, Resources, Tool, ToolSpec,
    Tools, UNFINISHED, UNFINISHED_PROMPT, UNFINISHED_RESOURCE,
};

use foldhash::HashMap;

use crate::context::{Context, Host, Requester};
use crate::engine::{CallLimits, Finished, Kind, Resume, TaskMode};
use crate::protocol::{self, CacheScope, ErrorCode, ErrorObject, Extensions, ServerResult};
use crate::schema::{listed, nearest, shortened};
use crate::tool::{ArgumentSchema, ArgumentTable, Arguments, Handler, Progress, Receiver, Started, ToolCall};
use template::Template;

/// One function of a server, ready to be called.
pub(crate) struct Entry {
    pub(crate) kind: &'static Kind,
    pub(crate) name: Arc<str>,
    module: &'static str,
    pub(crate) limits: CallLimits,
    /// How its calls go on, if it says so.
    pub(crate) resume: Option<Resume>,
    /// When its calls become tasks.
    pub(crate) task: Option<TaskMode>,
    pub(crate) call: EntryCall,
    fill: Fill,
    visible: Option<fn(&Requester) -> bool>,
    /// What can be filled in, of a prompt or of a template.
    completable: Vec<Completable>,
}

/// Who asks, made when a function wants to know, and once for all of them.
pub(crate) type LazyRequester<'r> = LazyCell<Requester, &'r dyn Fn() -> Requester>;

/// How a function is entered.
pub(crate) enum EntryCall {
    Function { function: fn(ToolCall<'_>) -> Started, table: ArgumentTable, receiver: Option<Receiver> },
    Dynamic { handler: Arc<Handler>, schema: Box<ArgumentSchema> },
}

/// What is filled in where a result does not say it.
enum Fill {
    Nothing,
    Prompt { description: Option<String> },
    Resource { mime_type: Option<String>, ttl_ms: Option<u64>, cache_scope: Option<CacheScope> },
}

impl Entry {
    /// Whether whoever asks may see it.
    pub(crate) fn is_visible(&self, requester: &LazyRequester<'_>) -> bool {
        let Some(visible) = self.visible else { return true };
        // In doubt, hidden.
        catch_unwind(AssertUnwindSafe(|| visible(requester))).unwrap_or_else(|_| {
            let noun = self.kind.noun;
            tracing::error!(name = %self.name, "the `visible` function of this {noun} panicked; the {noun} is hidden");
            false
        })
    }

    /// Enters the function; a panic is an outcome.
    pub(crate) fn enter(
        &self,
        host: &Host,
        arguments: Option<&RawValue>,
        extensions: &Extensions,
        requester: &dyn Fn() -> Requester,
        context: &dyn Fn() -> Context,
    ) -> Started {
        let before = Instant::now();
        let started = catch_unwind(AssertUnwindSafe(|| match &self.call {
            EntryCall::Function { function, table, receiver } => function(ToolCall {
                kind: self.kind,
                name: &self.name,
                arguments: Arguments::new(table, arguments),
                host,
                extensions,
                receiver: receiver.as_ref(),
                context,
                requester,
                failure: None,
            }),
            EntryCall::Dynamic { handler, schema } => match schema.read(arguments) {
                Ok(arguments) => handler(arguments, context, host.mask_errors),
                Err(refusal) => Started(Progress::Finished((self.kind.refused)(refusal))),
            },
        }));
        self.kind.noticed_if_slow(&self.name, before);
        started.unwrap_or_else(|panic| Started(Progress::Finished(self.kind.panicked(&self.name, &*panic))))
    }

    /// Whether there is something to fill in.
    pub(crate) fn fills_in(&self) -> bool {
        !matches!(self.fill, Fill::Nothing)
    }

    /// Fills in what a result leaves out; `called` is what it was called by.
    pub(crate) fn fill_in(&self, mut finished: Finished, called: &str) -> Finished {
        match (&self.fill, &mut finished) {
            (Fill::Prompt { description }, Ok(ServerResult::GetPrompt(result))) if result.description.is_none() => {
                result.description.clone_from(description);
            }
            (Fill::Resource { mime_type, ttl_ms, cache_scope }, Ok(ServerResult::ReadResource(result))) => {
                result.ttl_ms = result.ttl_ms.or(*ttl_ms);
                result.cache_scope = result.cache_scope.or(*cache_scope);
                for contents in &mut result.contents {
                    if contents.uri.is_empty() {
                        called.clone_into(&mut contents.uri);
                    }
                    if contents.mime_type.is_none() {
                        contents.mime_type.clone_from(mime_type);
                    }
                }
            }
            (_, Err(error)) if error.code == ErrorCode::ResourceNotFound => return Err(not_found(called)),
            _ => {}
        }
        finished
    }
}

fn not_found(uri: &str) -> ErrorObject {
    ErrorObject::resource_not_found(uri, format!("there is no resource `{uri}`"))
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All functions of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Section<D> {
    entries: Vec<Arc<Entry>>,
    by_key: HashMap<Arc<str>, usize>,
    /// Whether there are some that not everyone sees.
    has_hidden: bool,
    /// As lists describe them.
    pub(crate) described: Arc<Vec<D>>,
}

impl<D> Default for Section<D> {
    fn default() -> Self {
        Self { entries: Vec::new(), by_key: HashMap::default(), has_hidden: false, described: Arc::default() }
    }
}

impl<D> Section<D> {
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
        self.entries.get(*self.by_key.get(key)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter()
    }

    /// The places of those that whoever asks may see; `None` for all.
    pub(crate) fn visible(&self, requester: &LazyRequester<'_>) -> Option<Vec<usize>> {
        self.has_hidden.then(|| {
            let entries = self.entries.iter().enumerate();
            entries.filter(|(_, entry)| entry.is_visible(requester)).map(|(place, _)| place).collect()
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

    /// Those that whoever asks may see, as lists describe them.
    fn seen_by<'s>(&'s self, requester: &'s LazyRequester<'_>) -> impl Iterator<Item = &'s D> {
        let entries = self.entries.iter().zip(&*self.described);
        entries.filter(|(entry, _)| entry.is_visible(requester)).map(|(_, described)| described)
    }

    #[cold]
    fn unknown(&self, noun: &str, name: &str, requester: &LazyRequester<'_>) -> String {
        let visible = self.entries.iter().filter(|entry| entry.is_visible(requester));
        let known: Vec<&str> = visible.map(|entry| &*entry.name).collect();
        match (nearest(name, known.iter().copied()), &known[..]) {
            (Some(meant), _) => format!("unknown {noun} `{name}`; did you mean `{meant}`?"),
            (None, []) => format!("unknown {noun} `{name}`; there are no {noun}s"),
            (None, known) => format!("unknown {noun} `{name}`; the {noun}s are `{}`", known.join("`, `")),
        }
    }
}

/// What a server offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry {
    pub(crate) tools: Section<protocol::Tool>,
    pub(crate) prompts: Section<protocol::Prompt>,
    /// By URI.
    pub(crate) resources: Section<protocol::Resource>,
    /// By template.
    pub(crate) templates: Section<protocol::ResourceTemplate>,
    /// One for each entry of `templates`.
    matchers: Vec<Template>,
    /// Whether there may be other things later, of any kind.
    pub(crate) may_change: bool,
}

impl Registry {
    /// Whether tools are, or may be, a thing of this server.
    pub(crate) fn offers_tools(&self) -> bool {
        self.may_change || !self.tools.is_empty()
    }

    /// Whether prompts are, or may be, a thing of this server.
    pub(crate) fn offers_prompts(&self) -> bool {
        self.may_change || !self.prompts.is_empty()
    }

    /// Whether resources are, or may be, a thing of this server.
    pub(crate) fn offers_resources(&self) -> bool {
        self.may_change || !self.resources.is_empty() || !self.templates.is_empty()
    }

    /// Whether completion is, or may be, a thing of this server.
    pub(crate) fn offers_completions(&self) -> bool {
        self.may_change || self.prompts.iter().chain(self.templates.iter()).any(|entry| entry.completes())
    }

    /// Takes away the resource of a URI, or the template that reads like this. Whether it was there.
    pub(crate) fn remove_resource(&mut self, uri: &str) -> bool {
        if let Some(place) = self.templates.remove(uri) {
            self.matchers.remove(place);
            return true;
        }
        self.resources.remove(uri).is_some()
    }

    /// The resource of a URI, and what its template makes of that: one that has the URI comes before
    /// those whose templates match it, and among these the first.
    ///
    /// # Errors
    ///
    /// That there is none that whoever asks may see.
    pub(crate) fn resource(
        &self,
        uri: &str,
        requester: &LazyRequester<'_>,
    ) -> Result<(&Arc<Entry>, Map<String, Value>), ErrorObject> {
        if let Some(entry) = self.resources.find(uri).filter(|entry| entry.is_visible(requester)) {
            return Ok((entry, Map::new()));
        }
        for (entry, template) in self.templates.iter().zip(&self.matchers) {
            if let Some(variables) = template.read(uri)
                && entry.is_visible(requester)
            {
                return Ok((entry, variables));
            }
        }
        let visible = |place: &usize| self.resources.entries.get(*place).is_some_and(|it| it.is_visible(requester));
        let known = self.resources.by_key.iter().filter(|(_, place)| visible(place)).map(|(known, _)| &**known);
        let mut error = not_found(uri);
        if let Some(meant) = nearest(uri, known) {
            error.message = format!("{}; did you mean `{meant}`?", error.message).into();
        }
        Err(error)
    }

    /// The template that is written like this, or the resource of a URI and what its template makes of that.
    ///
    /// # Errors
    ///
    /// That there is none that whoever asks may see.
    pub(crate) fn template(
        &self,
        uri: &str,
        requester: &LazyRequester<'_>,
    ) -> Result<(&Arc<Entry>, Map<String, Value>), ErrorObject> {
        if let Some(entry) = self.templates.find(uri).filter(|entry| entry.is_visible(requester)) {
            return Ok((entry, Map::new()));
        }
        // What has variables is a template, and no URI.
        let found = if Template::has_variables(uri) { None } else { self.resource(uri, requester).ok() };
        found.ok_or_else(|| {
            let visible = self.templates.iter().zip(&self.matchers).filter(|(entry, _)| entry.is_visible(requester));
            let known: Vec<&str> = visible.map(|(_, template)| template.as_str()).collect();
            let uri = shortened(uri);
            ErrorObject::invalid_params(match (nearest(&uri, known.iter().copied()), &known[..]) {
                (Some(meant), _) => format!("there is no resource template `{uri}`; did you mean `{meant}`?"),
                (None, []) => format!("there is no resource template `{uri}`; there are none"),
                (None, known) => format!("there is no resource template `{uri}`; there are {}", listed(known)),
            })
        })
    }
}
