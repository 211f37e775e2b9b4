//! A value against a schema, with everything that is wrong said in words.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::describe::{came, listed, nearest, shortened, wanted};
use super::rule::{Facts, Number, Rule};
use super::survey::{resolve, survey};

/// A schema that values are checked against.
#[derive(Debug)]
pub(crate) struct Checker {
    schema: Value,
    patterns: HashMap<String, Regex>,
    gaps: Vec<String>,
}

/// Deeper than this nothing is looked at, and nothing fits: schemas may refer to themselves.
const DEEPEST: usize = 512;

/// How much of what is wrong with one value is said; a hostile one can have very much.
const MOST_PROBLEMS: usize = 20;

impl Checker {
    pub(crate) fn new(schema: Value) -> Self {
        let mut checker = Self { schema, patterns: HashMap::new(), gaps: Vec::new() };
        (checker.patterns, checker.gaps) = survey(&checker.schema);
        checker
    }

    /// What the schema says and this cannot check. Values pass it.
    pub(crate) fn gaps(&self) -> &[String] {
        &self.gaps
    }

    /// What is wrong with a value, each with the path to it; `path` leads to the value.
    pub(crate) fn problems(&self, value: &Value, path: &str) -> Vec<String> {
        let mut check = Check {
            checker: self,
            path: path.to_owned(),
            depth: 0,
            explains: true,
            failed: false,
            too_deep: false,
            problems: Vec::new(),
            known: HashMap::new(),
        };
        check.value(&self.schema, value);
        let Check { mut problems, too_deep, .. } = check;
        if too_deep {
            let place = if path.is_empty() { "its value".to_owned() } else { format!("`{path}`") };
            problems.push(format!("{place} is nested too deeply"));
        } else if problems.len() > MOST_PROBLEMS {
            problems.truncate(MOST_PROBLEMS);
            let place = if path.is_empty() { String::new() } else { format!("`{path}`: ") };
            problems.push(format!("{place}and more like these"));
        }
        problems
    }
}

/// One value on its way through a schema.
struct Check<'c> {
    checker: &'c Checker,
    path: String,
    depth: usize,
    /// Whether all that is wrong is said; else the first problem ends it.
    explains: bool,
    failed: bool,
    too_deep: bool,
    problems: Vec<String>,
    /// Whether a value fits what a `$ref` leads to, by their addresses: choices between choices
    /// ask for the same thing very often.
    known: HashMap<(usize, usize), bool>,
}

impl<'c> Check<'c> {
    fn is_done(&self) -> bool {
        self.too_deep || if self.explains { self.problems.len() > MOST_PROBLEMS } else { self.failed }
    }

    fn value(&mut self, schema: &'c Value, value: &Value) {
        if self.is_done() {
            return;
        }
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => return self.problem(None, || format!("is not allowed, got {}", came(value, schema))),
            _ => return,
        };
        if self.depth >= DEEPEST {
            self.too_deep = true;
            self.failed = true;
            return;
        }
        self.depth += 1;
        self.members(schema, members, value);
        self.depth -= 1;
    }

    fn members(&mut self, schema: &'c Value, members: &'c Map<String, Value>, value: &Value) {
        let root = &self.checker.schema;
        if let Some(target) = members.get("$ref").and_then(Value::as_str).and_then(|it| resolve(root, it)) {
            self.target(target, value);
        }
        if !is_of_type(members, value) || !is_among(members, value) || !self.keeps_rules(members, value) {
            return self.unexpected(schema, value);
        }
        for all in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.value(all, value);
        }
        if let Some(Value::Array(choices)) = members.get("anyOf")
            && !choices.iter().any(|choice| self.holds(choice, value))
        {
            self.no_choice(schema, choices, value);
        }
        if let Some(Value::Array(choices)) = members.get("oneOf") {
            match choices.iter().filter(|choice| self.holds(choice, value)).take(2).count() {
                0 => self.no_choice(schema, choices, value),
                1 => {}
                _ => self.problem(None, || "fits more than one of the choices of its schema".to_owned()),
            }
        }
        if let Some(not) = members.get("not")
            && self.holds(not, value)
        {
            self.unexpected(schema, value);
        }
        if let Some(condition) = members.get("if") {
            let branch = if self.holds(condition, value) { "then" } else { "else" };
            if let Some(branch) = members.get(branch) {
                self.value(branch, value);
            }
        }
        match value {
            Value::Object(object) => self.object(members, object),
            Value::Array(items) => self.array(schema, members, value, items),
            _ => {}
        }
    }

    /// What a `$ref` leads to.
    fn target(&mut self, target: &'c Value, value: &Value) {
        if self.explains || !(value.is_object() || value.is_array()) {
            return self.value(target, value);
        }
        let key = (std::ptr::from_ref(target).addr(), std::ptr::from_ref(value).addr());
        let holds = match self.known.get(&key) {
            Some(holds) => *holds,
            None => {
                let holds = self.holds(target, value);
                self.known.insert(key, holds);
                holds
            }
        };
        self.failed |= !holds;
    }

    fn keeps_rules(&self, members: &Map<String, Value>, value: &Value) -> bool {
        let facts = Facts::of_value(value);
        members.iter().all(|(keyword, operand)| match (keyword.as_str(), &facts) {
            ("pattern", Facts::Text(text)) => self.matches(operand.as_str().unwrap_or_default(), text),
            ("pattern", _) => true,
            _ => Rule::from_keyword(keyword, operand).is_none_or(|rule| rule.holds(&facts)),
        })
    }

    /// A pattern that is none lets everything pass.
    fn matches(&self, pattern: &str, text: &str) -> bool {
        self.checker.patterns.get(pattern).is_none_or(|pattern| pattern.is_match(text))
    }

    /// Whether a value fits, without a word.
    fn holds(&mut self, schema: &'c Value, value: &Value) -> bool {
        let outer = (self.explains, self.failed);
        (self.explains, self.failed) = (false, false);
        self.value(schema, value);
        let holds = !self.failed;
        (self.explains, self.failed) = outer;
        holds
    }

    /// If one of the choices can have been meant, what is wrong with that is the better answer.
    fn no_choice(&mut self, schema: &'c Value, choices: &'c [Value], value: &Value) {
        self.failed = true;
        if !self.explains {
            return;
        }
        match choices.iter().filter(|choice| may_be_meant(choice, value)).collect::<Vec<_>>()[..] {
            [meant] => self.value(meant, value),
            _ => self.unexpected(schema, value),
        }
    }

    fn object(&mut self, members: &'c Map<String, Value>, object: &Map<String, Value>) {
        let properties = members.get("properties").and_then(Value::as_object);
        for required in members.get("required").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = required.as_str().filter(|name| !object.contains_key(*name)) else { continue };
            self.problem(Some(name), || match properties.and_then(|properties| properties.get(name)) {
                Some(schema) => format!("is missing: expected {}", wanted(schema)),
                None => "is missing".to_owned(),
            });
        }
        let by_pattern = members.get("patternProperties").and_then(Value::as_object);
        for (name, value) in object {
            if self.is_done() {
                return;
            }
            let mut known = false;
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                known = true;
                self.at(|path| member(path, name), schema, value);
            }
            for (pattern, schema) in by_pattern.into_iter().flatten() {
                if self.matches(pattern, name) {
                    known = true;
                    self.at(|path| member(path, name), schema, value);
                }
            }
            if let Some(names) = members.get("propertyNames")
                && !self.holds(names, &Value::String(name.clone()))
            {
                self.problem(Some(name), || "has a name that is not allowed here".to_owned());
            }
            match members.get("additionalProperties") {
                Some(Value::Bool(false)) if !known => self.problem(Some(name), || {
                    let names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                    unknown_member(name, &names)
                }),
                Some(schema) if !known => self.at(|path| member(path, name), schema, value),
                _ => {}
            }
        }
        let limit = |keyword: &str| members.get(keyword).and_then(Value::as_u64);
        let count = object.len() as u64;
        if limit("minProperties").is_some_and(|least| count < least)
            || limit("maxProperties").is_some_and(|most| count > most)
        {
            self.problem(None, || format!("has {count} members, which are too few or too many"));
        }
        for (name, needed) in members.get("dependentRequired").and_then(Value::as_object).into_iter().flatten() {
            for needed in needed.as_array().into_iter().flatten().filter_map(Value::as_str) {
                if object.contains_key(name) && !object.contains_key(needed) {
                    self.problem(Some(needed), || format!("is missing: `{name}` needs it"));
                }
            }
        }
    }

    fn array(&mut self, schema: &'c Value, members: &'c Map<String, Value>, whole: &Value, items: &[Value]) {
        let prefix = members.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (index, item) in items.iter().enumerate() {
            if self.is_done() {
                return;
            }
            if let Some(schema) = prefix.get(index).or_else(|| members.get("items")) {
                self.at(|path| format!("{path}[{index}]"), schema, item);
            }
        }
        if members.get("uniqueItems") == Some(&Value::Bool(true))
            && let Some(index) = first_repeated(items)
        {
            self.problem(Some(&format!("[{index}]")), || "is there already; each item must differ".to_owned());
        }
        if let Some(contained) = members.get("contains") {
            let count = items.iter().filter(|item| self.holds(contained, item)).count() as u64;
            let limit = |keyword: &str| members.get(keyword).and_then(Value::as_u64);
            if count < limit("minContains").unwrap_or(1) || limit("maxContains").is_some_and(|most| count > most) {
                self.unexpected(schema, whole);
            }
        }
    }

    fn at(&mut self, path: impl FnOnce(&str) -> String, schema: &'c Value, value: &Value) {
        if !self.explains {
            return self.value(schema, value);
        }
        let path = path(&self.path);
        let outer = std::mem::replace(&mut self.path, path);
        self.value(schema, value);
        self.path = outer;
    }

    fn unexpected(&mut self, schema: &Value, value: &Value) {
        self.failed = true;
        if !self.explains || self.is_done() {
            return;
        }
        let mut text = format!("expected {}, got {}", wanted(schema), came(value, schema));
        if let (Some(Value::Array(choices)), Value::String(value)) = (schema.get("enum"), value)
            && let Some(meant) = nearest(value, choices.iter().filter_map(Value::as_str))
        {
            text.push_str(&format!("; did you mean {meant:?}?"));
        }
        self.problems.push(if self.path.is_empty() { text } else { format!("`{}`: {text}", self.path) });
    }

    /// A problem with a member, or with what is looked at now.
    fn problem(&mut self, name: Option<&str>, text: impl FnOnce() -> String) {
        self.failed = true;
        if self.explains && !self.is_done() {
            let path = match name {
                Some(index) if index.starts_with('[') => format!("{}{index}", self.path),
                Some(name) => member(&self.path, name),
                None => self.path.clone(),
            };
            self.problems.push(format!("`{path}` {}", text()));
        }
    }
}

/// Says that a name is not known, and which are.
pub(crate) fn unknown_member(name: &str, known: &[&str]) -> String {
    match (nearest(name, known.iter().copied()), known) {
        (Some(meant), _) => format!("is not known here; did you mean `{meant}`?"),
        (None, []) => "is not known here, where nothing is".to_owned(),
        (None, known) => format!("is not known here, where {} can stand", listed(known)),
    }
}

/// The path of a member; neither hostile names nor hostile nesting make it long.
fn member(path: &str, name: &str) -> String {
    const LONGEST: usize = 300;
    let name = shortened(name);
    if path.is_empty() {
        return name;
    }
    let start = path.char_indices().map(|(at, _)| at).nth(LONGEST / 3).unwrap_or(path.len());
    match path.len() > LONGEST {
        true => format!("{}….{name}", &path[..start]),
        false => format!("{path}.{name}"),
    }
}

fn is_of_type(members: &Map<String, Value>, value: &Value) -> bool {
    match members.get("type") {
        Some(Value::String(kind)) => is_of_kind(kind, value),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(|kind| is_of_kind(kind, value)),
        _ => true,
    }
}

pub(crate) fn is_of_kind(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_number().is_some_and(|number| {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
        }),
        _ => true,
    }
}

fn is_among(members: &Map<String, Value>, value: &Value) -> bool {
    members.get("const").is_none_or(|only| same(only, value))
        && members.get("enum").and_then(Value::as_array).is_none_or(|all| all.iter().any(|it| same(it, value)))
}

/// Equal as JSON Schema has it: 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Number::of(one).is(Number::of(other)),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, it)| other.get(name).is_some_and(|other| same(it, other)))
        }
        _ => one == other,
    }
}

/// The first item that equals an earlier one.
pub(crate) fn first_repeated(items: &[Value]) -> Option<usize> {
    let hasher = RandomState::new();
    let mut seen: HashMap<u64, Vec<&Value>> = HashMap::with_capacity(items.len());
    items.iter().position(|item| {
        let alike = seen.entry(fingerprint(item, &hasher)).or_default();
        let repeated = alike.iter().any(|it| same(it, item));
        alike.push(item);
        repeated
    })
}

/// The same for values that are the same.
fn fingerprint(value: &Value, hasher: &RandomState) -> u64 {
    match value {
        Value::Number(number) => match Number::of(number) {
            Number::Whole(whole) => hasher.hash_one(whole),
            Number::Real(real) => hasher.hash_one(real.to_bits()),
        },
        Value::Array(items) => hasher.hash_one(items.iter().map(|item| fingerprint(item, hasher)).collect::<Vec<_>>()),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| hasher.hash_one((name, fingerprint(member, hasher))))
            .fold(members.len() as u64, u64::wrapping_add),
        Value::String(text) => hasher.hash_one(text),
        Value::Bool(_) | Value::Null => hasher.hash_one(value.as_bool()),
    }
}

/// Whether a value that does not fit may have been meant for this choice: it is of its type, and
/// its constant members fit.
fn may_be_meant(choice: &Value, value: &Value) -> bool {
    let Some(members) = choice.as_object() else { return false };
    let kind_fits = match members.get("type") {
        Some(Value::String(kind)) => is_of_kind(kind, value),
        _ => false,
    };
    let tags = members.get("properties").and_then(Value::as_object).into_iter().flatten();
    kind_fits
        && tags.filter(|(_, schema)| schema.get("const").is_some()).all(|(name, schema)| {
            value.get(name).is_some_and(|tag| schema.get("const").is_some_and(|wanted| same(wanted, tag)))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(schema: Value, value: Value) -> Vec<String> {
        Checker::new(schema).problems(&value, "it")
    }

    #[test]
    fn all_that_is_wrong_is_said_with_its_place() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 2 },
                "kind": { "enum": ["small", "large"] },
                "prices": { "type": "array", "items": { "type": "number", "minimum": 0 } },
            },
            "required": ["name", "kind"],
            "additionalProperties": false,
        });
        let value = json!({ "name": "x", "prices": [1, -1, "2"], "nam": 1 });
        assert_eq!(
            problems(schema.clone(), value),
            [
                "`it.kind` is missing: expected one of \"small\", \"large\"",
                "`it.name`: expected a string of at least 2 characters, got the string \"x\" of 1",
                "`it.prices[1]`: expected a number of at least 0, got the number -1",
                "`it.prices[2]`: expected a number of at least 0, got the string \"2\"",
                "`it.nam` is not known here; did you mean `name`?",
            ]
        );
        assert_eq!(
            problems(schema.clone(), json!({ "name": "xx", "kind": "larg" })),
            ["`it.kind`: expected one of \"small\", \"large\", got the string \"larg\"; did you mean \"large\"?"]
        );
        assert!(problems(schema, json!({ "name": "xx", "kind": "large" })).is_empty());
    }

    #[test]
    fn of_several_choices_the_one_that_was_meant_explains() {
        let schema = json!({ "oneOf": [
            { "type": "object", "properties": { "type": { "const": "circle" }, "radius": { "type": "number" } }, "required": ["type", "radius"] },
            { "type": "object", "properties": { "type": { "const": "square" }, "side": { "type": "number" } }, "required": ["type", "side"] },
        ] });
        assert_eq!(
            problems(schema.clone(), json!({ "type": "square", "side": "1" })),
            ["`it.side`: expected a number, got the string \"1\""]
        );
        assert_eq!(problems(schema, json!(1)), ["`it`: expected an object, got the number 1"]);
    }

    #[test]
    fn references_are_followed_and_end() {
        let tree = json!({
            "$ref": "#/$defs/tree",
            "$defs": { "tree": {
                "type": "object",
                "properties": { "children": { "type": "array", "items": { "$ref": "#/$defs/tree" } } },
            } },
        });
        assert!(problems(tree.clone(), json!({ "children": [{ "children": [] }] })).is_empty());
        assert_eq!(
            problems(tree, json!({ "children": [{ "children": 1 }] })),
            ["`it.children[0].children`: expected an array, got the number 1"]
        );
        assert_eq!(problems(json!({ "$ref": "#" }), json!(1)), ["`it` is nested too deeply"]);
    }

    /// An expression as serde tags it, nested so deep, with something wrong inside.
    fn nested(levels: usize) -> (Value, Value) {
        let branch = |op: &str| {
            json!({
                "type": "object",
                "properties": { "op": { "const": op }, "inner": { "$ref": "#/$defs/Expr" } },
                "required": ["op", "inner"],
            })
        };
        let untagged = json!({ "type": "object", "properties": { "inner": { "$ref": "#/$defs/Expr" } } });
        let schema = json!({
            "$ref": "#/$defs/Expr",
            "$defs": { "Expr": { "anyOf": [branch("not"), branch("neg"), untagged.clone(), untagged] } },
        });
        let value = (0..levels).fold(json!(1), |inner, _| json!({ "op": "not", "inner": inner }));
        (schema, value)
    }

    #[test]
    fn choices_within_choices_cost_no_more_than_there_is_to_look_at() {
        let (schema, value) = nested(100);
        assert_eq!(problems(schema, value).len(), 1);
    }

    #[test]
    fn the_deepest_value_that_json_can_have_fits_on_a_small_stack() {
        let (schema, value) = nested(126);
        let check = move || problems(schema, value).len();
        let checked = std::thread::Builder::new().stack_size(1 << 20).spawn(check).expect("a thread").join();
        assert_eq!(checked.expect("no overflow"), 1);
    }

    #[test]
    fn repeated_items_are_found_among_very_many() {
        let schema = json!({ "uniqueItems": true });
        let mut items: Vec<Value> = (0..300_000).map(Value::from).collect();
        assert!(problems(schema.clone(), Value::from(items.clone())).is_empty());
        items.push(json!(7.0));
        assert_eq!(
            problems(schema.clone(), Value::from(items)),
            ["`it[300000]` is there already; each item must differ"]
        );
        assert!(problems(schema.clone(), json!([1234567890123456789_i64, 1234567890123456790_i64])).is_empty());
        assert_eq!(problems(schema, json!([{ "a": 1, "b": [] }, 1, { "b": [], "a": 1.0 }])).len(), 1);
    }

    #[test]
    fn only_so_much_is_said() {
        let schema = json!({ "type": "array", "items": { "type": "integer" } });
        let said = problems(schema.clone(), Value::from(vec![json!(""); 500_000]));
        assert_eq!(said.len(), MOST_PROBLEMS + 1);
        assert_eq!(said.last().expect("a line"), "`it`: and more like these");
        assert_eq!(problems(schema, Value::from(vec![json!(""); MOST_PROBLEMS])).len(), MOST_PROBLEMS);

        let tree = json!({ "additionalProperties": { "$ref": "#" }, "type": "object" });
        let value = (0..100).fold(json!(1), |inner, _| json!({ ("n".repeat(100)): inner }));
        let said = problems(tree, value);
        assert!(said.len() == 1 && said[0].len() < 600, "{said:?}");
    }

    #[test]
    fn what_cannot_be_checked_is_known() {
        for (schema, gap) in [
            (json!({ "pattern": "^(?!admin)" }), "the pattern `^(?!admin)`"),
            (json!({ "$ref": "#/$defs/typo" }), "`$ref` to \"#/$defs/typo\""),
            (json!({ "properties": { "a": { "unevaluatedProperties": false } } }), "`unevaluatedProperties`"),
            (json!({ "exclusiveMinimum": true, "minimum": 1 }), "`exclusiveMinimum`, which is true"),
            (json!({ "items": [{}] }), "`items` that is a list"),
        ] {
            let checker = Checker::new(schema);
            assert!(matches!(checker.gaps(), [only] if only.starts_with(gap)), "{:?}", checker.gaps());
        }
        let fine =
            json!({ "properties": { "$ref": { "default": { "pattern": "(?=" } }, "pattern": { "type": "string" } } });
        assert!(Checker::new(fine).gaps().is_empty());
    }
}
