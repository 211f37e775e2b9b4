use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::spec::Details;
use crate::context::{Context, Requester};
use crate::engine::Resume;
use crate::protocol::{Icon, Meta, Tool, ToolAnnotations};
use crate::tool::{Handler, IntoToolResult, handler};

/// A tool that is known only when the program runs: read from a configuration, or taken over from
/// another server.
///
/// It goes the same way as a function that carries `#[tool]`. Its arguments are checked against
/// its schema before the handler runs, and defaults that the schema has at its top are filled in.
/// A schema that says what cannot be checked here is an error when the server starts:
/// `unevaluatedItems`, `unevaluatedProperties`, `dependentSchemas`, references to other documents,
/// and patterns with look-around, back references or Unicode classes. Of a tool that checks its
/// arguments itself, [`unchecked`](Self::unchecked) says so.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use serde_json::json;
///
/// let schema = json!({
///     "type": "object",
///     "properties": { "city": { "type": "string", "description": "Where." } },
///     "required": ["city"],
/// });
/// let weather = DynTool::new("weather", schema, |arguments, _ctx| async move {
///     format!("It rains in {}.", arguments["city"])
/// })
/// .description("Tell the weather.");
///
/// let server = Server::new("weather").tools(weather);
/// ```
pub struct DynTool {
    pub(super) tool: Tool,
    pub(super) details: Details,
    pub(super) handler: Arc<Handler>,
    pub(super) checked: bool,
}

impl DynTool {
    /// A tool of this name. `schema` is the JSON Schema of its arguments, of an object. `handler`
    /// gets the arguments and the context of each call.
    ///
    /// A schema that is not an object of `type` `object`, or a name that the specification does
    /// not allow, is an error when the server starts.
    pub fn new<F, R>(
        name: impl Into<String>,
        schema: Value,
        function: impl Fn(Map<String, Value>, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoToolResult,
    {
        let mut details = Details::default();
        let mut tool = Tool { name: name.into(), ..Tool::default() };
        if !is_name(&tool.name) {
            details
                .problems
                .push("its name must have 1 to 128 characters: letters, digits, `_`, `-` and `.`".to_owned());
        }
        match schema {
            Value::Object(schema) if schema.get("type").is_some_and(|kind| kind == "object") => {
                tool.input_schema = schema;
            }
            other => {
                details.problems.push(format!("its schema must be an object with `\"type\": \"object\"`: {other}"))
            }
        }
        Self { tool, details, handler: handler(function), checked: true }
    }

    /// A tool as another server describes it.
    #[cfg(feature = "client")]
    pub(crate) fn of<F, R>(
        tool: Tool,
        function: impl Fn(Map<String, Value>, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoToolResult,
    {
        let details = Details {
            annotations: tool.annotations.clone(),
            icons: tool.icons.clone(),
            meta: tool.meta.clone(),
            ..Details::default()
        };
        Self { tool, details, handler: handler(function), checked: false }
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
        self.tool.title = Some(title.into());
        self
    }

    /// What it does, for the model.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.tool.description = Some(description.into());
        self
    }

    /// Hints about its behaviour.
    #[must_use]
    pub fn annotations(mut self, annotations: ToolAnnotations) -> Self {
        self.details.annotations = Some(annotations);
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

    /// The JSON Schema of its structured content. What the handler returns is not checked against
    /// it.
    #[must_use]
    pub fn output_schema(mut self, schema: Map<String, Value>) -> Self {
        self.tool.output_schema = Some(schema);
        self
    }

    /// For how long it may run, not counting the time that it waits for the client.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.details.timeout(timeout);
        self
    }

    /// How many calls of it may run at the same time, not counting those that wait for the client.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.details.concurrency(calls);
        self
    }

    /// Takes arguments only as the schema says.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.details.strict();
        self
    }

    /// Hands all arguments to the handler as they came: nothing is checked, read leniently or
    /// filled in. For tools of another server, which does that itself.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    /// Takes numbers and booleans that arrive as text.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.details.lenient();
        self
    }

    /// Who sees the tool and can call it.
    #[must_use]
    pub fn visible(mut self, visible: fn(&Requester) -> bool) -> Self {
        self.details.visible(visible);
        self
    }
}

/// Whether a tool may have this name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-.".contains(&it))
}

impl fmt::Debug for DynTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynTool").field("name", &self.tool.name).finish_non_exhaustive()
    }
}
