use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use super::dynamic::DynTool;
use crate::context::Requester;
use crate::engine::{Resume, TaskMode};
use crate::protocol::{Icon, Meta, ToolAnnotations};
use crate::tool::{Leniency, ParamSpec, Receiver, Started, ToolCall};

/// Everything about a tool that is known when it is compiled. `#[tool]` writes it.
pub struct ToolSpec {
    /// The name that `tools/call` uses.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it does; empty for nothing to say.
    pub description: &'static str,
    /// The module that it was written in.
    pub module: &'static str,
    /// The parameters of the function, in their order.
    pub params: &'static [ParamSpec],
    /// The schema of the structured content, if there is any.
    pub output_schema: fn(&mut SchemaGenerator) -> Option<Schema>,
    /// Decodes the arguments and enters the function.
    pub call: fn(ToolCall<'_>) -> Started,
    /// What the other keys of `#[tool(..)]` say; asked once, when the server starts.
    pub details: Option<fn(&mut ToolDetails)>,
}

impl ToolSpec {
    /// A tool of which nothing more is said.
    #[must_use]
    pub const fn new(
        [name, title, description, module]: [&'static str; 4],
        params: &'static [ParamSpec],
        output_schema: fn(&mut SchemaGenerator) -> Option<Schema>,
        call: fn(ToolCall<'_>) -> Started,
    ) -> Self {
        Self { name, title, description, module, params, output_schema, call, details: None }
    }

    /// The same with details.
    #[must_use]
    pub const fn with(mut self, details: fn(&mut ToolDetails)) -> Self {
        self.details = Some(details);
        self
    }

    pub(super) fn details(&self) -> ToolDetails {
        let mut collected = ToolDetails::default();
        if let Some(details) = self.details {
            details(&mut collected);
        }
        collected
    }
}

/// Stands in for a tool whose function does not compile.
pub const UNFINISHED: &ToolSpec = &ToolSpec::new([""; 4], &[], |_| None, |call| call.refuse());

impl fmt::Debug for ToolSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolSpec").field("name", &self.name).field("params", &self.params).finish_non_exhaustive()
    }
}

/// What the keys of `#[tool(..)]` say that most tools do without.
#[derive(Default)]
pub struct ToolDetails {
    pub(super) annotations: Option<ToolAnnotations>,
    pub(super) icons: Vec<Icon>,
    pub(super) meta: Option<Meta>,
    pub(super) timeout: Option<Duration>,
    pub(super) concurrency: Option<usize>,
    pub(super) leniency: Option<Leniency>,
    pub(super) resume: Option<Resume>,
    pub(super) task: Option<TaskMode>,
    pub(super) output_schema: Option<fn(&mut SchemaGenerator) -> Schema>,
    pub(super) visible: Option<fn(&Requester) -> bool>,
    pub(super) problems: Vec<String>,
}

impl ToolDetails {
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

    /// Adds pictures for user interfaces.
    pub fn icons<I: Into<Icon>>(&mut self, icons: impl IntoIterator<Item = I>) {
        self.icons.extend(icons.into_iter().map(Into::into));
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
        self.task = Some(TaskMode::Always);
    }

    /// The same, and clients that do not know tasks cannot call it.
    pub fn task_required(&mut self) {
        self.task = Some(TaskMode::Required);
    }

    /// Its calls become tasks when they take longer than this.
    pub fn task_after(&mut self, time: Duration) {
        self.task = Some(TaskMode::After(time));
    }

    /// Who sees the tool and can call it.
    pub fn visible(&mut self, visible: fn(&Requester) -> bool) {
        self.visible = Some(visible);
    }
}

impl fmt::Debug for ToolDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolDetails").finish_non_exhaustive()
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
    fn describe(details: &mut ToolDetails);
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> OutputSchema for T {
    fn describe(details: &mut ToolDetails) {
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
#[derive(Debug, Default)]
pub struct Tools {
    pub(super) offers: Vec<Offer>,
}

/// One tool of a list.
#[derive(Debug)]
pub(super) enum Offer {
    Function { spec: &'static ToolSpec, receiver: Option<SharedReceiver> },
    Dynamic(Box<DynTool>),
}

pub(super) struct SharedReceiver(pub(super) Receiver);

impl fmt::Debug for SharedReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedReceiver")
    }
}

impl Tools {
    /// The tools of these specs.
    #[doc(hidden)]
    #[must_use]
    pub fn new(specs: &[&'static ToolSpec]) -> Self {
        let offer = |spec: &&'static ToolSpec| Offer::Function { spec, receiver: None };
        Self { offers: specs.iter().map(offer).collect() }
    }

    /// The tools of these specs, as methods of a value.
    #[doc(hidden)]
    #[must_use]
    pub fn methods<T: Send + Sync + 'static>(receiver: Arc<T>, specs: &[&'static ToolSpec]) -> Self {
        let receiver: Receiver = receiver;
        let offer =
            |spec: &&'static ToolSpec| Offer::Function { spec, receiver: Some(SharedReceiver(receiver.clone())) };
        Self { offers: specs.iter().map(offer).collect() }
    }

    /// Adds more tools after these.
    #[must_use]
    pub fn and(mut self, more: impl Into<Tools>) -> Self {
        self.offers.extend(more.into().offers);
        self
    }
}

impl From<DynTool> for Tools {
    fn from(tool: DynTool) -> Self {
        Self { offers: vec![Offer::Dynamic(Box::new(tool))] }
    }
}

impl FromIterator<DynTool> for Tools {
    fn from_iter<I: IntoIterator<Item = DynTool>>(tools: I) -> Self {
        Self { offers: tools.into_iter().map(|tool| Offer::Dynamic(Box::new(tool))).collect() }
    }
}
