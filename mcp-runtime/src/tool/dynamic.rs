//! Tools that are known only when the program runs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::arguments::{json_in_text, refusal};
use super::check::Checker;
use super::output::IntoToolResult;
use super::table::{Kinds, Leniency};
use crate::context::Context;
use crate::protocol::{BoxFuture, CallToolResult};
use crate::tool::ToolError;

/// What a tool that is known only when the program runs does with its arguments.
pub(crate) type Handler =
    dyn Fn(Map<String, Value>, Context) -> BoxFuture<'static, Result<CallToolResult, ToolError>> + Send + Sync;

/// Makes a handler of a function.
pub(crate) fn handler<F, R>(function: impl Fn(Map<String, Value>, Context) -> F + Send + Sync + 'static) -> Arc<Handler>
where
    F: Future<Output = R> + Send + 'static,
    R: IntoToolResult,
{
    Arc::new(move |arguments, context| {
        let future = function(arguments, context);
        Box::pin(async move { future.await.into_tool_result() })
    })
}

/// The arguments of such a tool, as its schema describes them.
pub(crate) struct ArgumentSchema {
    tool: Arc<str>,
    schema: Value,
    checker: Checker,
    leniency: Leniency,
}

impl ArgumentSchema {
    pub(crate) fn new(tool: Arc<str>, schema: Map<String, Value>, leniency: Leniency) -> Self {
        let schema = Value::Object(schema);
        Self { tool, checker: Checker::new(schema.clone()), schema, leniency }
    }

    /// The arguments of a call, with defaults for those that are absent, or all that is wrong with
    /// them.
    pub(crate) fn read(&self, object: Option<&RawValue>) -> Result<Map<String, Value>, Box<CallToolResult>> {
        let wrong = |problem: String| Box::new(refusal(&self.tool, std::iter::once(&problem)));
        let mut arguments: Map<String, Value> = match object {
            None => Map::new(),
            Some(object) => serde_json::from_str(object.get()).map_err(|error| wrong(error.to_string()))?,
        };
        let properties = self.schema.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            let kinds = || Kinds::of(schema, &self.schema);
            if let Some(text @ Value::String(_)) = arguments.get(name)
                && let Some(inner) = json_in_text(&text.to_string(), &kinds(), self.leniency)
                && let Ok(inner) = serde_json::from_str(&inner)
            {
                arguments.insert(name.clone(), inner);
            }
            if let (None, Some(default)) = (arguments.get(name), schema.get("default")) {
                arguments.insert(name.clone(), default.clone());
            }
        }
        let arguments = Value::Object(arguments);
        let problems = self.checker.problems(&arguments, "");
        match arguments {
            Value::Object(arguments) if problems.is_empty() => Ok(arguments),
            _ => Err(Box::new(refusal(&self.tool, problems.iter()))),
        }
    }
}

impl fmt::Debug for ArgumentSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArgumentSchema").field("tool", &self.tool).finish_non_exhaustive()
    }
}
