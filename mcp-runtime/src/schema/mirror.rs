//! Which arguments of a tool stand in HTTP headers too ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters

use serde_json::{Map, Value};

/// Before the names of headers in which arguments stand.
const PREFIX: &str = "mcp-param-";

const KEYWORD: &str = "x-mcp-header";

/// An argument that stands in a header too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirrored {
    /// The whole name of the header, in lower case.
    pub(crate) header: String,
    /// How one comes to it from the arguments, name by name.
    pub(crate) path: Vec<String>,
}

/// Finds them all in the input schema of a tool; or what makes the schema unfit.
pub(crate) fn mirrored(schema: &Map<String, Value>) -> Result<Vec<Mirrored>, String> {
    let mut found = Vec::new();
    walk(schema, Some(&mut Vec::new()), &mut found)?;
    Ok(found)
}

/// `path` is `None` where an argument cannot be found for sure.
fn walk(
    schema: &Map<String, Value>,
    mut path: Option<&mut Vec<String>>,
    found: &mut Vec<Mirrored>,
) -> Result<(), String> {
    if let Some(header) = schema.get(KEYWORD) {
        let path = path.as_deref().filter(|path| !path.is_empty()).ok_or_else(|| {
            format!("`{KEYWORD}` stands where no `properties` of the schema lead to, one in the other")
        })?;
        let header = header_name(header, schema, path)?;
        if found.iter().any(|it| it.header == header) {
            return Err(format!("two arguments go into the header `{header}`"));
        }
        found.push(Mirrored { header, path: path.clone() });
    }
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            // What stands in these is no schema.
            ("default" | "const" | "enum" | "examples", _) => {}
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    let Value::Object(property) = property else { continue };
                    match path.as_deref_mut() {
                        Some(path) => {
                            path.push(name.clone());
                            walk(property, Some(path), found)?;
                            path.pop();
                        }
                        None => walk(property, None, found)?,
                    }
                }
            }
            ("$defs" | "definitions" | "patternProperties" | "dependentSchemas", Value::Object(schemas)) => {
                for schema in schemas.values().filter_map(Value::as_object) {
                    walk(schema, None, found)?;
                }
            }
            (_, Value::Object(schema)) => walk(schema, None, found)?,
            (_, Value::Array(schemas)) => {
                for schema in schemas.iter().filter_map(Value::as_object) {
                    walk(schema, None, found)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn header_name(header: &Value, schema: &Map<String, Value>, path: &[String]) -> Result<String, String> {
    let argument = path.join(".");
    let name = header.as_str().unwrap_or_default();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{KEYWORD}` of `{argument}` must be the name of a header, not {header}"));
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string" | "integer" | "boolean") => Ok(format!("{PREFIX}{}", name.to_ascii_lowercase())),
        _ => Err(format!("`{argument}` cannot stand in a header: it is not a string, an integer or a boolean")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mirrored(schema: &Value) -> Result<Vec<Mirrored>, String> {
        super::mirrored(schema.as_object().unwrap())
    }

    #[test]
    fn arguments_are_found_where_properties_lead_to() {
        let schema = json!({
            "type": "object",
            "properties": {
                "region": { "type": "string", "x-mcp-header": "Region" },
                "query": { "type": "string", "default": { "x-mcp-header": "no annotation" } },
                "x-mcp-header": { "type": "string" },
                "where": { "type": "object", "properties": { "row": { "type": "integer", "x-mcp-header": "Row" } } },
            },
        });
        let expected = [("mcp-param-region", vec!["region"]), ("mcp-param-row", vec!["where", "row"])];
        let expected = expected.map(|(header, path)| Mirrored {
            header: header.to_owned(),
            path: path.into_iter().map(str::to_owned).collect(),
        });
        assert_eq!(mirrored(&schema), Ok(expected.to_vec()));
    }

    #[test]
    fn what_the_specification_forbids_is_said() {
        let one = |property: Value| json!({ "type": "object", "properties": { "a": property } });
        let header = |name: Value| one(json!({ "type": "string", "x-mcp-header": name }));
        let of_type = |kind: Value| one(json!({ "type": kind, "x-mcp-header": "A" }));
        let marked = json!({ "type": "string", "x-mcp-header": "A" });
        let wrong = [
            header(json!("")),
            header(json!("My Region")),
            header(json!("Region\r\nX: y")),
            header(json!("Región")),
            header(json!(7)),
            of_type(json!("number")),
            of_type(json!("object")),
            of_type(json!(["string", "null"])),
            one(json!({ "x-mcp-header": "A" })),
            one(json!({ "type": "array", "items": marked })),
            one(json!({ "anyOf": [marked, { "type": "null" }] })),
            json!({ "type": "object", "properties": {}, "if": { "properties": { "a": marked } } }),
            json!({ "type": "object", "$defs": { "a": marked } }),
            json!({ "type": "object", "x-mcp-header": "A" }),
            json!({ "properties": { "a": marked, "b": { "type": "string", "x-mcp-header": "a" } } }),
        ];
        for schema in wrong {
            assert!(mirrored(&schema).is_err(), "{schema}");
        }
    }
}
