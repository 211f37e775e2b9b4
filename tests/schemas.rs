//! What is advertised and what is accepted are the same: the schemas of tools beside an
//! independent validator.

use jsonschema::Validator;
use mcp_runtime::client::Client;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::Tool;
use mcp_tests::checked;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

async fn connect(server: Server) -> Client {
    checked::in_memory(server).connect().await.expect("a connection")
}

fn validator(schema: &Map<String, Value>) -> Validator {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&Value::Object(schema.clone()))
        .expect("a schema")
}

fn all_tools() -> Vec<Tool> {
    Runtime::new().expect("a runtime").block_on(async {
        let mut tools = connect(mcp_tests::server(Default::default())).await.list_tools().await.expect("a list");
        let constrained = connect(Server::new("x").tools(mcp_tests::constrained::tools())).await;
        tools.extend(constrained.list_tools().await.expect("a list"));
        tools
    })
}

#[test]
fn every_schema_is_one() {
    let tools = all_tools();
    assert!(tools.len() > 60, "{}", tools.len());
    for tool in tools {
        for schema in [Some(tool.input_schema), tool.output_schema].into_iter().flatten() {
            let schema = Value::Object(schema);
            if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
                panic!("{} of {}: {error}", schema, tool.name);
            }
        }
    }
}

#[test]
fn input_schemas_have_the_form_that_clients_understand() {
    for tool in all_tools() {
        let schema = &tool.input_schema;
        assert_eq!(schema["type"], "object", "{}", tool.name);
        assert_eq!(schema["additionalProperties"], false, "{}", tool.name);
        let text = Value::Object(schema.clone()).to_string();
        for noise in ["$schema", "\"null\"]", "int32", "uint", "double", "nullable"] {
            // A list of optional items may hold null, and says so.
            assert!(tool.name == "maybes" || !text.contains(noise), "{noise} in {text} of {}", tool.name);
        }
        assert_eq!(text.contains("$ref"), text.contains("$defs"), "{text}");
        let recursive = ["product", "tree"].contains(&tool.name.as_str());
        assert!(!text.contains("$ref") || recursive, "only a recursive type needs definitions: {text}");
    }
}

/// The `url` crate reads the URLs of browsers, `"format": "uri"` means those of RFC 3986: no schema
/// says which of them it takes.
const OTHER_SYNTAX: &str = "link";

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-300_i64..300).prop_map(Value::from),
        (-300_i64..300).prop_map(|it| json!(it as f64)),
        (-40_i64..40).prop_map(|it| json!(it as f64 / 20.0)),
        prop_oneof![Just(1e18), Just(-1e18), Just(9.3e18), Just(1.9e19), Just(1e300)].prop_map(Value::from),
        Just(json!(9_007_199_254_740_991_i64)),
        Just(json!(9_007_199_254_740_992_i64)),
    ]
}

/// Text that comes close to what schemas ask for.
fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-zA-Zäß€0-9]{0,5}".prop_map(Value::from),
        prop_oneof![Just("small"), Just("large"), Just("red"), Just("blue"), Just("circle"), Just("square"), Just("point")]
            .prop_map(Value::from),
        "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,3})?(Z|[+-][0-2][0-9]:[0-6][0-9])?)?"
            .prop_map(Value::from),
        "[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,3})?(Z|z|[+-][0-2][0-9]:[0-6][0-9])?".prop_map(Value::from),
        "[a-z.+]{1,4}@[a-z.-]{1,6}".prop_map(Value::from),
        "[a-z0-9.-]{1,12}".prop_map(Value::from),
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(\\.[0-9]{1,3})?".prop_map(Value::from),
        "[0-9a-f]{0,4}(:[0-9a-f]{0,4}){1,7}".prop_map(Value::from),
        "[a-z]{1,4}:(//[a-z.]{1,6})?[/a-z%0-9?#:@]{0,8}".prop_map(Value::from),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{11,12}".prop_map(Value::from),
    ]
}

/// JSON of any kind, with names that schemas have.
fn json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("displayName"),
        Just("count"),
        Just("size"),
        Just("parts"),
        Just("shape"),
        Just("radius"),
        Just("side"),
        Just("color"),
        Just("x"),
        Just("y"),
    ];
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number(), text()];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone().prop_map(str::to_owned), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Values that are likely to fit a schema.
fn fitting(schema: &Value, root: &Value, depth: u32) -> BoxedStrategy<Value> {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(target.trim_start_matches('#')).expect("a definition");
        return if depth == 0 { Just(json!({})).boxed() } else { fitting(target, root, depth - 1) };
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(Value::Array(choices)) = schema.get(keyword) {
            let typed = |choice: &Value| match schema.get("type") {
                Some(kind) => json!({ "type": kind, "format": choice.get("format") }),
                None => choice.clone(),
            };
            let choices: Vec<_> = choices.iter().map(|choice| fitting(&typed(choice), root, depth)).collect();
            return proptest::strategy::Union::new(choices).boxed();
        }
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        return prop::sample::select(values.clone()).boxed();
    }
    if let Some(value) = schema.get("const") {
        return Just(value.clone()).boxed();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let members: Vec<_> = properties
                .into_iter()
                .map(|(name, property)| {
                    let chance = if required.contains(&json!(name)) { 0.95 } else { 0.5 };
                    let value = prop_oneof![9 => fitting(&property, root, depth), 1 => json()];
                    prop::option::weighted(chance, value)
                        .prop_map(move |value| value.map(|value| (name.clone(), value)))
                })
                .collect();
            members.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
        }
        Some("array") => match schema.get("items") {
            Some(items) => prop::collection::vec(fitting(items, root, depth), 0..4).prop_map(Value::from).boxed(),
            None => json().boxed(),
        },
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        Some("string") => text().boxed(),
        Some("integer" | "number") => {
            let bound = |keyword| schema.get(keyword).and_then(Value::as_i64);
            let least = bound("minimum").or_else(|| bound("exclusiveMinimum")).unwrap_or(-20).clamp(-20, 1_000);
            let most = bound("maximum").unwrap_or(1_000).clamp(least, 1_000);
            prop_oneof![(least - 1..=most + 1).prop_map(Value::from), (least..=most).prop_map(Value::from), number()]
                .boxed()
        }
        _ => json().boxed(),
    }
}

#[test]
fn strictly_what_the_schema_accepts_is_what_is_accepted() {
    let runtime = Runtime::new().expect("a runtime");
    let client = runtime.block_on(connect(Server::new("x").strict().tools(mcp_tests::constrained::tools())));
    let mut accepted = 0;
    for tool in runtime.block_on(client.list_tools()).expect("a list") {
        if tool.name == OTHER_SYNTAX {
            continue;
        }
        let validator = validator(&tool.input_schema);
        let root = Value::Object(tool.input_schema.clone());
        let arguments = prop_oneof![
            3 => fitting(&root, &root, 2),
            1 => json().prop_map(|it| json!({ "it": it })),
        ];
        let count = std::cell::Cell::new(0);
        TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() })
            .run(&arguments, |arguments| {
                let result = runtime.block_on(client.call_tool(&tool.name, &arguments)).expect("an answer");
                let valid = validator.is_valid(&arguments);
                count.set(count.get() + u32::from(valid));
                prop_assert_eq!(!result.is_error, valid, "{} {}: {}", tool.name, arguments, result.joined_text());
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{error}"));
        accepted += count.get();
    }
    assert!(accepted > 2_000, "only {accepted} of the arguments fit, so little was tested");
}

#[test]
fn usually_all_is_accepted_that_the_schema_accepts() {
    let runtime = Runtime::new().expect("a runtime");
    let client = runtime.block_on(connect(Server::new("x").tools(mcp_tests::constrained::tools())));
    for tool in runtime.block_on(client.list_tools()).expect("a list") {
        if tool.name == OTHER_SYNTAX {
            continue;
        }
        let validator = validator(&tool.input_schema);
        let root = Value::Object(tool.input_schema.clone());
        TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() })
            .run(&fitting(&root, &root, 2), |arguments| {
                let result = runtime.block_on(client.call_tool(&tool.name, &arguments)).expect("an answer");
                prop_assert!(!result.is_error || !validator.is_valid(&arguments), "{} {}", tool.name, arguments);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{error}"));
    }
}
