use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;
use tower_layer::Layer;
use tower_service::Service;

use super::Built;
use super::dyn_prompt::DynPrompt;
use super::dynamic::DynTool;
use super::resource::Resource;
use crate::context::Requester;
use crate::engine::{Resume, TaskMode, TaskPolicy};
use crate::layer::{AnyLayer, CallError, CallRequest, CallResponse, CallService};
use crate::protocol::{Annotations, CacheScope, Icon, Meta, Role, ToolAnnotations};
use crate::tool::{Leniency, ParamSpec, Receiver, Started, ToolCall};

/// Everything about a function that is known when it is compiled. `#[tool]` and its sisters write it;
/// `more` is what only one of them knows.
pub struct Spec<M> {
    /// The name that callers use.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it does; empty for nothing to say.
    pub description: &'static str,
    /// The module that it was written in.
    pub module: &'static str,
    /// The parameters of the function, in their order.
    pub params: &'static [ParamSpec],
    /// What only its kind has.
    pub more: M,
    /// Decodes the arguments and enters the function.
    pub call: fn(&mut ToolCall<'_>) -> Started,
    /// What the other keys of the attribute say; asked once, when the server starts.
    pub details: Option<fn(&mut Details)>,
}

/// Of a tool: the schema of the structured content, if there is any.
pub type ToolSpec = Spec<fn(&mut SchemaGenerator) -> Option<Schema>>;

/// Of a prompt.
pub type PromptSpec = Spec<()>;

/// Of a resource.
pub type ResourceSpec = Spec<ResourceFacts>;

/// What is known of a resource when it is compiled.
#[derive(Debug, Clone, Copy)]
pub struct ResourceFacts {
    /// Its URI, or the template of the URIs.
    pub uri: &'static str,
    /// The MIME type that its attribute names.
    pub mime_type: Option<&'static str>,
    /// The MIME type of what its function returns, if that is known.
    pub usual_mime_type: Option<&'static str>,
}

impl<M: Copy> Spec<M> {
    /// A function of which nothing more is said.
    #[must_use]
    pub const fn new(
        [name, title, description, module]: [&'static str; 4],
        params: &'static [ParamSpec],
        more: M,
        call: fn(&mut ToolCall<'_>) -> Started,
    ) -> Self {
        Self { name, title, description, module, params, more, call, details: None }
    }

    /// The same with details.
    #[must_use]
    pub const fn with(mut self, details: fn(&mut Details)) -> Self {
        self.details = Some(details);
        self
    }

    pub(super) fn details(&self) -> Details {
        let mut collected = Details::default();
        if let Some(details) = self.details {
            details(&mut collected);
        }
        collected
    }
}

/// Stands in for a tool whose function does not compile.
pub const UNFINISHED: &ToolSpec = &Spec::new([""; 4], &[], |_| None, |call| call.refuse());

/// Stands in for a prompt whose function does not compile.
pub const UNFINISHED_PROMPT: &PromptSpec = &Spec::new([""; 4], &[], (), |call| call.refuse());

/// Stands in for a resource whose function does not compile.
pub const UNFINISHED_RESOURCE: &ResourceSpec =
    &Spec::new([""; 4], &[], ResourceFacts { uri: "", mime_type: None, usual_mime_type: None }, |call| call.refuse());

impl<M> fmt::Debug for Spec<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec").field("name", &self.name).field("params", &self.params).finish_non_exhaustive()
    }
}

/// What the keys of `#[tool(..)]`, `#[prompt(..)]` and `#[resource(..)]` say that most functions do
/// without.
#[derive(Default)]
pub struct Details {
    pub(super) annotations: Option<ToolAnnotations>,
    /// Of a resource.
    pub(super) hints: Option<Annotations>,
    pub(super) size: Option<u64>,
    pub(super) ttl: Option<Duration>,
    pub(super) cache_scope: Option<CacheScope>,
    pub(super) icons: Vec<Icon>,
    pub(super) tags: Vec<Cow<'static, str>>,
    /// What a caller needs.
    pub(super) scopes: Vec<Cow<'static, str>>,
    pub(super) meta: Option<Meta>,
    pub(super) timeout: Option<Duration>,
    pub(super) concurrency: Option<usize>,
    pub(super) leniency: Option<Leniency>,
    pub(super) resume: Option<Resume>,
    pub(super) task: Option<TaskPolicy>,
    pub(super) output_schema: Option<fn(&mut SchemaGenerator) -> Schema>,
    pub(super) visible: Option<fn(&Requester) -> bool>,
    /// Which skill it is the `SKILL.md` of.
    #[cfg(feature = "skills")]
    pub(super) skill: Option<crate::protocol::Skill>,
    pub(super) problems: Vec<String>,
}

impl Details {
    fn annotations(&mut self) -> &mut ToolAnnotations {
        self.annotations.get_or_insert_default()
    }

    /// It changes nothing.
    pub fn read_only(&mut self, hint: bool) {
        self.annotations().read_only_hint = Some(hint);
    }

    /// It may destroy something.
    pub fn destructive(&mut self, hint: bool) {
        self.annotations().destructive_hint = Some(hint);
    }

    /// Calling it twice changes nothing more.
    pub fn idempotent(&mut self, hint: bool) {
        self.annotations().idempotent_hint = Some(hint);
    }

    /// It talks to the world outside.
    pub fn open_world(&mut self, hint: bool) {
        self.annotations().open_world_hint = Some(hint);
    }

    fn hints(&mut self) -> &mut Annotations {
        self.hints.get_or_insert_default()
    }

    /// Who it is for.
    pub fn audience(&mut self, role: Role) {
        self.hints().audience.push(role);
    }

    /// How much it matters, from 0 to 1.
    pub fn priority(&mut self, priority: f64) {
        if !(0.0..=1.0).contains(&priority) {
            self.problems.push(format!("its `priority` must be from 0 to 1, and is {priority}"));
        }
        self.hints().priority = Some(priority);
    }

    /// When it changed, in ISO 8601.
    pub fn last_modified(&mut self, time: impl Into<String>) {
        self.hints().last_modified = Some(time.into());
    }

    /// How many bytes it has.
    pub fn size(&mut self, bytes: u64) {
        self.size = Some(bytes);
    }

    /// For how long clients may keep it.
    pub fn ttl(&mut self, time: Duration) {
        self.ttl = Some(time);
    }

    /// It is the same for everyone, so that anyone may keep it.
    pub fn cache_public(&mut self) {
        self.cache_scope = Some(CacheScope::Public);
    }

    /// It may differ from one caller to the next.
    pub fn cache_private(&mut self) {
        self.cache_scope = Some(CacheScope::Private);
    }

    /// Adds pictures for user interfaces.
    pub fn icons<I: Into<Icon>>(&mut self, icons: impl IntoIterator<Item = I>) {
        self.icons.extend(icons.into_iter().map(Into::into));
    }

    /// Adds words by which it can be told from others.
    pub fn tags<T: Into<Cow<'static, str>>>(&mut self, tags: impl IntoIterator<Item = T>) {
        self.tags.extend(tags.into_iter().map(Into::into));
    }

    /// What a caller must be allowed.
    pub fn scopes<T: Into<Cow<'static, str>>>(&mut self, scopes: impl IntoIterator<Item = T>) {
        self.scopes.extend(scopes.into_iter().map(Into::into));
    }

    /// Sets the metadata, which must be an object.
    pub fn meta(&mut self, meta: impl Serialize) {
        match serde_json::to_value(meta) {
            Ok(Value::Object(meta)) => self.meta = Some(meta),
            Ok(other) => self.problems.push(format!("its `meta` must be a JSON object, not {other}")),
            Err(error) => self.problems.push(format!("its `meta` cannot be written as JSON: {error}")),
        }
    }

    /// For how long it may run, not counting the time that it waits for the client.
    pub fn timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout);
    }

    /// How many calls of it may run at the same time, not counting those that wait for the client.
    pub fn concurrency(&mut self, calls: usize) {
        if calls == 0 {
            self.problems.push("its `concurrency` must be at least 1".to_owned());
        }
        self.concurrency = Some(calls);
    }

    /// Takes arguments only as the schema says.
    pub fn strict(&mut self) {
        self.leniency = Some(Leniency::Strict);
    }

    /// Takes numbers and booleans that arrive as text.
    pub fn lenient(&mut self) {
        self.leniency = Some(Leniency::Lenient);
    }

    /// How its calls go on when their client has answered.
    pub fn resume(&mut self, resume: Resume) {
        self.resume = Some(resume);
    }

    /// Its calls become tasks, for clients that know tasks.
    pub fn task(&mut self) {
        self.task = Some(TaskPolicy::new(TaskMode::Always));
    }

    /// The same, and clients that do not know tasks cannot call it.
    pub fn task_required(&mut self) {
        self.task = Some(TaskPolicy::new(TaskMode::Required));
    }

    /// Its calls become tasks when they take longer than this.
    pub fn task_after(&mut self, time: Duration) {
        self.task = Some(TaskPolicy::new(TaskMode::After(time)));
    }

    /// Who sees the tool and can call it.
    pub fn visible(&mut self, visible: fn(&Requester) -> bool) {
        self.visible = Some(visible);
    }
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Details").finish_non_exhaustive()
    }
}

/// What `#[tool(output_schema = ..)]` can name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot describe what a tool returns",
    label = "has no JSON Schema",
    note = "for a type of your own add `#[derive(schemars::JsonSchema)]`"
)]
pub trait OutputSchema {
    /// Says that it does.
    fn describe(details: &mut Details);
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> OutputSchema for T {
    fn describe(details: &mut Details) {
        details.output_schema = Some(|generator| generator.subschema_for::<T>());
    }
}

/// A function that carries `#[tool]`; implemented by the type of the same name that the macro
/// makes. `tools![..]` collects them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not a tool",
    note = "put `#[tool]` on the function that `tools![..]` names"
)]
pub trait Tool {
    /// All that is known of it.
    const SPEC: &'static ToolSpec;
}

/// A function that carries `#[prompt]`, like [`Tool`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prompt",
    label = "not a prompt",
    note = "put `#[prompt]` on the function that `prompts![..]` names"
)]
pub trait PromptFn {
    /// All that is known of it.
    const SPEC: &'static PromptSpec;
}

/// A function that carries `#[resource(..)]`, like [`Tool`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource",
    label = "not a resource",
    note = "put `#[resource(\"..\")]` on the function that `resources![..]` names"
)]
pub trait ResourceFn {
    /// All that is known of it.
    const SPEC: &'static ResourceSpec;
}

/// One item of a list, with what is said of it there.
pub(super) struct Offered {
    pub(super) offer: Box<dyn Offer>,
    pub(super) layers: Vec<AnyLayer>,
    pub(super) tags: Vec<Cow<'static, str>>,
}

impl Offered {
    fn new(offer: impl Offer + 'static) -> Self {
        Self { offer: Box::new(offer), layers: Vec::new(), tags: Vec::new() }
    }
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offered").field(&self.offer.name()).finish()
    }
}

/// What a server can be given. Each kind knows how it is added, so that no program has code for kinds that it does not
/// offer.
pub(super) trait Offer: Send + Sync {
    fn name(&self) -> &str;
    fn add(self: Box<Self>, built: &mut Built);
}

/// A function, or the method of a value, that an attribute has a spec of.
pub(super) struct Function<S: 'static> {
    pub(super) spec: &'static S,
    pub(super) receiver: Option<Receiver>,
}

macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident of $spec:ident or $dynamic:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $list {
            pub(super) offers: Vec<Offered>,
        }

        impl $list {
            /// Those of these specs.
            #[doc(hidden)]
            #[must_use]
            pub fn new(specs: &[&'static $spec]) -> Self {
                let offer = |spec: &&'static $spec| Offered::new(Function { spec: *spec, receiver: None });
                Self { offers: specs.iter().map(offer).collect() }
            }

            /// Those of these specs, as methods of a value.
            #[doc(hidden)]
            #[must_use]
            pub fn methods<T: Send + Sync + 'static>(receiver: Arc<T>, specs: &[&'static $spec]) -> Self {
                let receiver: Receiver = receiver;
                let receiver = || Some(receiver.clone());
                let offer = |spec: &&'static $spec| Offered::new(Function { spec: *spec, receiver: receiver() });
                Self { offers: specs.iter().map(offer).collect() }
            }

            /// Puts a [layer](crate::layer) around each of these. The first one that was given is the outermost, inside
            /// of those of the server.
            #[must_use]
            pub fn layer<L, S>(mut self, layer: L) -> Self
            where
                L: Layer<CallService, Service = S>,
                S: Service<CallRequest, Response = CallResponse, Future: Send> + Clone + Send + Sync + 'static,
                S::Error: Into<CallError>,
            {
                let layer = AnyLayer::new(&layer);
                self.offers.iter_mut().for_each(|offered| offered.layers.push(layer.clone()));
                self
            }

            /// Gives each of these a tag, by which [`Server::visible`](crate::Server::visible) and
            /// [`ServerHandle`](crate::ServerHandle) can tell them from others. Clients do not see it.
            #[must_use]
            pub fn tag(mut self, tag: impl Into<Cow<'static, str>>) -> Self {
                let tag = tag.into();
                self.offers.iter_mut().for_each(|offered| offered.tags.push(tag.clone()));
                self
            }

            /// Adds more after these.
            #[must_use]
            pub fn and(mut self, more: impl Into<Self>) -> Self {
                self.offers.extend(more.into().offers);
                self
            }
        }

        impl From<$dynamic> for $list {
            fn from(one: $dynamic) -> Self {
                Self { offers: vec![Offered::new(one)] }
            }
        }

        impl FromIterator<$dynamic> for $list {
            fn from_iter<I: IntoIterator<Item = $dynamic>>(all: I) -> Self {
                Self { offers: all.into_iter().map(Offered::new).collect() }
            }
        }
    )+};
}

lists! {
    /// A list of tools for [`Server::tools`](crate::Server::tools): made by `tools![..]`, by the
    /// `tools()` of a value whose `impl` carries [`#[tool]`](macro@crate::tool), or of [`DynTool`]s.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Add two integers.
    /// #[tool]
    /// fn add(a: i64, b: i64) -> i64 {
    ///     a + b
    /// }
    ///
    /// /// Multiply two integers.
    /// #[tool]
    /// fn multiply(a: i64, b: i64) -> i64 {
    ///     a * b
    /// }
    ///
    /// let server = Server::new("calculator").tools(tools![add].and(tools![multiply]));
    /// ```
    Tools of ToolSpec or DynTool;

    /// A list of prompts for [`Server::prompts`](crate::Server::prompts): made by `prompts![..]`, or
    /// of [`DynPrompt`]s.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Review code.
    /// #[prompt]
    /// fn review(
    ///     /// The code to review.
    ///     code: &str,
    /// ) -> String {
    ///     format!("Please review this code:\n{code}")
    /// }
    ///
    /// let server = Server::new("reviewer").prompts(prompts![review]);
    /// ```
    Prompts of PromptSpec or DynPrompt;

    /// A list of resources for [`Server::resources`](crate::Server::resources): made by
    /// `resources![..]`, or of [`Resource`]s.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::Resource;
    ///
    /// /// One line of a poem.
    /// #[resource("poem://lines/{number}")]
    /// fn line(number: usize) -> Option<&'static str> {
    ///     ["The frog", "jumps in."].get(number).copied()
    /// }
    ///
    /// let title = Resource::text("poem://title", "The Old Pond");
    /// let server = Server::new("poet").resources(resources![line].and(title));
    /// ```
    Resources of ResourceSpec or Resource;
}
