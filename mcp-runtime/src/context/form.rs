//! Forms made of types: the subset of JSON Schema that the specification has for them, and what a
//! user filled in held against all that the type says.

use std::any::type_name;

use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::question::QuestionError;
use crate::schema::{Checker, schema_generator, tidy_input, wanted, without_null};

/// The form that asks for a value of one type ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#requested-schema
#[derive(Debug)]
pub(super) struct Form {
    requested: Map<String, Value>,
    /// The schema of the type, with what a form cannot say.
    checker: Checker,
    /// The type has no fields and is decoded from nothing, like `()`.
    is_unit: bool,
}

impl Form {
    pub(super) fn of<T: JsonSchema>() -> Result<Self, QuestionError> {
        let schema = schema_generator().into_root_schema_for::<T>();
        Self::of_schema(schema).map_err(|reason| QuestionError::NotAForm { type_name: type_name::<T>(), reason })
    }

    fn of_schema(mut schema: Schema) -> Result<Self, String> {
        tidy_input(&mut schema);
        let mut schema = schema.to_value();
        let is_unit = schema.get("type").is_some_and(|kind| kind == "null");
        if is_unit {
            schema = json!({ "type": "object" });
        }
        root_is_struct(&schema)?;
        let mut fields = Map::new();
        let mut misfits = Vec::new();
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for (name, property) in properties {
                // Nobody fills in null: it is left out.
                if let Ok(property) = <&mut Schema>::try_from(&mut *property) {
                    without_null(property);
                }
                match field(property) {
                    Some(field) => _ = fields.insert(name.clone(), Value::Object(field)),
                    None => misfits.push(format!("the field `{name}` {}", misfit(property))),
                }
            }
        }
        if !misfits.is_empty() {
            return Err(misfits.join("; "));
        }
        let mut requested = Map::new();
        requested.insert("type".to_owned(), json!("object"));
        requested.insert("properties".to_owned(), Value::Object(fields));
        if let Some(required) = schema.get("required") {
            requested.insert("required".to_owned(), required.clone());
        }
        Ok(Self { requested, checker: Checker::new(schema), is_unit })
    }

    /// The form, as it is sent.
    pub(super) fn requested_schema(&self) -> Map<String, Value> {
        self.requested.clone()
    }

    /// What the user filled in, ready to be decoded, or all that is wrong with it.
    pub(super) fn read(&self, mut content: Map<String, Value>) -> Result<Value, String> {
        if let Some(Value::Object(fields)) = self.requested.get("properties") {
            content.retain(|name, value| !(value.is_null() && fields.contains_key(name) && !self.is_required(name)));
            for (name, value) in &mut content {
                if fields.get(name).and_then(|field| field.get("type")).is_some_and(|kind| kind == "integer") {
                    make_integer(value);
                }
            }
        }
        let content = Value::Object(content);
        let problems = self.checker.problems(&content, "");
        match problems.is_empty() {
            false => Err(problems.join("; ")),
            true if self.is_unit => Ok(Value::Null),
            true => Ok(content),
        }
    }

    fn is_required(&self, name: &str) -> bool {
        let required = self.requested.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|it| it == name))
    }
}

/// `5.0` is 5. Floats that are larger are not exact.
pub(super) fn make_integer(value: &mut Value) {
    const LARGEST: f64 = (1_u64 << 53) as f64;
    if value.is_f64()
        && let Some(float) = value.as_f64()
        && float.fract() == 0.0
        && float.abs() <= LARGEST
    {
        *value = json!(float as i64);
    }
}

fn root_is_struct(schema: &Value) -> Result<(), String> {
    let has = |keyword: &str| schema.get(keyword).is_some();
    if has_structs(schema) {
        return Err("its fields depend on each other, which no form can show; \
                    ask for the choice first, and then for its fields, or write one plain struct"
            .to_owned());
    }
    if schema.get("type").is_none_or(|kind| kind != "object") {
        let what = named(schema);
        return Err(format!("a form has named fields, this is {what}; ask for a struct with a field for it"));
    }
    if has("patternProperties") || schema.get("additionalProperties").is_some_and(|it| *it != Value::Bool(false)) {
        return Err("its fields can have any name; a form has fields that are known, \
                    so ask for a struct whose fields are all named"
            .to_owned());
    }
    Ok(())
}

/// Whether a schema is a choice among structs, as enums with data have it.
fn has_structs(schema: &Value) -> bool {
    let choices = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array());
    choices.flatten().any(|choice| choice.get("type").is_some_and(|kind| kind == "object") || has_structs(choice))
}

/// A schema in a few words.
fn named(schema: &Value) -> String {
    match ["type", "enum", "const", "oneOf", "anyOf"].into_iter().any(|keyword| schema.get(keyword).is_some()) {
        true => wanted(schema),
        false => "anything".to_owned(),
    }
}

/// A field of a form, if the schema can be one.
fn field(schema: &Value) -> Option<Map<String, Value>> {
    let kind = match choices(schema) {
        Some(_) => "string",
        None => schema.get("type")?.as_str()?,
    };
    // Text may have several forms, as an address has; other values would be choices.
    if kind != "string" && ["enum", "const", "oneOf", "anyOf"].iter().any(|keyword| schema.get(keyword).is_some()) {
        return None;
    }
    let mut field = Map::new();
    field.insert("type".to_owned(), json!(kind));
    let mut keep = |keyword: &str, fits: &dyn Fn(&Value) -> bool| {
        if let Some(value) = schema.get(keyword).filter(|value| fits(value)) {
            field.insert(keyword.to_owned(), value.clone());
        }
    };
    keep("title", &Value::is_string);
    keep("description", &Value::is_string);
    match kind {
        "string" => match choices(schema) {
            Some(choices) => {
                choices.write(&mut field, "oneOf");
                choices.write_names(&mut field, schema);
                default(&mut field, schema, |value| choices.has(value));
            }
            None => {
                keep("minLength", &Value::is_u64);
                keep("maxLength", &Value::is_u64);
                keep("format", &|format| FORMATS.iter().any(|it| format == it));
                default(&mut field, schema, Value::is_string);
            }
        },
        "integer" | "number" => {
            keep("minimum", &means_something);
            keep("maximum", &means_something);
            default(&mut field, schema, Value::is_number);
        }
        "boolean" => default(&mut field, schema, Value::is_boolean),
        "array" => {
            let choices = choices(schema.get("items")?)?;
            keep("minItems", &Value::is_u64);
            keep("maxItems", &Value::is_u64);
            let mut items = Map::new();
            choices.write(&mut items, "anyOf");
            if items.contains_key("enum") {
                items.insert("type".to_owned(), json!("string"));
            }
            field.insert("items".to_owned(), Value::Object(items));
            let all = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(|it| choices.has(it)));
            default(&mut field, schema, all);
        }
        _ => return None,
    }
    Some(field)
}

/// The formats of text that a form knows.
const FORMATS: [&str; 4] = ["email", "uri", "date", "date-time"];

/// Bounds that only a type has, and numbers that JavaScript cannot tell apart, say nothing to a
/// user.
fn means_something(bound: &Value) -> bool {
    const LARGEST: f64 = (1_u64 << 53) as f64;
    bound.as_f64().is_some_and(|bound| bound.abs() < LARGEST)
}

fn default(field: &mut Map<String, Value>, schema: &Value, fits: impl FnOnce(&Value) -> bool) {
    if let Some(default) = schema.get("default").filter(|default| fits(default)) {
        field.insert("default".to_owned(), default.clone());
    }
}

/// What a user chooses from: values, and what to call them.
struct Choices(Vec<(String, Option<String>)>);

impl Choices {
    /// Whether this is one of them.
    fn has(&self, value: &Value) -> bool {
        self.0.iter().any(|(choice, _)| value == choice)
    }

    /// Writes them: with titles under the keyword, or plainly.
    fn write(&self, schema: &mut Map<String, Value>, keyword: &str) {
        if self.0.iter().all(|(_, title)| title.is_none()) {
            schema.insert("enum".to_owned(), self.0.iter().map(|(value, _)| json!(value)).collect());
        } else {
            let titled = |(value, title): &(String, Option<String>)| json!({ "const": value, "title": title.as_ref().unwrap_or(value) });
            schema.insert(keyword.to_owned(), self.0.iter().map(titled).collect());
        }
    }

    /// Takes over what older clients call the choices, where the author has said so and they have no titles.
    fn write_names(&self, field: &mut Map<String, Value>, schema: &Value) {
        let Some(Value::Array(names)) = schema.get("enumNames") else { return };
        if field.contains_key("enum") && names.len() == self.0.len() && names.iter().all(Value::is_string) {
            field.insert("enumNames".to_owned(), Value::Array(names.clone()));
        }
    }
}

/// The choices of a schema that allows certain texts only.
fn choices(schema: &Value) -> Option<Choices> {
    let mut all = Vec::new();
    collect_choices(schema, None, &mut all)?;
    (!all.is_empty()).then_some(Choices(all))
}

fn collect_choices(schema: &Value, title: Option<String>, all: &mut Vec<(String, Option<String>)>) -> Option<()> {
    if let Some(only) = schema.get("const") {
        all.push((only.as_str()?.to_owned(), title));
    } else if let Some(Value::Array(values)) = schema.get("enum") {
        for value in values {
            all.push((value.as_str()?.to_owned(), title.clone().filter(|_| values.len() == 1)));
        }
    } else {
        for choice in schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()? {
            let title = choice.get("title").or_else(|| choice.get("description")).and_then(Value::as_str);
            collect_choices(choice, title.map(first_paragraph), all)?;
        }
    }
    Some(())
}

/// The first paragraph of a text, in one line.
fn first_paragraph(text: &str) -> String {
    let lines = text.trim().lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// Why a schema cannot be a field, and what to do.
fn misfit(schema: &Value) -> String {
    let has = |keyword: &str| schema.get(keyword).is_some();
    let (what, cure) = match schema.get("type").and_then(Value::as_str) {
        Some("object") if has("oneOf") || has("anyOf") => SHAPES,
        Some("object") if has("properties") || !has("additionalProperties") => (
            "is a struct, and forms are flat",
            "take its fields into the form with `#[serde(flatten)]`, or ask for it in a question of its own",
        ),
        Some("object") => ("is a map, and the fields of a form are known", "give each name that it can have a field"),
        Some("array") if has("prefixItems") => ("is a tuple, and forms are flat", "give each of its items a field"),
        Some("array") => {
            let items = schema.get("items").map_or_else(|| "anything".to_owned(), named);
            return format!(
                "is a list whose items are {items}, and the only lists of a form are choices; \
                 make the items an enum of variants without data, or ask for text and split it"
            );
        }
        Some("null") => ("has no value", "leave it out"),
        _ if has("$ref") => ("contains its own type, and forms are flat", "ask for it in a question of its own"),
        _ if has("enum") || has("const") => {
            ("is a choice among what is not text", "use an enum of variants without data, which are text")
        }
        _ if has("oneOf") || has("anyOf") || has("type") => SHAPES,
        _ => ("can be anything", "give it a type: text, a number, a `bool` or an enum of variants without data"),
    };
    format!("{what}; {cure}")
}

const SHAPES: (&str, &str) = (
    "can have several shapes, and a field of a form has one",
    "use an enum of variants without data for the choice, and ask for the rest in another question",
);

#[cfg(test)]
mod tests;
