//! From parameters to JSON Schema, in the form that models and clients like: no references
//! where none are needed, no noise.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::ParamSpec;

/// Makes schemas of what is decoded, in the dialect that the specification asks for, with
/// references inlined.
pub(crate) fn schema_generator() -> SchemaGenerator {
    generator(SchemaSettings::draft2020_12())
}

/// The same for what is sent: a field that may be left out is not required there.
pub(crate) fn output_generator() -> SchemaGenerator {
    generator(SchemaSettings::draft2020_12().for_serialize())
}

fn generator(mut settings: SchemaSettings) -> SchemaGenerator {
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.into_generator()
}

/// The schema of the `arguments` object.
pub(super) fn input(params: &[ParamSpec]) -> Map<String, Value> {
    let mut generator = schema_generator();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for param in params {
        let Some(mut schema) = param.schema(&mut generator) else { continue };
        if !param.takes_null() {
            required.push(json!(param.name));
        }
        without_null(&mut schema);
        tidy(&mut schema);
        let mut schema = schema.to_value();
        if schema == Value::Bool(true) {
            schema = json!({});
        }
        if let (Value::Object(schema), false) = (&mut schema, param.description.is_empty()) {
            schema.insert("description".to_owned(), json!(param.description));
        }
        properties.insert(param.name.to_owned(), schema);
    }
    let mut root = Map::new();
    root.insert("type".to_owned(), json!("object"));
    root.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        root.insert("required".to_owned(), Value::Array(required));
    }
    root.insert("additionalProperties".to_owned(), json!(false));
    close(root, &mut generator)
}

/// The schema of structured content.
pub(super) fn output(schema: fn(&mut SchemaGenerator) -> Option<Schema>) -> Option<Map<String, Value>> {
    let mut generator = output_generator();
    let mut schema = schema(&mut generator)?;
    tidy(&mut schema);
    let Value::Object(mut root) = schema.to_value() else { return Some(Map::new()) };
    // Before 2026-07-28 every property must be described by an object.
    if let Some(Value::Object(properties)) = root.get_mut("properties") {
        for property in properties.values_mut().filter(|property| **property == Value::Bool(true)) {
            *property = json!({});
        }
    }
    Some(close(root, &mut generator))
}

/// Adds the definitions that recursive types need.
fn close(mut root: Map<String, Value>, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        for definition in definitions.values_mut() {
            if let Ok(schema) = <&mut Schema>::try_from(definition) {
                tidy(schema);
            }
        }
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    root
}

/// An optional argument is its plain type; that it may be absent is said by `required`.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [one] = &types[..] {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = &choices[..] {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Says integers by their bounds instead of by names that only one language knows.
fn tidy(schema: &mut Schema) {
    RecursiveTransform(|schema: &mut Schema| {
        let Some(object) = schema.as_object_mut() else { return };
        let Some(format) = object.get("format").and_then(Value::as_str) else { return };
        let bounds = match format {
            "int8" => (json!(i8::MIN), json!(i8::MAX)),
            "int16" => (json!(i16::MIN), json!(i16::MAX)),
            "int32" => (json!(i32::MIN), json!(i32::MAX)),
            "int64" | "int" => (json!(i64::MIN), json!(i64::MAX)),
            "uint8" => (json!(0), json!(u8::MAX)),
            "uint16" => (json!(0), json!(u16::MAX)),
            "uint32" => (json!(0), json!(u32::MAX)),
            "uint64" | "uint" => (json!(0), json!(u64::MAX)),
            "int128" | "uint128" | "float" | "double" => {
                object.remove("format");
                return;
            }
            _ => return,
        };
        object.remove("format");
        object.entry("minimum").or_insert(bounds.0);
        object.entry("maximum").or_insert(bounds.1);
    })
    .transform(schema);
}

/// A schema in a few words, for an error that says what was expected.
pub(crate) fn describe_type(schema: &Schema) -> String {
    let mut schema = schema.clone();
    without_null(&mut schema);
    tidy(&mut schema);
    describe(schema.as_value())
}

fn describe(schema: &Value) -> String {
    if let Some(Value::Array(values)) = schema.get("enum") {
        let values: Vec<_> = values.iter().map(Value::to_string).collect();
        return format!("one of {}", values.join(", "));
    }
    // The bounds of 64-bit integers say nothing that helps.
    let least = schema.get("minimum").filter(|least| least.as_i64() != Some(i64::MIN));
    let most = schema.get("maximum").filter(|most| most.as_i64() != Some(i64::MAX) && most.as_u64() != Some(u64::MAX));
    if let Some(Value::Array(choices)) = schema.get("oneOf").or_else(|| schema.get("anyOf")) {
        let values: Vec<_> = choices.iter().filter_map(|choice| choice.get("const")).map(Value::to_string).collect();
        if values.len() == choices.len() {
            return format!("one of {}", values.join(", "));
        }
    }
    let bounds = match (least, most) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" of at least {least}"),
        (None, Some(most)) => format!(" of at most {most}"),
        (None, None) => String::new(),
    };
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => format!("an integer{bounds}"),
        Some("number") => format!("a number{bounds}"),
        Some("string") => "a string".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("object") => "an object".to_owned(),
        Some("null") => "null".to_owned(),
        Some("array") => match schema.get("items") {
            Some(items @ Value::Object(_)) => format!("an array, each item {}", describe(items)),
            _ => "an array".to_owned(),
        },
        _ => "a value of the tool's schema".to_owned(),
    }
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
        let params = [ParamSpec { name: "it", description: "", kind: T::KIND }];
        Value::Object(input(&params))
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
