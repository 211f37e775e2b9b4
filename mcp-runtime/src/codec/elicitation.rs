//! A question to the user in the words of each revision.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::protocol::ProtocolVersion;
use crate::siphash;

/// The parameters of `elicitation/create`, if the revision needs them said differently. They are changed as JSON,
/// since a server that asks its users nothing need not know what a question to one can be.
pub(super) fn params_for(revision: ProtocolVersion, params: &RawValue) -> Option<Box<RawValue>> {
    let mut params: Map<String, Value> = serde_json::from_str(params.get()).ok()?;
    match revision {
        // Only 2025-11-25 has names for visits of a page, and wants one for each.
        ProtocolVersion::V2025_11_25 if is_url(&params) && !params.contains_key(ELICITATION_ID) => {
            let id = elicitation_id(&params);
            params.insert(ELICITATION_ID.to_owned(), Value::String(id));
        }
        ProtocolVersion::V2025_11_25 => return None,
        modern if modern.is_modern() => {
            params.shift_remove(ELICITATION_ID)?;
        }
        _ => {
            params.shift_remove("mode");
            if let Some(Value::Object(form)) = params.get_mut("requestedSchema") {
                say_as_2025_06_18(form);
            }
        }
    }
    to_raw_value(&params).ok()
}

const ELICITATION_ID: &str = "elicitationId";

fn is_url(params: &Map<String, Value>) -> bool {
    params.get("mode").is_some_and(|mode| mode == "url")
}

/// A name that is the same whenever the same is asked.
fn elicitation_id(params: &Map<String, Value>) -> String {
    let text = |member: &str| params.get(member).and_then(Value::as_str).unwrap_or_default();
    let asked = [text("url"), "\0", text("message")].concat();
    format!("{:032x}", u128::from_le_bytes(siphash::long(&[0; 16], asked.as_bytes())))
}

fn say_as_2025_06_18(form: &mut Map<String, Value>) {
    let required = form.get("required").cloned().unwrap_or_default();
    let is_required = |name: &String| required.as_array().is_some_and(|names| names.iter().any(|it| it == name));
    let Some(Value::Object(fields)) = form.get_mut("properties") else { return };
    // That revision has no lists. An optional one is not asked for, so that clients which know
    // nothing else can show the form. A required one stays: without it no answer could be right,
    // and a client that is newer than what it speaks may well know it.
    fields.retain(|name, field| field.get("type").is_none_or(|kind| kind != "array") || is_required(name));
    for field in fields.values_mut().filter_map(Value::as_object_mut) {
        if field.get("type").is_none_or(|kind| kind != "boolean") {
            field.remove("default");
        }
        if let Some(Value::Array(choices)) = field.remove("oneOf") {
            let all = |keyword: &str| choices.iter().filter_map(|choice| choice.get(keyword).cloned()).collect();
            field.insert("enum".to_owned(), all("const"));
            field.insert("enumNames".to_owned(), all("title"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(revision: ProtocolVersion, params: &Value) -> Value {
        let raw = to_raw_value(params).expect("JSON");
        let said = params_for(revision, &raw).unwrap_or(raw);
        serde_json::from_str(said.get()).expect("JSON")
    }

    #[test]
    fn a_form_is_said_in_the_words_of_2025_06_18() {
        let form = json!({ "mode": "form", "message": "?", "requestedSchema": {
            "type": "object",
            "properties": {
                "size": {
                    "type": "string", "title": "Size", "default": "s",
                    "oneOf": [{ "const": "s", "title": "Small" }, { "const": "l", "title": "Large" }],
                },
                "plain": { "type": "string", "enum": ["a"], "default": "a" },
                "count": { "type": "integer", "maximum": 3, "default": 1 },
                "wrap": { "type": "boolean", "default": true },
                "extras": { "type": "array", "items": { "type": "string", "enum": ["x"] }, "default": ["x"] },
                "colors": { "type": "array", "items": { "type": "string", "enum": ["red"] }, "default": ["red"] },
            },
            "required": ["size", "colors"],
        } });
        let expected = json!({ "message": "?", "requestedSchema": {
            "type": "object",
            "properties": {
                "size": { "type": "string", "title": "Size", "enum": ["s", "l"], "enumNames": ["Small", "Large"] },
                "plain": { "type": "string", "enum": ["a"] },
                "count": { "type": "integer", "maximum": 3 },
                "wrap": { "type": "boolean", "default": true },
                "colors": { "type": "array", "items": { "type": "string", "enum": ["red"] } },
            },
            "required": ["size", "colors"],
        } });
        assert_eq!(said(ProtocolVersion::V2025_06_18, &form), expected);
        for newer in [ProtocolVersion::V2025_11_25, ProtocolVersion::V2026_07_28] {
            assert_eq!(said(newer, &form), form, "{newer}");
        }
    }

    #[test]
    fn a_visit_has_a_name_in_2025_11_25_only() {
        let unnamed = json!({ "mode": "url", "message": "?", "url": "https://example.com/" });
        let mut named = unnamed.clone();
        named["elicitationId"] = json!("mine");
        let (old, new) = (ProtocolVersion::V2025_11_25, ProtocolVersion::V2026_07_28);
        assert_eq!(said(new, &unnamed), unnamed);
        assert_eq!(said(new, &named), unnamed);
        assert_eq!(said(old, &named), named);
        let id = said(old, &unnamed)["elicitationId"].clone();
        assert_eq!(id.as_str().map(str::len), Some(32));
        assert_eq!(said(old, &unnamed)["elicitationId"], id, "the same question has the same name");
        let other = json!({ "mode": "url", "message": "!", "url": "https://example.com/" });
        assert_ne!(said(old, &other)["elicitationId"], id);
    }
}
