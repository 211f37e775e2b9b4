//! From the parameters of a function to the schema of its arguments.

use std::borrow::Cow;

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::choices::Choices;
use super::completion::{Completable, Source};
use crate::schema::{output_generator, schema_generator, tidy, tidy_input, without_null};
use crate::tool::{Argument, ParamDetails, ParamKind, ParamSpec, Slot, is_impossible, misfits};

/// The parameters of a function, as callers see them and as calls need them.
pub(super) struct Input {
    /// The schema of the `arguments` object.
    pub(super) schema: Map<String, Value>,
    pub(super) slots: Vec<Slot>,
    /// Arguments of which nothing is said.
    pub(super) undescribed: Vec<Cow<'static, str>>,
    /// What can be filled in.
    pub(super) completable: Vec<Completable>,
    pub(super) problems: Vec<String>,
}

/// What the parameters of a function add up to.
pub(super) fn input(params: &[ParamSpec]) -> Input {
    let mut collector = Collector::default();
    let mut generator = schema_generator();
    // Definitions are known only when all types were seen.
    let described: Vec<_> = params
        .iter()
        .map(|param| match param.kind {
            ParamKind::Argument { schema, .. } => Some(schema(&mut generator)),
            ParamKind::Injected { .. } => None,
        })
        .collect();
    collector.definitions = definitions(&mut generator, tidy_input);
    for (param, schema) in params.iter().zip(described) {
        let details = param.details();
        let slot = match (param.kind, schema) {
            (ParamKind::Argument { decodes, whole, .. }, Some(schema)) => {
                let optional = decodes("null").is_ok();
                if whole || details.flatten {
                    collector.many(param, schema, optional)
                } else {
                    collector.one(param, schema, &details, optional)
                }
            }
            _ => Slot::Injected,
        };
        collector.slots.push(slot);
    }
    collector.finish()
}

#[derive(Default)]
struct Collector {
    properties: Map<String, Value>,
    required: Vec<Value>,
    /// Choices of flattened enums, and whatever else stands at the top.
    choices: Map<String, Value>,
    /// The names of arguments in them.
    of_choices: Vec<String>,
    /// The parameter that takes arguments of any name.
    open: Option<&'static str>,
    additional: Option<Value>,
    definitions: Map<String, Value>,
    headers: Vec<String>,
    slots: Vec<Slot>,
    undescribed: Vec<Cow<'static, str>>,
    completable: Vec<Completable>,
    problems: Vec<String>,
}

impl Collector {
    fn one(&mut self, param: &ParamSpec, mut schema: Schema, details: &ParamDetails, optional: bool) -> Slot {
        without_null(&mut schema);
        tidy_input(&mut schema);
        let Value::Object(mut schema) = plain(schema.to_value()) else { return Slot::Injected };
        details.write(&mut schema);
        if is_impossible(&schema) {
            self.problems.push(format!("no value of `{}` can keep its constraints", param.name));
        }
        self.problems.extend(misfits(param, details));
        // As it is decoded: without what only people read.
        let decoded = self.with_definitions(schema.clone());
        self.completable.push(match &details.completer {
            Some(completer) => Completable { name: param.name.into(), source: Source::Function(completer.clone()) },
            None => Completable::of_schema(param.name.into(), &decoded, &decoded),
        });
        if !param.description.is_empty() {
            schema.insert("description".to_owned(), json!(param.description));
        } else if !details.undescribed && !schema.contains_key("description") {
            self.undescribed.push(param.name.into());
        }
        let json = |value: &Result<Box<_>, String>| to_value(value);
        if let Some(default) = details.default.as_ref().and_then(json) {
            schema.insert("default".to_owned(), default);
        }
        let examples: Vec<Value> = details.examples.iter().filter_map(json).collect();
        if !examples.is_empty() {
            schema.insert("examples".to_owned(), Value::Array(examples));
        }
        if let Some(header) = details.header {
            self.header(header);
        }
        if !optional && details.default.is_none() {
            self.required.push(json!(param.name));
        }
        self.property(param.name.to_owned(), Value::Object(schema));
        Slot::One(Argument::one(param.name, decoded, details, optional || details.default.is_some()))
    }

    /// The fields of a type become arguments.
    fn many(&mut self, param: &ParamSpec, mut schema: Schema, optional: bool) -> Slot {
        without_null(&mut schema);
        tidy_input(&mut schema);
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix("#/$defs/"));
        let target = target.and_then(|name| self.definitions.get(name)).cloned();
        let Value::Object(mut object) = plain(target.unwrap_or_else(|| schema.to_value())) else {
            return Slot::Injected;
        };
        let combined: Vec<&str> =
            ["oneOf", "anyOf", "allOf"].into_iter().filter(|keyword| object.contains_key(*keyword)).collect();
        let is_object = object.get("type").is_some_and(|kind| kind == "object");
        if !object.is_empty() && combined.is_empty() && !is_object {
            self.problems.push(format!(
                "the fields of `{}` cannot be arguments: it is not a struct but {}",
                param.name,
                Value::Object(object.clone())
            ));
        }
        let mut fields = Vec::new();
        let mut open = false;
        if let Some(Value::Object(properties)) = object.get("properties") {
            for (name, property) in properties {
                fields.push(name.clone());
                if !param.details().undescribed && property.get("description").is_none() {
                    self.undescribed.push(name.clone().into());
                }
                self.property(name.clone(), property.clone());
            }
        }
        for keyword in combined {
            let Choices { names, open: any, .. } = Choices::of(&mut object, keyword, &self.definitions);
            open |= any;
            for name in names.into_iter().filter(|name| !fields.contains(name)).collect::<Vec<_>>() {
                self.of_choice(&name);
                fields.push(name);
            }
            let Some(Value::Array(mut choices)) = object.get(keyword).cloned() else { continue };
            let mut keyword = keyword;
            if optional {
                // Or none of them.
                choices = match keyword {
                    "anyOf" => choices,
                    other => vec![json!({ other: choices })],
                };
                choices.push(json!({}));
                keyword = "anyOf";
            }
            match self.choices.get_mut(keyword) {
                None => _ = self.choices.insert(keyword.to_owned(), Value::Array(choices)),
                Some(Value::Array(all)) if keyword == "allOf" => all.extend(choices),
                // Each of the two must hold.
                Some(_) => {
                    let all = self.choices.entry("allOf").or_insert_with(|| json!([]));
                    if let Value::Array(all) = all {
                        all.push(json!({ keyword: choices }));
                    }
                }
            }
            // What is known of the choices is not known at the top.
            self.additional.get_or_insert(json!(true));
        }
        let by_pattern = object.get("patternProperties");
        if let Some(by_pattern) = by_pattern {
            open = true;
            self.choices.insert("patternProperties".to_owned(), by_pattern.clone());
        }
        match object.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            Some(additional) => {
                open = true;
                self.additional = Some(additional.clone());
            }
            None if fields.is_empty() && by_pattern.is_none() => {
                open = true;
                self.additional = Some(json!(true));
            }
            None => {}
        }
        if open && let Some(earlier) = self.open.replace(param.name) {
            self.problems.push(format!(
                "`{earlier}` and `{}` both take arguments of any name, so nobody knows whose one is; flatten only one",
                param.name
            ));
        }
        if let (Some(Value::Array(required)), false) = (object.get("required"), optional) {
            self.required.extend(required.iter().cloned());
        }
        let mut decoded = object;
        decoded.remove("title");
        let decoded = self.with_definitions(decoded);
        for field in &fields {
            let schema = decoded.get("properties").and_then(|properties| properties.get(field)).unwrap_or(&Value::Null);
            self.completable.push(Completable::of_schema(field.clone().into(), schema, &decoded));
        }
        Slot::Many(Argument::many(fields, open, optional, decoded))
    }

    /// An argument that only some of the choices have.
    fn of_choice(&mut self, name: &str) {
        let is_taken = self.is_taken(name);
        self.of_choices.push(name.to_owned());
        if is_taken {
            self.problems.push(format!("two of its arguments are named `{name}`"));
        }
    }

    fn property(&mut self, name: String, schema: Value) {
        if self.is_taken(&name) {
            self.problems.push(format!("two of its arguments are named `{name}`"));
        }
        self.properties.insert(name, schema);
    }

    fn is_taken(&self, name: &str) -> bool {
        self.properties.contains_key(name) || self.of_choices.iter().any(|it| it == name)
    }

    fn header(&mut self, header: &str) {
        let is_taken = self.headers.iter().any(|it| it.eq_ignore_ascii_case(header));
        self.headers.push(header.to_owned());
        if is_taken {
            self.problems.push(format!("two of its arguments go into the header `{header}`"));
        }
    }

    fn with_definitions(&self, mut schema: Map<String, Value>) -> Value {
        if !self.definitions.is_empty() {
            schema.insert("$defs".to_owned(), Value::Object(self.definitions.clone()));
        }
        Value::Object(schema)
    }

    fn finish(self) -> Input {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Value::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(self.required));
        }
        let closed = self.open.is_none() && !self.of_choices.is_empty();
        schema.extend(self.choices);
        match self.additional {
            None => _ = schema.insert("additionalProperties".to_owned(), json!(false)),
            // Counts the names that the choices have, too.
            Some(Value::Bool(true)) if closed => _ = schema.insert("unevaluatedProperties".to_owned(), json!(false)),
            Some(Value::Bool(true)) => {}
            Some(additional) => _ = schema.insert("additionalProperties".to_owned(), additional),
        }
        if !self.definitions.is_empty() {
            schema.insert("$defs".to_owned(), Value::Object(self.definitions));
        }
        let Self { slots, undescribed, completable, problems, .. } = self;
        Input { schema, slots, undescribed, completable, problems }
    }
}

/// A schema as an object: some clients do not know the others.
fn plain(schema: Value) -> Value {
    match schema {
        Value::Bool(false) => json!({ "not": {} }),
        Value::Object(_) => schema,
        _ => json!({}),
    }
}

fn to_value(raw: &Result<Box<serde_json::value::RawValue>, String>) -> Option<Value> {
    serde_json::from_str(raw.as_ref().ok()?.get()).ok()
}

/// The schema of structured content.
pub(super) fn output(schema: fn(&mut SchemaGenerator) -> Option<Schema>) -> Option<Map<String, Value>> {
    let mut generator = output_generator();
    let schema = schema(&mut generator)?;
    Some(closed_output(schema, generator))
}

/// The schema of structured content that an attribute names.
pub(super) fn output_of(schema: fn(&mut SchemaGenerator) -> Schema) -> Map<String, Value> {
    let mut generator = output_generator();
    let schema = schema(&mut generator);
    closed_output(schema, generator)
}

fn closed_output(mut schema: Schema, mut generator: SchemaGenerator) -> Map<String, Value> {
    tidy(&mut schema);
    let Value::Object(mut root) = schema.to_value() else { return Map::new() };
    // Before 2026-07-28 every property must be described by an object.
    if let Some(Value::Object(properties)) = root.get_mut("properties") {
        for property in properties.values_mut().filter(|property| **property == Value::Bool(true)) {
            *property = json!({});
        }
    }
    let definitions = definitions(&mut generator, tidy);
    if !definitions.is_empty() {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    root
}

/// The definitions that recursive types need.
fn definitions(generator: &mut SchemaGenerator, tidy: fn(&mut Schema)) -> Map<String, Value> {
    let mut definitions = generator.take_definitions(true);
    for definition in definitions.values_mut() {
        if let Ok(schema) = <&mut Schema>::try_from(definition) {
            tidy(schema);
        }
    }
    definitions
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::{IntoToolResult, Json, ToolParam};

    #[derive(Serialize, JsonSchema)]
    struct Sent {
        name: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tags: Vec<String>,
        #[serde(rename(serialize = "productId"))]
        product_id: u32,
        extra: Value,
    }

    fn output_of<T: IntoToolResult>() -> Value {
        Value::Object(output(T::output_schema).expect("a schema"))
    }

    fn input_of<T: ToolParam<M>, M>() -> Value {
        Value::Object(input(&[ParamSpec::new("it", "", T::KIND)]).schema)
    }

    #[test]
    fn an_output_schema_describes_what_is_sent() {
        let schema = output_of::<Json<Sent>>();
        assert_eq!(schema["required"], json!(["name", "productId", "extra"]));
        assert_eq!(schema["properties"]["extra"], json!({}), "older revisions want an object for each property");
    }

    #[test]
    fn an_optional_result_is_an_object_only_if_the_result_is() {
        assert_eq!(output_of::<Option<u8>>()["type"], "object");
        assert!(output_of::<Option<Json<Vec<u8>>>>().get("type").is_none());
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its schema matters")]
    enum Untagged {
        Number(Option<u8>),
        Text(String),
    }

    #[test]
    fn an_argument_is_required_if_its_absence_does_not_decode() {
        assert!(input_of::<Option<Untagged>, _>().get("required").is_none());
        assert!(input_of::<Value, _>().get("required").is_none());
        assert_eq!(input_of::<u8, _>()["required"], json!(["it"]));
    }

    #[test]
    fn an_optional_argument_is_its_plain_type() {
        let plain = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
        assert_eq!(input_of::<Option<u8>, _>()["properties"]["it"], plain);
    }
}
