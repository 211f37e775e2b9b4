//! What a schema asks for, found out once: its patterns, and what values cannot be checked against.

use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::rule::Rule;

/// The patterns of a schema, and in words what it says that cannot be checked.
pub(crate) fn survey(schema: &Value) -> (HashMap<String, Regex>, Vec<String>) {
    let mut survey = Survey { root: schema, patterns: HashMap::new(), gaps: Vec::new() };
    survey.schema(schema);
    (survey.patterns, survey.gaps)
}

/// What a `$ref` of a schema leads to.
pub(crate) fn resolve<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Looks through a schema, once.
struct Survey<'s> {
    root: &'s Value,
    patterns: HashMap<String, Regex>,
    gaps: Vec<String>,
}

impl Survey<'_> {
    fn schema(&mut self, schema: &Value) {
        let Value::Object(members) = schema else { return };
        for (keyword, operand) in members {
            match keyword.as_str() {
                "$ref" if operand.as_str().is_none_or(|target| resolve(self.root, target).is_none()) => {
                    self.gaps.push(format!("`$ref` to {operand}, which is not in the schema"));
                }
                "$dynamicRef"
                | "$recursiveRef"
                | "unevaluatedItems"
                | "unevaluatedProperties"
                | "dependentSchemas"
                | "dependencies"
                | "additionalItems" => self.gaps.push(format!("`{keyword}`")),
                "pattern" => self.pattern(operand.as_str().unwrap_or_default()),
                "patternProperties" => {
                    operand.as_object().into_iter().flat_map(Map::keys).for_each(|it| self.pattern(it));
                    self.each(operand);
                }
                "properties" | "$defs" | "definitions" | "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    self.each(operand);
                }
                "items" if operand.is_array() => self.gaps.push("`items` that is a list".to_owned()),
                "items" | "contains" | "additionalProperties" | "propertyNames" | "not" | "if" | "then" | "else" => {
                    self.schema(operand);
                }
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minLength"
                | "maxLength" | "minItems" | "maxItems"
                    if Rule::from_keyword(keyword, operand).is_none() =>
                {
                    self.gaps.push(format!("`{keyword}`, which is {operand}"));
                }
                _ => {}
            }
        }
    }

    fn each(&mut self, schemas: &Value) {
        match schemas {
            Value::Object(named) => named.values().for_each(|schema| self.schema(schema)),
            Value::Array(listed) => listed.iter().for_each(|schema| self.schema(schema)),
            _ => {}
        }
    }

    fn pattern(&mut self, pattern: &str) {
        match Regex::new(pattern) {
            Ok(regex) => _ = self.patterns.insert(pattern.to_owned(), regex),
            Err(error) => self.gaps.push(format!("the pattern `{pattern}` ({error})")),
        }
    }
}
