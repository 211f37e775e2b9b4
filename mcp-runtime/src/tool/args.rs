use std::fmt::Write as _;

use schemars::{Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use super::input::ParamKind;
use crate::protocol::{CallToolResult, Params, without_position};
use crate::registry::{ParamSpec, describe_type, schema_generator};

/// The arguments of one call: one undecoded value for each parameter, and what is wrong with
/// them so far.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    tool: &'static str,
    params: &'static [ParamSpec],
    values: SmallVec<[Option<&'a RawValue>; 8]>,
    problems: Vec<String>,
    /// Said after the problems of known arguments.
    unknown: Vec<String>,
}

impl<'a> Args<'a> {
    /// Sorts the members of the `arguments` object to the parameters of a tool.
    pub(crate) fn new(tool: &'static str, params: &'static [ParamSpec], object: Option<&'a RawValue>) -> Self {
        let mut args =
            Self { tool, params, values: smallvec![None; params.len()], problems: Vec::new(), unknown: Vec::new() };
        if let Some(object) = object {
            let members = Params::nested(object);
            for (name, value) in members.iter() {
                match params.iter().position(|param| param.is_argument() && param.name == name) {
                    Some(index) => args.values[index] = Some(value),
                    None => args.unknown(name),
                }
            }
        }
        args
    }

    /// Decodes one argument. What is wrong with it is kept for [`Args::refusal`].
    pub(crate) fn take<T: DeserializeOwned>(&mut self, index: usize) -> Option<T> {
        // A missing argument reads as null: it is `None` for an option, and an error for others.
        let raw = self.values[index].map_or("null", RawValue::get);
        match serde_json::from_str(raw) {
            Ok(value) => Some(value),
            Err(error) => match self.integral_float(index, raw) {
                Some(integer) => serde_json::from_str(&integer).ok().or_else(|| self.wrong(index, &error)),
                None => self.wrong(index, &error),
            },
        }
    }

    /// `5.0` and `5e0` where an integer is expected, as `5`.
    #[cold]
    fn integral_float(&self, index: usize, raw: &str) -> Option<String> {
        if !raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return None;
        }
        let schema = self.params[index].schema(&mut schema_generator())?;
        if schema.get("type").and_then(Value::as_str) != Some("integer") {
            return None;
        }
        let float: f64 = raw.parse().ok()?;
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then(|| format!("{float:.0}"))
    }

    #[cold]
    fn wrong<T>(&mut self, index: usize, error: &serde_json::Error) -> Option<T> {
        let param = &self.params[index];
        let expected = param.schema(&mut schema_generator());
        let wanted = expected.as_ref().map_or_else(|| "a value".to_owned(), describe_type);
        let problem = match self.values[index] {
            None => format!("`{}` is missing: expected {wanted}", param.name),
            // Of the right kind, but not right inside: there the decoder knows best.
            Some(came) if expected.as_ref().is_some_and(|schema| wrong_inside(schema, came.get())) => {
                let reason = without_position(error);
                format!("`{}`: expected {wanted}, got {} that is not right: {reason}", param.name, what_came(came))
            }
            Some(came) => format!("`{}`: expected {wanted}, got {}", param.name, what_came(came)),
        };
        self.problems.push(problem);
        None
    }

    #[cold]
    fn unknown(&mut self, name: &str) {
        let mut problem = format!("`{}` is not an argument of this tool", shortened(name));
        let known: Vec<_> = self.params.iter().filter(|param| param.is_argument()).map(|param| param.name).collect();
        match known.split_last() {
            None => problem.push_str(", which takes none"),
            Some((last, [])) => _ = write!(problem, "; it takes `{last}`"),
            Some((last, others)) => _ = write!(problem, "; it takes `{}` and `{last}`", others.join("`, `")),
        }
        self.unknown.push(problem);
    }

    /// Whether nothing was found wrong so far.
    pub(crate) fn is_fine(&self) -> bool {
        self.problems.is_empty() && self.unknown.is_empty()
    }

    /// Everything that is wrong, in one result that the model can read.
    #[cold]
    pub(crate) fn refusal(&self) -> CallToolResult {
        let mut text = format!("the arguments of tool `{}` are not right:", self.tool);
        for problem in self.problems.iter().chain(&self.unknown) {
            text.push_str("\n- ");
            text.push_str(problem);
        }
        CallToolResult::error(text)
    }
}

impl ParamSpec {
    pub(crate) fn is_argument(&self) -> bool {
        matches!(self.kind, ParamKind::Argument { .. })
    }

    pub(crate) fn schema(&self, generator: &mut SchemaGenerator) -> Option<Schema> {
        match self.kind {
            ParamKind::Argument { schema } => Some(schema(generator)),
            ParamKind::Injected { .. } => None,
        }
    }
}

/// Whether JSON is a text, an object or an array where the schema wants one, so that only what is
/// inside can be wrong. Numbers say all by themselves, and so do lists of allowed values.
fn wrong_inside(schema: &Schema, raw: &str) -> bool {
    let came = match raw.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        _ => return false,
    };
    match schema.get("type") {
        _ if schema.get("enum").is_some() => false,
        Some(Value::String(wanted)) => wanted == came,
        Some(Value::Array(wanted)) => wanted.iter().any(|wanted| wanted == came),
        _ => true,
    }
}

/// What came, in a few words: the kind, and the value if it is short.
fn what_came(raw: &RawValue) -> String {
    let raw = raw.get();
    let kind = match raw.as_bytes().first() {
        Some(b'"') => "the string ",
        Some(b'{') => return "an object".to_owned(),
        Some(b'[') => return "an array".to_owned(),
        Some(b't' | b'f') => "",
        Some(b'n') => return "null".to_owned(),
        _ => "the number ",
    };
    format!("{kind}{}", shortened(raw))
}

/// Hostile input does not make long messages.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LONGEST).collect();
    short.push('…');
    short
}
