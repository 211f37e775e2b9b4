//! Functions that are known only when the program runs.

use std::convert::identity;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::arguments::{integral_floats, json_in_text, refusal};
use super::call::Started;
use super::kind::TOOL;
use super::output::IntoToolResult;
use super::table::{Field, Leniency};
use crate::context::Context;
use crate::engine::Kind;
use crate::protocol::Raw;
use crate::schema::Checker;

/// What a function that is known only when the program runs does with its arguments. It is given
/// what makes a context, and whether errors are masked.
pub(crate) type Handler = dyn Fn(Map<String, Value>, &dyn Fn() -> Context, bool) -> Started + Send + Sync;

/// Makes a handler of a tool's function.
pub(crate) fn handler<F, R>(function: impl Fn(Map<String, Value>, Context) -> F + Send + Sync + 'static) -> Arc<Handler>
where
    F: Future<Output = R> + Send + 'static,
    R: IntoToolResult,
{
    Arc::new(move |arguments, context, mask_errors| {
        let future = function(arguments, context());
        Started::running(async move { future.await.into_tool_result() }, identity, &TOOL, mask_errors)
    })
}

/// The arguments of such a function, as its schema describes them.
pub(crate) struct ArgumentSchema {
    kind: &'static Kind,
    name: Arc<str>,
    schema: Value,
    fields: Vec<(String, Field)>,
    /// None for a function that checks its arguments itself.
    checker: Option<Checker>,
    leniency: Leniency,
}

impl ArgumentSchema {
    pub(crate) fn new(
        kind: &'static Kind,
        name: Arc<str>,
        schema: Map<String, Value>,
        leniency: Leniency,
        checked: bool,
    ) -> Self {
        let schema = Value::Object(schema);
        let properties = schema.get("properties").and_then(Value::as_object);
        let names = properties.into_iter().flat_map(Map::keys);
        let fields = names.filter_map(|name| Some((name.clone(), Field::of(&schema, name)?))).collect();
        Self { kind, name, fields, checker: checked.then(|| Checker::new(schema.clone())), schema, leniency }
    }

    /// What the schema says and cannot be checked.
    pub(crate) fn gaps(&self) -> &[String] {
        self.checker.as_ref().map_or(&[], Checker::gaps)
    }

    /// The arguments of a call, with defaults for those that are absent, or all that is wrong with
    /// them.
    pub(crate) fn read(&self, object: Option<Raw<'_>>) -> Result<Map<String, Value>, String> {
        let wrong = |problem: String| refusal(self.kind, &self.name, std::iter::once(&problem));
        let parse = |json: &str| serde_json::from_str(json).map_err(|error| wrong(error.to_string()));
        let json = object.map_or("{}", Raw::get);
        let Some(checker) = &self.checker else { return parse(json) };
        // A whole number reads as one, also if it was written as a float.
        let plain = integral_floats(json);
        let mut arguments = parse(plain.as_deref().unwrap_or(json))?;
        self.complete(&mut arguments);
        let arguments = Value::Object(arguments);
        let problems = checker.problems(&arguments, "");
        match arguments {
            Value::Object(arguments) if problems.is_empty() => Ok(arguments),
            _ => Err(refusal(self.kind, &self.name, problems.iter())),
        }
    }

    /// Reads what may be read in another way, and fills in what is absent.
    fn complete(&self, arguments: &mut Map<String, Value>) {
        for (name, field) in &self.fields {
            match arguments.get(name) {
                Some(text @ Value::String(_)) => {
                    if let Some(inner) = json_in_text(&text.to_string(), &field.kinds, self.leniency)
                        && let Ok(inner) = serde_json::from_str(&inner)
                    {
                        arguments.insert(name.clone(), inner);
                    }
                }
                Some(Value::Null) if self.leniency != Leniency::Strict && field.may_be_absent && !field.kinds.null => {
                    arguments.shift_remove(name);
                }
                _ => {}
            }
            let default = || self.schema.get("properties")?.get(name)?.get("default");
            if !arguments.contains_key(name)
                && let Some(default) = default()
            {
                arguments.insert(name.clone(), default.clone());
            }
        }
    }
}

impl fmt::Debug for ArgumentSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArgumentSchema").field("name", &self.name).finish_non_exhaustive()
    }
}
