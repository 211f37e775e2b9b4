//! What completes the arguments of prompts and the variables of templates: a function, or the values that a schema
//! lists.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use serde_json::Value;

use super::{Entry, EntryCall};
use crate::context::Host;
use crate::protocol::ErrorObject;
use crate::schema::{listed, nearest, shortened};
use crate::tool::{
    ArgumentTable, Arguments, COMPLETION, Completing, ErasedCompleter, Leniency, Means, Progress, Started, ToolCall,
};

/// Something that can be filled in.
#[derive(Debug)]
pub(crate) struct Completable {
    pub(super) name: Cow<'static, str>,
    pub(crate) source: Source,
}

/// What completes it.
#[derive(Debug)]
pub(crate) enum Source {
    /// These are all values that it can have; none, if that is not known.
    Values(Vec<String>),
    Function(ErasedCompleter),
}

impl Completable {
    /// An argument of this schema, which has its definitions with it.
    pub(super) fn of_schema(name: Cow<'static, str>, schema: &Value, root: &Value) -> Self {
        let mut values = Vec::new();
        collect(schema, root, &mut values, 0);
        Self { name, source: Source::Values(values) }
    }

    /// One that any text can be.
    pub(super) fn open(name: String) -> Self {
        Self { name: name.into(), source: Source::Values(Vec::new()) }
    }

    /// Whether there is something to propose.
    pub(super) fn completes(&self) -> bool {
        match &self.source {
            Source::Values(values) => !values.is_empty(),
            Source::Function(_) => true,
        }
    }
}

/// The values that a schema lists, as text has them.
fn collect(schema: &Value, root: &Value, values: &mut Vec<String>, depth: usize) {
    const DEEPEST: usize = 16;
    let mut add = |value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            // Null is to leave it out.
            Value::Null | Value::Array(_) | Value::Object(_) => return,
        };
        if !values.contains(&text) {
            values.push(text);
        }
    };
    if let Some(only) = schema.get("const") {
        return add(only);
    }
    if let Some(Value::Array(several)) = schema.get("enum") {
        return several.iter().for_each(add);
    }
    let is_boolean = match schema.get("type") {
        Some(Value::Array(several)) => several.iter().any(|kind| kind == "boolean"),
        Some(only) => only == "boolean",
        None => false,
    };
    if is_boolean {
        [true, false].map(Value::from).iter().for_each(&mut add);
    }
    if depth == DEEPEST {
        return;
    }
    let choices = ["oneOf", "anyOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|it| root.pointer(it.strip_prefix('#')?));
    choices.chain(target).for_each(|choice| collect(choice, root, values, depth + 1));
}

/// What a completion has of arguments: none.
static NO_ARGUMENTS: LazyLock<ArgumentTable> =
    LazyLock::new(|| ArgumentTable::new(&COMPLETION, "".into(), Vec::new(), Leniency::Text));

impl Entry {
    /// Whether there is something to propose for one of its arguments.
    pub(super) fn completes(&self) -> bool {
        self.completable.iter().any(Completable::completes)
    }

    /// What can be filled in under this name.
    ///
    /// # Errors
    ///
    /// That there is nothing of this name, and what there is; `what` says whose arguments they are.
    pub(crate) fn completable(&self, what: &str, name: &str) -> Result<&Completable, ErrorObject> {
        self.completable.iter().find(|it| it.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.completable.iter().map(|it| &*it.name).collect();
            let cure = match (nearest(name, known.iter().copied()), &known[..]) {
                (Some(meant), _) => format!("did you mean `{meant}`?"),
                (None, []) => "it has none".to_owned(),
                (None, known) => format!("it has {}", listed(known)),
            };
            ErrorObject::invalid_params(format!("{what} has no argument `{}`; {cure}", shortened(name)))
        })
    }

    /// The name of what completes an argument, for messages.
    pub(crate) fn completion_name(&self, argument: &str) -> Arc<str> {
        format!("{}.{argument}", self.name).into()
    }

    /// Asks a function for values; a panic is an outcome.
    pub(crate) fn complete(
        &self,
        completer: &ErasedCompleter,
        asked: Completing,
        host: &Host,
        means: &Means<'_>,
    ) -> Started {
        let receiver = match &self.call {
            EntryCall::Function { receiver, .. } => receiver.as_ref(),
            EntryCall::Dynamic { .. } => None,
        };
        let name = self.completion_name(&asked.name);
        let call = ToolCall {
            kind: self.kind,
            name: &self.name,
            arguments: Arguments::new(&NO_ARGUMENTS, None),
            host,
            receiver,
            means,
            failure: None,
        };
        let before = Instant::now();
        let started = catch_unwind(AssertUnwindSafe(|| completer.ask(&call, asked)));
        COMPLETION.noticed_if_slow(&name, before);
        started.unwrap_or_else(|panic| Started(Progress::Finished(COMPLETION.panicked(&name, &*panic))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_values_that_a_schema_lists_are_found() {
        let definitions = json!({ "Size": { "enum": ["s", "l"] }, "Loop": { "anyOf": [{ "$ref": "#/$defs/Loop" }, { "const": 1 }] } });
        for (schema, expected) in [
            (json!({ "type": "string" }), &[][..]),
            (json!({ "type": "integer", "minimum": 1, "maximum": 3 }), &[]),
            (json!({ "type": "string", "enum": ["a", "b", "a"] }), &["a", "b"]),
            (json!({ "enum": [1, 2.5, true, null, {}] }), &["1", "2.5", "true"]),
            (json!({ "const": "x" }), &["x"]),
            (json!({ "oneOf": [{ "const": "a" }, { "enum": ["b", "c"] }, { "type": "string" }] }), &["a", "b", "c"]),
            (json!({ "type": "boolean" }), &["true", "false"]),
            (json!({ "type": ["boolean", "null"] }), &["true", "false"]),
            (json!({ "type": "boolean", "const": true }), &["true"]),
            (json!({ "$ref": "#/$defs/Size" }), &["s", "l"]),
            (json!({ "anyOf": [{ "$ref": "#/$defs/Size" }, { "type": "null" }] }), &["s", "l"]),
            (json!({ "$ref": "#/$defs/Loop" }), &["1"]),
            (json!({ "$ref": "#/$defs/Gone" }), &[]),
            (json!({ "type": "array", "items": { "enum": ["a"] } }), &[]),
            (json!(true), &[]),
        ] {
            let root = json!({ "$defs": definitions });
            let Completable { source: Source::Values(values), .. } =
                Completable::of_schema("it".into(), &schema, &root)
            else {
                panic!("a schema lists values")
            };
            assert_eq!(values, expected, "{schema}");
        }
    }
}
