//! JSON Schema of types, in the form that models and clients like: no references where none are
//! needed, no noise.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

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

/// An optional argument is its plain type; that it may be absent is said by `required`.
pub(crate) fn without_null(schema: &mut Schema) {
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

/// Says what a format means that only one language knows: integers by their bounds, an address by
/// the two forms it has.
pub(crate) fn tidy(schema: &mut Schema) {
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
            "float" => (json!(f32::MIN), json!(f32::MAX)),
            "ip" => {
                object.remove("format");
                object.entry("anyOf").or_insert(json!([{ "format": "ipv4" }, { "format": "ipv6" }]));
                return;
            }
            "int128" | "uint128" | "double" => {
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

/// The same for what callers send: what may be left out is its plain type, not also null, which
/// some clients do not understand. Where null says something else than leaving it out, it stays.
pub(crate) fn tidy_input(schema: &mut Schema) {
    RecursiveTransform(|schema: &mut Schema| {
        let Some(object) = schema.as_object_mut() else { return };
        let required = object.get("required").cloned().unwrap_or_default();
        let is_required = |name: &String| required.as_array().is_some_and(|names| names.iter().any(|it| it == name));
        let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
        for (name, property) in properties {
            let null_is_absent = property.get("default").is_none_or(Value::is_null);
            if !is_required(name)
                && null_is_absent
                && let Ok(property) = <&mut Schema>::try_from(property)
            {
                without_null(property);
            }
        }
    })
    .transform(schema);
    tidy(schema);
}
