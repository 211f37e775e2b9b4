use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use super::table::{Argument, ArgumentTable, Kinds, Leniency, Slot};
use crate::engine::Kind;
use crate::protocol::{Raw, Scanner, Text, end_of_text, has_reserved_key, plain_text, without_position};
use crate::schema::{Facts, came, listed, nearest, shortened, wanted};

/// The arguments of one call: one undecoded value for each parameter, and what is wrong with
/// them so far.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    table: &'a ArgumentTable,
    values: SmallVec<[Option<Raw<'a>>; 8]>,
    /// Fields of a flattened parameter, with its place.
    fields: Vec<(usize, Cow<'a, str>, Raw<'a>)>,
    /// Where the next one is taken from.
    next: usize,
    problems: Vec<String>,
    /// Said after the problems of known arguments.
    unknown: Vec<String>,
    /// How many more there were.
    more_unknown: usize,
}

/// How many unknown arguments are named; a hostile call can have very many.
const MOST_UNKNOWN: usize = 10;

impl<'a> Arguments<'a> {
    /// Sorts the members of the `arguments` object to the parameters of a tool.
    pub(crate) fn new(table: &'a ArgumentTable, object: Option<Raw<'a>>) -> Self {
        let mut arguments = Self {
            table,
            values: smallvec![None; table.slots.len()],
            fields: Vec::new(),
            next: 0,
            problems: Vec::new(),
            unknown: Vec::new(),
            more_unknown: 0,
        };
        if let Some(object) = object {
            // It was found right when its message was read.
            _ = Scanner::new(object.get()).object(|Text(name), scanner| {
                let value = scanner.value()?;
                match table.place(&name) {
                    Some((index, Slot::One(_))) => arguments.values[index] = Some(value),
                    Some((index, _)) => arguments.field(index, name, value),
                    None => arguments.unknown(&name),
                }
                Some(())
            });
        }
        arguments
    }

    #[cold]
    fn field(&mut self, index: usize, name: Cow<'a, str>, value: Raw<'a>) {
        self.fields.push((index, name, value));
    }

    /// Goes past a parameter that the caller does not give.
    pub(crate) fn skip(&mut self) {
        self.next += 1;
    }

    /// Decodes the next argument. What is wrong with it is kept for [`Arguments::refusal`].
    pub(crate) fn take<T: DeserializeOwned + 'static>(&mut self) -> Option<T> {
        let index = self.next;
        self.next += 1;
        let json = self.json(index)?;
        let error = match decode(&json) {
            Ok(value) => return self.keeps_rules(index, &json).then_some(value),
            Err(error) => error,
        };
        for reading in self.other_readings(index, &json) {
            if let Ok(value) = decode(&reading) {
                return self.keeps_rules(index, &reading).then_some(value);
            }
        }
        self.wrong(index, &json, &error);
        None
    }

    /// Takes the next argument if it is a text that is right, and stands in the request as it is. Else nothing is taken.
    pub(crate) fn take_plain_text(&mut self) -> Option<&'a str> {
        let index = self.next;
        let (Slot::One(argument), Some(json)) = (&self.table.slots[index], self.values[index].map(Raw::get)) else {
            return None;
        };
        if self.table.leniency == Leniency::Strict {
            return None;
        }
        let text = plain_text(json).filter(|_| holds(argument, json))?;
        self.next += 1;
        Some(text)
    }

    /// What is decoded for a parameter; `None` if that is wrong already.
    fn json(&mut self, index: usize) -> Option<Cow<'a, str>> {
        let table = self.table;
        match &table.slots[index] {
            Slot::One(argument) => {
                let given = self.values[index].map(Raw::get);
                if table.leniency == Leniency::Strict
                    && let Some(json) = given
                    && self.breaks_schema(argument, json)
                {
                    return None;
                }
                let given = given.filter(|json| *json != "null" || argument.default.is_none());
                let is_absent = |json: &&str| {
                    table.leniency == Leniency::Text && *json == r#""""# && argument.optional && !argument.kinds.text
                };
                let given = given.filter(|json| !is_absent(json));
                // A missing argument reads as null: it is `None` for an option, and an error for
                // others.
                let default = || argument.default.as_deref().map_or("null", RawValue::get);
                Some(Cow::Borrowed(given.unwrap_or_else(default)))
            }
            Slot::Many(argument) => {
                if argument.optional && !self.fields.iter().any(|(at, ..)| *at == index) {
                    return Some(Cow::Borrowed("null"));
                }
                let json = self.object(index, |_, value| Some(Cow::Borrowed(value)));
                if table.leniency == Leniency::Strict && self.breaks_schema(argument, &json) {
                    return None;
                }
                Some(Cow::Owned(json))
            }
            Slot::Injected => None,
        }
    }

    /// The fields of a flattened parameter as one object, each as `read` has it.
    fn object<'j>(&'j self, index: usize, read: impl Fn(&str, &'j str) -> Option<Cow<'j, str>>) -> String {
        let fields = || self.fields.iter().filter(|(at, ..)| *at == index).enumerate();
        // Of a repeated name the last one counts.
        let last: HashMap<&str, usize> = fields().map(|(place, (_, name, _))| (&**name, place)).collect();
        let mut json = String::from("{");
        for (place, (_, name, value)) in fields() {
            if last[&**name] == place
                && let Some(value) = read(name, value.get())
            {
                let comma = if json.len() > 1 { "," } else { "" };
                _ = write!(json, "{comma}{}:{value}", Value::from(&**name));
            }
        }
        json.push('}');
        json
    }

    /// Checks a value as strictly as its schema says.
    #[cold]
    fn breaks_schema(&mut self, argument: &Argument, json: &str) -> bool {
        let Ok(value) = serde_json::from_str(json) else { return false };
        let problems = argument.checker().problems(&value, &argument.name);
        let breaks = !problems.is_empty();
        self.problems.extend(problems);
        breaks
    }

    fn keeps_rules(&mut self, index: usize, json: &str) -> bool {
        let Some(argument) = self.table.slots[index].argument() else { return true };
        let keeps = holds(argument, json);
        if !keeps {
            self.outside(argument, json);
        }
        keeps
    }

    #[cold]
    fn outside(&mut self, argument: &Argument, json: &str) {
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let mut problems = argument.checker().problems(&value, &argument.name);
        if problems.is_empty() {
            let (wanted, came) = (wanted(&argument.schema), came(&value, &argument.schema));
            problems.push(format!("`{}`: expected {wanted}, got {came}", argument.name));
        }
        self.problems.extend(problems);
    }

    /// What a value that does not decode may have meant.
    #[cold]
    fn other_readings(&self, index: usize, json: &str) -> Vec<String> {
        let mut readings = Vec::new();
        // `5.0` is an integer too, as JSON Schema has it.
        readings.extend(integral_floats(json));
        let leniency = self.table.leniency;
        let inner = match &self.table.slots[index] {
            Slot::Injected => None,
            Slot::One(argument) => json_in_text(json, &argument.kinds, leniency),
            Slot::Many(_) if leniency == Leniency::Strict => None,
            Slot::Many(argument) => Some(self.object(index, |name, value| match argument.field(name) {
                Some(field) if value == "null" && field.may_be_absent && !field.kinds.null => None,
                Some(field) => Some(json_in_text(value, &field.kinds, leniency).map_or(value.into(), Cow::Owned)),
                None => Some(value.into()),
            })),
        };
        if let Some(inner) = inner {
            let plain = integral_floats(&inner);
            readings.push(inner);
            readings.extend(plain);
        }
        readings
    }

    #[cold]
    fn wrong(&mut self, index: usize, json: &str, error: &serde_json::Error) {
        let Some(argument) = self.table.slots[index].argument() else { return };
        let (name, schema) = (&argument.name, &argument.schema);
        if self.values[index].is_none() && !name.is_empty() {
            self.problems.push(format!("`{name}` is missing: expected {}", wanted(schema)));
            return;
        }
        let value = serde_json::from_str::<Value>(json).ok();
        let problems = value.as_ref().map(|value| argument.checker().problems(value, name)).unwrap_or_default();
        if problems.is_empty() {
            // Of the right kind, but not right: there the decoder knows best.
            let came = value.map_or_else(|| shortened(json), |value| came(&value, schema));
            let (wanted, reason) = (wanted(schema), without_position(error));
            let place = if name.is_empty() { String::new() } else { format!("`{name}`: ") };
            self.problems.push(format!("{place}expected {wanted}, got {came} that is not right: {reason}"));
        } else {
            self.problems.extend(problems);
        }
    }

    #[cold]
    fn unknown(&mut self, name: &str) {
        self.more_unknown += usize::from(self.unknown.len() >= MOST_UNKNOWN);
        if self.more_unknown > 0 {
            return;
        }
        let known: Vec<&str> = self.table.names().collect();
        let cure = match (nearest(name, known.iter().copied()), &known[..]) {
            (Some(meant), _) => format!("; did you mean `{meant}`?"),
            (None, []) => ", which takes none".to_owned(),
            (None, known) => format!("; it takes {}", listed(known)),
        };
        let noun = self.table.kind.noun;
        self.unknown.push(format!("`{}` is not an argument of this {noun}{cure}", shortened(name)));
    }

    /// Whether nothing was found wrong so far.
    pub(crate) fn is_fine(&self) -> bool {
        self.problems.is_empty() && self.unknown.is_empty()
    }

    /// Everything that is wrong, in one text that a model can read.
    #[cold]
    pub(crate) fn refusal(&self) -> String {
        let ArgumentTable { kind, name, .. } = self.table;
        let more = (self.more_unknown > 0)
            .then(|| format!("and {} more that are not arguments of this {}", self.more_unknown, kind.noun));
        refusal(kind, name, self.problems.iter().chain(&self.unknown).chain(&more))
    }
}

/// Whether a value is as the rules of its parameter say.
fn holds(argument: &Argument, json: &str) -> bool {
    if argument.rules.is_empty() {
        return true;
    }
    let Some(raw) = Scanner::new(json).value() else { return true };
    let facts = Facts::of(raw);
    argument.rules.iter().all(|rule| rule.holds(&facts))
}

/// What is said of a call whose arguments are wrong.
pub(super) fn refusal<'p>(kind: &Kind, name: &str, problems: impl Iterator<Item = &'p String>) -> String {
    let mut text = format!("the arguments of {} `{name}` are not right:", kind.noun);
    for problem in problems {
        text.push_str("\n- ");
        text.push_str(problem);
    }
    text
}

/// Decodes JSON that is right.
fn decode<T: DeserializeOwned + 'static>(json: &str) -> serde_json::Result<T> {
    match as_text(json) {
        Some(text) => Ok(text),
        None => serde_json::from_str(json),
    }
}

/// What is wanted as text, and stands there as one without escapes, need only be copied.
fn as_text<T: 'static>(json: &str) -> Option<T> {
    let mut wanted: Option<T> = None;
    let text = || plain_text(json).map(str::to_owned);
    let any: &mut dyn Any = &mut wanted;
    if let Some(wanted) = any.downcast_mut::<Option<String>>() {
        *wanted = text();
    } else if let Some(wanted) = any.downcast_mut::<Option<Option<String>>>() {
        *wanted = text().map(Some);
    }
    wanted
}

/// A value that stands in a text: text as it is, and else the JSON that it holds.
pub(super) fn from_text<T: DeserializeOwned>(text: &str) -> Option<T> {
    if let Ok(value) = serde_json::from_value(Value::from(text)) {
        return Some(value);
    }
    let json = text.trim();
    // What was inside a text has not been looked at yet.
    if has_reserved_key(json) {
        return None;
    }
    serde_json::from_str(json).ok().or_else(|| serde_json::from_str(&integral_floats(json)?).ok())
}

/// JSON that arrived as a string, where that cannot have been meant as text.
#[cold]
pub(super) fn json_in_text(json: &str, wanted: &Kinds, leniency: Leniency) -> Option<String> {
    if leniency == Leniency::Strict || !json.starts_with('"') || wanted.text {
        return None;
    }
    let inner: String = serde_json::from_str(json).ok()?;
    let inner = inner.trim();
    let is_meant = match inner.as_bytes().first()? {
        b'{' => wanted.object,
        b'[' => wanted.array,
        b'-' | b'0'..=b'9' => wanted.number && leniency.reads_text(),
        b't' | b'f' => wanted.boolean && leniency.reads_text(),
        _ => false,
    };
    // What was inside a text has not been looked at yet.
    let is_json = || serde_json::from_str::<&RawValue>(inner).is_ok() && !has_reserved_key(inner);
    (is_meant && is_json()).then(|| inner.to_owned())
}

/// JSON with every number that is integral but written as a float, `5.0` or `5e0`, as `5`; `None`
/// if there is none.
#[cold]
pub(super) fn integral_floats(raw: &str) -> Option<String> {
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
        match integer(token) {
            Some(integer) => {
                rewritten.push_str(&integer);
                any = true;
            }
            None => rewritten.push_str(token),
        }
        rest = &rest[end..];
    }
    rewritten.push_str(rest);
    any.then_some(rewritten)
}

/// A number with a point or an exponent as the integer that it is, if it is one, exactly.
fn integer(token: &str) -> Option<String> {
    // No integer type of ours has more digits.
    const MOST_DIGITS: usize = 40;
    if !token.contains(['.', 'e', 'E']) && token != "-0" {
        return None;
    }
    let (sign, number) = token.strip_prefix('-').map_or(("", token), |number| ("-", number));
    let (decimal, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let exponent: i64 = exponent.parse().ok()?;
    let digits = [whole, fraction].concat();
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let point = usize::try_from(point.max(0)).ok()?.min(digits.len() + MOST_DIGITS);
    let (before, after) = digits.split_at_checked(point).unwrap_or((&digits, ""));
    let zeros = point.saturating_sub(digits.len());
    let significant = before.trim_start_matches('0');
    if after.bytes().any(|digit| digit != b'0') {
        return None;
    }
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    (significant.len() + zeros < MOST_DIGITS).then(|| format!("{sign}{significant}{}", "0".repeat(zeros)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integral_floats_become_integers_wherever_they_stand() {
        for (raw, expected) in [
            ("5.0", Some("5")),
            ("-1e2", Some("-100")),
            (r#"{"a":[1.0,2.5,3],"b":"4.0"}"#, Some(r#"{"a":[1,2.5,3],"b":"4.0"}"#)),
            (r#"["\"5.0",6.0]"#, Some(r#"["\"5.0",6]"#)),
            ("-0", Some("0")),
            ("-0.0", Some("0")),
            ("-0e1", Some("0")),
            ("9007199254740993.0", Some("9007199254740993")),
            ("1e17", Some("100000000000000000")),
            ("93.5E+17", Some("9350000000000000000")),
            ("120e-1", Some("12")),
            ("12e-3", None),
            ("0.0001e4", Some("1")),
            ("0e999999", Some("0")),
            ("1e99999999999999999999", None),
            ("5", None),
            ("5.5", None),
            ("1e300", None),
            (r#""7.0""#, None),
        ] {
            assert_eq!(integral_floats(raw).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn text_is_read_as_its_type_says() {
        assert_eq!(from_text("5"), Some("5".to_owned()));
        assert_eq!(from_text(" 5.0 "), Some(5_u8));
        assert_eq!(from_text("[1,2]"), Some(vec![1, 2]));
        assert_eq!(from_text::<u8>("five"), None);
        assert_eq!(from_text::<bool>(""), None);
        let hostile = r#"{"$serde_json::private::RawValue":"1"}"#;
        assert_eq!(from_text::<serde_json::Map<String, Value>>(hostile), None);
    }

    #[test]
    fn text_is_read_as_json_only_where_it_cannot_be_meant_as_text() {
        let none = Kinds::default();
        let object = Kinds { object: true, ..none };
        let number = Kinds { number: true, boolean: true, ..none };
        for (json, wanted, leniency, expected) in [
            (r#""{\"x\":1}""#, object, Leniency::Usual, Some(r#"{"x":1}"#)),
            (r#"" {\"x\":1} ""#, object, Leniency::Usual, Some(r#"{"x":1}"#)),
            (r#""{\"x\":1}""#, object, Leniency::Strict, None),
            (r#""{\"x\":1}""#, Kinds { text: true, ..object }, Leniency::Lenient, None),
            (r#""{\"x\":""#, object, Leniency::Usual, None),
            (r#""[1]""#, object, Leniency::Usual, None),
            (r#""1""#, number, Leniency::Usual, None),
            (r#""1""#, number, Leniency::Lenient, Some("1")),
            (r#""true""#, number, Leniency::Lenient, Some("true")),
            (r#""truthy""#, number, Leniency::Lenient, None),
            (r#""{\"$serde_json::private::RawValue\":\"1\"}""#, object, Leniency::Lenient, None),
        ] {
            assert_eq!(json_in_text(json, &wanted, leniency).as_deref(), expected, "{json} {leniency:?}");
        }
    }
}
