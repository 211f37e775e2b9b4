use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use super::param::ParamSpec;
use super::schema::{describe_type, schema_generator};
use crate::protocol::{CallToolResult, Params, end_of_text, without_position};

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
    /// How many more there were.
    more_unknown: usize,
}

/// How many unknown arguments are named; a hostile call can have very many.
const MOST_UNKNOWN: usize = 10;

impl<'a> Args<'a> {
    /// Sorts the members of the `arguments` object to the parameters of a tool.
    pub(crate) fn new(tool: &'static str, params: &'static [ParamSpec], object: Option<&'a RawValue>) -> Self {
        let mut args = Self {
            tool,
            params,
            values: smallvec![None; params.len()],
            problems: Vec::new(),
            unknown: Vec::new(),
            more_unknown: 0,
        };
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
            // `5.0` is an integer too, as JSON Schema has it.
            Err(error) => match integral_floats(raw).map(|rewritten| serde_json::from_str(&rewritten)) {
                Some(Ok(value)) => Some(value),
                _ => self.wrong(index, &error),
            },
        }
    }

    #[cold]
    fn wrong<T>(&mut self, index: usize, error: &serde_json::Error) -> Option<T> {
        let param = &self.params[index];
        let expected = param.schema(&mut schema_generator());
        let wanted = expected.as_ref().map_or_else(|| "a value".to_owned(), describe_type);
        let problem = match self.values[index] {
            None => format!("`{}` is missing: expected {wanted}", param.name),
            // Of the right kind, but not right: there the decoder knows best.
            Some(came) if !has_wrong_type(came.get(), error) => {
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
        self.more_unknown += usize::from(self.unknown.len() >= MOST_UNKNOWN);
        if self.more_unknown > 0 {
            return;
        }
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
        if self.more_unknown > 0 {
            _ = write!(text, "\n- and {} more that are not arguments of this tool", self.more_unknown);
        }
        CallToolResult::error(text)
    }
}

/// Whether a value is of another type than was wanted, or a number out of bounds: then what was
/// expected and what came say all.
fn has_wrong_type(raw: &str, error: &serde_json::Error) -> bool {
    let message = error.to_string();
    match raw.as_bytes().first() {
        Some(b'{' | b'[') => message.starts_with("invalid type: map") || message.starts_with("invalid type: sequence"),
        _ => ["invalid type", "invalid value", "unknown variant", "number out of range"]
            .iter()
            .any(|beginning| message.starts_with(beginning)),
    }
}

/// JSON with every number that is integral but written as a float, `5.0` or `5e0`, as `5`; `None`
/// if there is none.
#[cold]
fn integral_floats(raw: &str) -> Option<String> {
    let (mut rewritten, mut rest, mut any) = (String::with_capacity(raw.len()), raw, false);
    while let Some(at) = rest.find(|it: char| it == '"' || it == '-' || it.is_ascii_digit()) {
        rewritten.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with('"') {
            end_of_text(rest)
        } else {
            rest.find(|it: char| !it.is_ascii_digit() && !"+-.eE".contains(it)).unwrap_or(rest.len())
        };
        let token = &rest[..end];
        match token.parse::<f64>() {
            Ok(float) if token.contains(['.', 'e', 'E']) && float.fract() == 0.0 && float.abs() <= LARGEST_EXACT => {
                rewritten.push_str(&format!("{float:.0}"));
                any = true;
            }
            _ => rewritten.push_str(token),
        }
        rest = &rest[end..];
    }
    rewritten.push_str(rest);
    any.then_some(rewritten)
}

/// Up to here every integer is a float.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

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

#[cfg(test)]
mod tests {
    use super::integral_floats;

    #[test]
    fn integral_floats_become_integers_wherever_they_stand() {
        for (raw, expected) in [
            ("5.0", Some("5")),
            ("-1e2", Some("-100")),
            (r#"{"a":[1.0,2.5,3],"b":"4.0"}"#, Some(r#"{"a":[1,2.5,3],"b":"4.0"}"#)),
            (r#"["\"5.0",6.0]"#, Some(r#"["\"5.0",6]"#)),
            ("5", None),
            ("5.5", None),
            ("1e300", None),
            (r#""7.0""#, None),
        ] {
            assert_eq!(integral_floats(raw).as_deref(), expected, "{raw}");
        }
    }
}
