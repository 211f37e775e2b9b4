//! The specification's schemas of messages, for tests of several files.

use jsonschema::Validator;
use serde_json::{Value, json};

/// The specification's schema of a type, which here allows nothing that it does not name.
pub(crate) fn validator(revision: &str, name: &str) -> Validator {
    let path = format!("{}/spec/schema/{revision}.json", env!("CARGO_MANIFEST_DIR"));
    let mut schema: Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    close(&mut schema);
    let definitions = if schema.get("$defs").is_some() { "$defs" } else { "definitions" };
    schema["$ref"] = json!(format!("#/{definitions}/{name}"));
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            // A member can be called `properties`, too.
            if members.get("properties").is_some_and(Value::is_object) && members.get("type") == Some(&json!("object"))
            {
                members.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
