//! Schemas and values in a few words, for messages that a model reads.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::format::Format;

/// What a schema asks for: "an integer from 1 to 100".
pub(crate) fn wanted(schema: &Value) -> String {
    if let Some(Value::Array(values)) = schema.get("enum") {
        return one_of(values);
    }
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    if let Some(Value::Array(choices)) = schema.get("oneOf").or_else(|| schema.get("anyOf")) {
        let values: Option<Vec<&[Value]>> = choices.iter().map(constants).collect();
        if let Some(values) = values {
            return one_of(&values.concat());
        }
        let mut words: Vec<String> = choices.iter().map(wanted).collect();
        words.dedup();
        return words.join(", or ");
    }
    match schema.get("type") {
        Some(Value::String(kind)) => of_kind(kind, schema),
        Some(Value::Array(kinds)) => {
            let words: Vec<_> = kinds.iter().filter_map(Value::as_str).map(|kind| of_kind(kind, schema)).collect();
            words.join(" or ")
        }
        // One of the forms that text can have, such as those of an address.
        _ => match schema.get("format").and_then(Value::as_str).and_then(Format::from_name) {
            Some(format) => format.describe().to_owned(),
            None => "a value of the tool's schema".to_owned(),
        },
    }
}

/// Whether there is more to say of a schema than that it is there.
fn says_something(schema: &Value) -> bool {
    ["type", "enum", "const", "oneOf", "anyOf"].iter().any(|keyword| schema.get(keyword).is_some())
}

/// The values that a choice allows, if it allows only some.
fn constants(choice: &Value) -> Option<&[Value]> {
    match (choice.get("const"), choice.get("enum")) {
        (Some(one), _) => Some(std::slice::from_ref(one)),
        (None, Some(Value::Array(several))) => Some(several),
        _ => None,
    }
}

fn one_of(values: &[Value]) -> String {
    let values: Vec<_> = values.iter().map(Value::to_string).collect();
    match &values[..] {
        [only] => only.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}

fn of_kind(kind: &str, schema: &Value) -> String {
    match kind {
        "integer" => number("an integer", schema),
        "number" => number("a number", schema),
        "string" => string(schema),
        "boolean" => "true or false".to_owned(),
        "object" => "an object".to_owned(),
        "null" => "null".to_owned(),
        "array" => {
            let is_set = schema.get("uniqueItems") == Some(&Value::Bool(true));
            let noun = if is_set { "different item" } else { "item" };
            let list = format!("an array{}", count(schema, "minItems", "maxItems", noun));
            match schema.get("items") {
                Some(items) if says_something(items) => format!("{list}, each item {}", wanted(items)),
                _ => list,
            }
        }
        other => other.to_owned(),
    }
}

fn number(kind: &str, schema: &Value) -> String {
    // Bounds that are those of a large type say nothing that helps.
    let says_much = |bound: &&Value| bound.as_f64().is_some_and(|bound| bound.abs() < i64::MAX as f64);
    let least = schema.get("minimum").filter(says_much);
    let most = schema.get("maximum").filter(says_much);
    let mut bounds = Vec::new();
    match (least, most) {
        (Some(least), Some(most)) => bounds.push(format!("from {least} to {most}")),
        (Some(least), None) => bounds.push(format!("of at least {least}")),
        (None, Some(most)) => bounds.push(format!("of at most {most}")),
        (None, None) => {}
    }
    bounds.extend(schema.get("exclusiveMinimum").map(|above| format!("above {above}")));
    bounds.extend(schema.get("exclusiveMaximum").map(|below| format!("below {below}")));
    let mut words = kind.to_owned();
    if !bounds.is_empty() {
        _ = write!(words, " {}", bounds.join(" and "));
    }
    if let Some(unit) = schema.get("multipleOf") {
        _ = write!(words, " that is a multiple of {unit}");
    }
    words
}

fn string(schema: &Value) -> String {
    let format = schema.get("format").and_then(Value::as_str).and_then(Format::from_name);
    let mut words = match format {
        Some(format) => format.describe().to_owned(),
        None => "a string".to_owned(),
    };
    words.push_str(&count(schema, "minLength", "maxLength", "character"));
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        _ = write!(words, " that matches `{pattern}`");
    }
    words
}

/// " of 2 to 5 items".
fn count(schema: &Value, least: &str, most: &str, unit: &str) -> String {
    let bound = |keyword| schema.get(keyword).and_then(Value::as_u64);
    let plural = |count: u64| if count == 1 { unit.to_owned() } else { format!("{unit}s") };
    match (bound(least), bound(most)) {
        (Some(least), Some(most)) if least == most => format!(" of {least} {}", plural(least)),
        (Some(least), Some(most)) => format!(" of {least} to {most} {}", plural(most)),
        (Some(least), None) => format!(" of at least {least} {}", plural(least)),
        (None, Some(most)) => format!(" of at most {most} {}", plural(most)),
        (None, None) => String::new(),
    }
}

/// What came: the kind, and the value if it is short; what is counted, if the schema counts.
pub(crate) fn came(value: &Value, schema: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(items) if schema.get("minItems").or_else(|| schema.get("maxItems")).is_some() => {
            format!("an array of {}", items.len())
        }
        Value::Array(_) => "an array".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {}", shortened(&number.to_string())),
        Value::String(text) => {
            let quoted = shortened(&value.to_string());
            if schema.get("minLength").or_else(|| schema.get("maxLength")).is_some() {
                format!("the string {quoted} of {}", text.chars().count())
            } else {
                format!("the string {quoted}")
            }
        }
    }
}

/// Hostile input does not make long messages.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LONGEST).collect();
    short.push('…');
    short
}

/// "`a`, `b` and `c`".
pub(crate) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [others @ .., last] => format!("`{}` and `{last}`", others.join("`, `")),
    }
}

/// The known name that was probably meant.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let folded = |name: &str| name.to_ascii_lowercase().replace(['-', '.', ' '], "_");
    // Hostile names are long, and no misspelling of anything.
    let name = folded(name.get(..128).unwrap_or(name));
    if name.len() > 128 {
        return None;
    }
    let nearest = known.map(|known| (distance(&name, &folded(known)), known)).min_by_key(|(distance, _)| *distance)?;
    (nearest.0 <= 2.max(name.len() / 3).min(name.len().saturating_sub(1))).then_some(nearest.1)
}

/// How many letters must be put in, left out, changed, or swapped with their neighbours, to make one text of the other
/// (Damerau and Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // Row `i` has how far the first `i` letters of one are from the first letters of the other: none, one and so on.
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    // In which row each letter of one came last.
    let mut seen: HashMap<char, usize> = HashMap::new();
    for (i, letter) in one.chars().enumerate() {
        let above = &rows[i];
        let mut row = Vec::with_capacity(other.len() + 1);
        row.push(i + 1);
        let mut seen_in_other = None;
        for (j, &wanted) in other.iter().enumerate() {
            let changed = above[j] + usize::from(letter != wanted);
            let mut least = changed.min(above[j + 1] + 1).min(row[j] + 1);
            // The two may have stood the other way round. What was between them is left out, or put in.
            if let (Some(&k), Some(l)) = (seen.get(&wanted), seen_in_other) {
                least = least.min(rows[k][l] + (i - k) + (j - l) - 1);
            }
            row.push(least);
            if letter == wanted {
                seen_in_other = Some(j);
            }
        }
        rows.push(row);
        seen.insert(letter, i);
    }
    rows[rows.len() - 1][other.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_said_in_words() {
        for (schema, expected) in [
            (json!({ "type": "integer", "minimum": 1, "maximum": 100 }), "an integer from 1 to 100"),
            (json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX }), "an integer"),
            (
                json!({ "type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5 }),
                "a number above 0 that is a multiple of 0.5",
            ),
            (json!({ "type": "string", "minLength": 3, "maxLength": 10 }), "a string of 3 to 10 characters"),
            (json!({ "type": "string", "minLength": 1 }), "a string of at least 1 character"),
            (json!({ "type": "string", "pattern": "^a$" }), "a string that matches `^a$`"),
            (json!({ "type": "string", "format": "email" }), "an e-mail address"),
            (json!({ "type": "string", "format": "of its own" }), "a string"),
            (json!({ "enum": ["a", "b"] }), "one of \"a\", \"b\""),
            (json!({ "oneOf": [{ "const": "a" }, { "enum": ["b", "c"] }] }), "one of \"a\", \"b\", \"c\""),
            (json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] }), "an integer, or a string"),
            (
                json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }),
                "an IPv4 address, or an IPv6 address",
            ),
            (json!({ "type": ["string", "null"] }), "a string or null"),
            (
                json!({ "type": "array", "items": { "type": "string" }, "maxItems": 3 }),
                "an array of at most 3 items, each item a string",
            ),
            (json!({}), "a value of the tool's schema"),
        ] {
            assert_eq!(wanted(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn misspelt_names_are_recognised() {
        let known = ["product_name", "limit", "a"];
        let nearest = |name| nearest(name, known.into_iter());
        assert_eq!(nearest("productName"), Some("product_name"));
        assert_eq!(nearest("product-name"), Some("product_name"));
        assert_eq!(nearest("limits"), Some("limit"));
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest("b"), None);
        assert_eq!(nearest(&"x".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn distances_are_those_of_strsim(one in "[a-cé]{0,10}", other in "[a-cé]{0,10}") {
            prop_assert_eq!(distance(&one, &other), strsim::damerau_levenshtein(&one, &other));
        }
    }
}
