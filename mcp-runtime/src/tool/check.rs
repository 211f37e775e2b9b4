//! A value against a schema, with everything that is wrong said in words.

use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::describe::{came, listed, nearest, shortened, wanted};
use super::rule::{Facts, Rule};

/// A schema that values are checked against.
///
/// It knows the assertions of JSON Schema 2020-12 but for `unevaluatedItems`,
/// `unevaluatedProperties`, `dependentSchemas` and references to other documents; what it does
/// not know it lets pass.
#[derive(Debug)]
pub(super) struct Checker {
    schema: Value,
    patterns: HashMap<String, Option<Regex>>,
}

/// Deeper than this nothing is looked at: schemas may refer to themselves.
const DEEPEST: usize = 128;

impl Checker {
    pub(super) fn new(schema: Value) -> Self {
        let mut patterns = HashMap::new();
        collect_patterns(&schema, &mut patterns);
        Self { schema, patterns }
    }

    /// Everything that is wrong with a value, each with the path to it; `path` leads to the value.
    pub(super) fn problems(&self, value: &Value, path: &str) -> Vec<String> {
        let mut check = Check { checker: self, path: path.to_owned(), depth: 0, problems: Vec::new() };
        check.value(&self.schema, value);
        check.problems
    }

    fn resolve(&self, reference: &str) -> Option<&Value> {
        self.schema.pointer(reference.strip_prefix('#')?)
    }
}

fn collect_patterns(schema: &Value, patterns: &mut HashMap<String, Option<Regex>>) {
    let mut keep = |pattern: &str| _ = patterns.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok());
    match schema {
        Value::Object(members) => {
            if let Some(pattern) = members.get("pattern").and_then(Value::as_str) {
                keep(pattern);
            }
            if let Some(Value::Object(by_pattern)) = members.get("patternProperties") {
                by_pattern.keys().for_each(|pattern| keep(pattern));
            }
            members.values().for_each(|member| collect_patterns(member, patterns));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_patterns(item, patterns)),
        _ => {}
    }
}

struct Check<'c> {
    checker: &'c Checker,
    path: String,
    depth: usize,
    problems: Vec<String>,
}

impl<'c> Check<'c> {
    fn value(&mut self, schema: &'c Value, value: &Value) {
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => return self.problem("", format!("is not allowed, got {}", came(value, schema))),
            _ => return,
        };
        if self.depth >= DEEPEST {
            return;
        }
        self.depth += 1;
        self.members(schema, members, value);
        self.depth -= 1;
    }

    fn members(&mut self, schema: &'c Value, members: &'c Map<String, Value>, value: &Value) {
        if let Some(target) = members.get("$ref").and_then(Value::as_str).and_then(|it| self.checker.resolve(it)) {
            self.value(target, value);
        }
        if !self.is_of_type(members, value) || !is_among(members, value) || !self.keeps_rules(members, value) {
            return self.unexpected(schema, value);
        }
        for all in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.value(all, value);
        }
        for (keyword, only_one) in [("anyOf", false), ("oneOf", true)] {
            if let Some(Value::Array(choices)) = members.get(keyword) {
                self.choice(schema, choices, only_one, value);
            }
        }
        if members.get("not").is_some_and(|not| self.holds(not, value)) {
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
            Value::Array(items) => self.array(schema, members, items),
            _ => {}
        }
    }

    fn is_of_type(&self, members: &Map<String, Value>, value: &Value) -> bool {
        match members.get("type") {
            Some(Value::String(kind)) => is_of_kind(kind, value),
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(|kind| is_of_kind(kind, value)),
            _ => true,
        }
    }

    fn keeps_rules(&self, members: &Map<String, Value>, value: &Value) -> bool {
        let facts = Facts::of_value(value);
        members.iter().all(|(keyword, operand)| match (keyword.as_str(), operand, &facts) {
            ("pattern", Value::String(pattern), Facts::Text(text)) => self.matches(pattern, text),
            _ => Rule::from_keyword(keyword, operand).is_none_or(|rule| rule.holds(&facts)),
        })
    }

    /// A pattern that is none lets everything pass.
    fn matches(&self, pattern: &str, text: &str) -> bool {
        self.checker.patterns.get(pattern).and_then(Option::as_ref).is_none_or(|pattern| pattern.is_match(text))
    }

    fn holds(&self, schema: &'c Value, value: &Value) -> bool {
        let mut check = Check { checker: self.checker, path: String::new(), depth: self.depth, problems: Vec::new() };
        check.value(schema, value);
        check.problems.is_empty()
    }

    fn choice(&mut self, schema: &'c Value, choices: &'c [Value], only_one: bool, value: &Value) {
        let tried: Vec<Vec<String>> = choices
            .iter()
            .map(|choice| {
                let (path, depth) = (self.path.clone(), self.depth);
                let mut check = Check { checker: self.checker, path, depth, problems: Vec::new() };
                check.value(choice, value);
                check.problems
            })
            .collect();
        match tried.iter().filter(|problems| problems.is_empty()).count() {
            1 => {}
            0 => {
                // If one of them can have been meant, what is wrong with that is the better answer.
                let meant = choices.iter().zip(&tried).filter(|(choice, _)| may_be_meant(choice, value));
                match meant.map(|(_, problems)| problems).collect::<Vec<_>>()[..] {
                    [problems] => self.problems.extend(problems.iter().cloned()),
                    _ => self.unexpected(schema, value),
                }
            }
            several if only_one => self.problem("", format!("fits {several} of the choices of its schema, not one")),
            _ => {}
        }
    }

    fn object(&mut self, members: &'c Map<String, Value>, object: &Map<String, Value>) {
        let properties = members.get("properties").and_then(Value::as_object);
        for required in members.get("required").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = required.as_str().filter(|name| !object.contains_key(*name)) else { continue };
            let expected = match properties.and_then(|properties| properties.get(name)) {
                Some(schema) => format!("is missing: expected {}", wanted(schema)),
                None => "is missing".to_owned(),
            };
            self.problem(&member(&self.path, name), expected);
        }
        let by_pattern = members.get("patternProperties").and_then(Value::as_object);
        for (name, value) in object {
            let mut known = false;
            let path = member(&self.path, name);
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                known = true;
                self.at(path.clone(), schema, value);
            }
            for (pattern, schema) in by_pattern.into_iter().flatten() {
                if self.matches(pattern, name) {
                    known = true;
                    self.at(path.clone(), schema, value);
                }
            }
            if let Some(names) = members.get("propertyNames")
                && !self.holds(names, &Value::String(name.clone()))
            {
                self.problem(&path, "has a name that is not allowed here".to_owned());
            }
            match members.get("additionalProperties") {
                Some(Value::Bool(false)) if !known => {
                    let names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                    self.problem(&path, unknown_member(name, &names));
                }
                Some(schema) if !known => self.at(path, schema, value),
                _ => {}
            }
        }
        let limit = |keyword: &str| members.get(keyword).and_then(Value::as_u64);
        let count = object.len() as u64;
        if limit("minProperties").is_some_and(|least| count < least)
            || limit("maxProperties").is_some_and(|most| count > most)
        {
            self.problem("", format!("has {count} members, which are too few or too many"));
        }
        for (name, needed) in members.get("dependentRequired").and_then(Value::as_object).into_iter().flatten() {
            for needed in needed.as_array().into_iter().flatten().filter_map(Value::as_str) {
                if object.contains_key(name) && !object.contains_key(needed) {
                    self.problem(&member(&self.path, needed), format!("is missing: `{name}` needs it"));
                }
            }
        }
    }

    fn array(&mut self, schema: &'c Value, members: &'c Map<String, Value>, items: &[Value]) {
        let prefix = members.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = prefix.get(index).or_else(|| members.get("items")) {
                self.at(format!("{}[{index}]", self.path), schema, item);
            }
        }
        if members.get("uniqueItems") == Some(&Value::Bool(true)) {
            let twice = items.iter().enumerate().find(|(index, item)| items[..*index].iter().any(|it| same(it, item)));
            if let Some((index, _)) = twice {
                self.problem(&format!("{}[{index}]", self.path), "is there already; each item must differ".to_owned());
            }
        }
        if let Some(contained) = members.get("contains") {
            let count = items.iter().filter(|item| self.holds(contained, item)).count() as u64;
            let limit = |keyword: &str| members.get(keyword).and_then(Value::as_u64);
            if count < limit("minContains").unwrap_or(1) || limit("maxContains").is_some_and(|most| count > most) {
                self.unexpected(schema, &Value::Array(items.to_vec()));
            }
        }
    }

    fn at(&mut self, path: String, schema: &'c Value, value: &Value) {
        let outer = std::mem::replace(&mut self.path, path);
        self.value(schema, value);
        self.path = outer;
    }

    fn unexpected(&mut self, schema: &Value, value: &Value) {
        let mut text = format!("expected {}, got {}", wanted(schema), came(value, schema));
        if let (Some(Value::Array(choices)), Value::String(value)) = (schema.get("enum"), value)
            && let Some(meant) = nearest(value, choices.iter().filter_map(Value::as_str))
        {
            text.push_str(&format!("; did you mean {meant:?}?"));
        }
        self.problems.push(if self.path.is_empty() { text } else { format!("`{}`: {text}", self.path) });
    }

    /// A problem with what is at this path; with what is looked at now, if that is empty.
    fn problem(&mut self, path: &str, text: String) {
        let path = if path.is_empty() { &self.path } else { path };
        self.problems.push(format!("`{path}` {text}"));
    }
}

/// Says that a name is not known, and which are.
pub(super) fn unknown_member(name: &str, known: &[&str]) -> String {
    match (nearest(name, known.iter().copied()), known) {
        (Some(meant), _) => format!("is not known here; did you mean `{meant}`?"),
        (None, []) => "is not known here, where nothing is".to_owned(),
        (None, known) => format!("is not known here, where {} can stand", listed(known)),
    }
}

/// The path of a member; hostile names do not make it long.
fn member(path: &str, name: &str) -> String {
    let name = shortened(name);
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

pub(super) fn is_of_kind(kind: &str, value: &Value) -> bool {
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
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
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
        assert!(problems(json!({ "$ref": "#" }), json!(1)).is_empty());
    }
}
