//! From the parameters of a tool to the schema of its arguments.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::tool::{ParamSpec, output_generator, schema_generator, tidy, without_null};

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
