use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::*;

/// Its doc comment is not part of the form.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Everything {
    /// Who
    /// are you?
    #[schemars(length(min = 2, max = 40), title = "Name")]
    name: String,
    #[schemars(email)]
    email: Option<String>,
    #[schemars(url)]
    home: Option<String>,
    #[schemars(extend("format" = "date"))]
    born: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    now: Option<String>,
    #[schemars(regex(pattern = "^[0-9]{5}$"))]
    code: Option<String>,
    initial: char,
    #[schemars(range(min = 18))]
    age: u8,
    big: i64,
    positive: u64,
    ratio: f64,
    #[schemars(range(min = 0.5, max = 1))]
    part: f32,
    #[serde(default)]
    news: bool,
    size: Size,
    #[serde(default = "standard")]
    speed: Speed,
    maybe: Option<Speed>,
    maybe_size: Option<Size>,
    #[serde(default = "both")]
    #[schemars(length(min = 1, max = 2))]
    sizes: Vec<Size>,
    speeds: Option<BTreeSet<Speed>>,
    #[serde(default = "seven")]
    #[schemars(range(max = 9))]
    count: Option<u16>,
    #[serde(flatten)]
    more: More,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct More {
    #[serde(default = "hello", rename = "greet-ing")]
    greeting: String,
}

/// Any size.
#[derive(Serialize, Deserialize, JsonSchema)]
enum Size {
    Small,
    Large,
}

#[derive(Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
enum Speed {
    /// Tomorrow,
    /// by bike
    ///
    /// Not on Sundays.
    VeryFast,
    #[schemars(title = "Next week")]
    Standard,
    Slow,
}

fn standard() -> Speed {
    Speed::Standard
}

fn both() -> Vec<Size> {
    vec![Size::Small, Size::Large]
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn seven() -> Option<u16> {
    Some(7)
}

fn hello() -> String {
    "hello".to_owned()
}

fn requested<T: JsonSchema>() -> Value {
    Value::Object(Form::of::<T>().expect("a form").requested_schema())
}

fn reason<T: JsonSchema>() -> String {
    Form::of::<T>().expect_err("no form").to_string()
}

#[test]
fn each_kind_of_field_is_said_as_forms_say_it() {
    let titled = json!([
        { "const": "very-fast", "title": "Tomorrow, by bike" },
        { "const": "standard", "title": "Next week" },
        { "const": "slow", "title": "slow" },
    ]);
    let mut form = requested::<Everything>();
    // In which order documented and other variants stand is the generator's business.
    let in_order = |choices: &mut Value| {
        let place = |choice: &Value| titled.as_array().and_then(|all| all.iter().position(|it| it == choice));
        choices.as_array_mut().expect("choices").sort_by_key(place);
    };
    in_order(&mut form["properties"]["speed"]["oneOf"]);
    in_order(&mut form["properties"]["maybe"]["oneOf"]);
    in_order(&mut form["properties"]["speeds"]["items"]["anyOf"]);
    let expected = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "title": "Name", "description": "Who\nare you?", "minLength": 2, "maxLength": 40 },
            "email": { "type": "string", "format": "email" },
            "home": { "type": "string", "format": "uri" },
            "born": { "type": "string", "format": "date" },
            "now": { "type": "string", "format": "date-time" },
            "code": { "type": "string" },
            "initial": { "type": "string", "minLength": 1, "maxLength": 1 },
            "age": { "type": "integer", "minimum": 18, "maximum": 255 },
            "big": { "type": "integer" },
            "positive": { "type": "integer", "minimum": 0 },
            "ratio": { "type": "number" },
            "part": { "type": "number", "minimum": 0.5, "maximum": 1 },
            "news": { "type": "boolean", "default": false },
            "size": { "type": "string", "description": "Any size.", "enum": ["Small", "Large"] },
            "speed": { "type": "string", "oneOf": titled, "default": "standard" },
            "maybe": { "type": "string", "oneOf": titled },
            "maybe_size": { "type": "string", "description": "Any size.", "enum": ["Small", "Large"] },
            "sizes": {
                "type": "array",
                "minItems": 1,
                "maxItems": 2,
                "items": { "type": "string", "enum": ["Small", "Large"] },
                "default": ["Small", "Large"],
            },
            "speeds": { "type": "array", "items": { "anyOf": titled } },
            "count": { "type": "integer", "minimum": 0, "maximum": 9, "default": 7 },
            "greet-ing": { "type": "string", "default": "hello" },
        },
        "required": ["name", "initial", "age", "big", "positive", "ratio", "part", "size"],
    });
    assert_eq!(form, expected);
    let names = |form: &Value| form["properties"].as_object().map(|it| it.keys().cloned().collect::<Vec<_>>());
    assert_eq!(names(&form), names(&expected), "fields stand as in the struct");
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Nothing {}

#[test]
fn a_form_can_be_empty() {
    let empty = json!({ "type": "object", "properties": {} });
    assert_eq!(requested::<Nothing>(), empty);
    assert_eq!(requested::<()>(), empty);
    let content = Map::from_iter([("more".to_owned(), json!(1))]);
    assert_eq!(Form::of::<Nothing>().expect("a form").read(content.clone()), Ok(json!({ "more": 1 })));
    assert_eq!(Form::of::<()>().expect("a form").read(content), Ok(Value::Null));
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema matters")]
enum Shape {
    Circle { radius: f64 },
    Name(String),
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Misfits {
    fine: String,
    more: More,
    empty: Nothing,
    map: HashMap<String, u8>,
    tuple: (u8, String),
    texts: Vec<String>,
    list: Vec<More>,
    shape: Option<Shape>,
    mixed: Option<Result<u8, String>>,
    any: Value,
    parent: Option<Box<Misfits>>,
    unit: (),
    #[schemars(extend("enum" = [1, 2]))]
    digit: u8,
}

#[test]
fn each_field_that_is_none_is_explained() {
    let reason = reason::<Misfits>();
    let start = "`mcp_runtime::context::form::tests::Misfits` cannot be a form: ";
    let lines: Vec<&str> = reason.strip_prefix(start).expect("the type").split("; the ").collect();
    let fields = ["more", "empty", "map", "tuple", "texts", "list", "shape", "mixed", "any", "parent", "unit", "digit"];
    assert_eq!(lines.len(), fields.len(), "{reason}");
    for (field, line) in fields.iter().zip(&lines) {
        assert!(line.contains(&format!("field `{field}` ")), "{line}");
    }
    let texts = "is a list whose items are a string, and the only lists of a form are choices; \
                 make the items an enum of variants without data, or ask for text and split it";
    let expected = [
        "is a struct, and forms are flat; take its fields into the form with `#[serde(flatten)]`, \
         or ask for it in a question of its own",
        "is a struct, and",
        "is a map, and the fields of a form are known; give each name that it can have a field",
        "is a tuple, and forms are flat; give each of its items a field",
        texts,
        "is a list whose items are an object, and",
        "can have several shapes, and a field of a form has one; use an enum of variants without data \
         for the choice, and ask for the rest in another question",
        "can have several shapes, and",
        "can be anything; give it a type: text, a number, a `bool` or an enum of variants without data",
        "contains its own type, and forms are flat; ask for it in a question of its own",
        "has no value; leave it out",
        "is a choice among what is not text; use an enum of variants without data, which are text",
    ];
    for (expected, line) in expected.into_iter().zip(lines) {
        assert!(line.contains(expected), "{line}");
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Color {
    Red,
    Blue,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Named {
    #[schemars(extend("enumNames" = ["Rot", "Blau"]))]
    all: Color,
    #[schemars(extend("enumNames" = ["Rot"]))]
    few: Color,
    #[schemars(extend("enumNames" = ["Schnell", "Normal", "Langsam"]))]
    titled: Speed,
}

#[test]
fn what_older_clients_call_the_choices_is_kept_where_it_fits() {
    let form = Value::Object(Form::of::<Named>().expect("a form").requested_schema());
    let choices = json!({ "type": "string", "enum": ["red", "blue"], "enumNames": ["Rot", "Blau"] });
    assert_eq!(form["properties"]["all"], choices);
    assert_eq!(form["properties"]["few"], json!({ "type": "string", "enum": ["red", "blue"] }));
    assert!(form["properties"]["titled"]["oneOf"].is_array());
    assert_eq!(form["properties"]["titled"].get("enumNames"), None, "titles are said in one way");
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Open {
    name: String,
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[expect(dead_code, reason = "only its schema matters")]
enum Tagged {
    Circle { radius: f64 },
    Square { side: f64 },
    Nothing,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Sorted {
    name: String,
    #[serde(flatten)]
    shape: Tagged,
}

#[test]
fn a_type_without_named_fields_is_explained() {
    for (reason, expected) in [
        (reason::<String>(), "`alloc::string::String` cannot be a form: a form has named fields, this is a string; "),
        (reason::<Size>(), "this is one of \"Small\", \"Large\"; ask for a struct with a field for it"),
        (reason::<Vec<u8>>(), "this is an array, each item an integer from 0 to 255; "),
        (reason::<Value>(), "this is anything; "),
        (reason::<HashMap<String, u8>>(), "its fields can have any name; "),
        (reason::<Open>(), "its fields can have any name; "),
        (reason::<Shape>(), "its fields depend on each other, which no form can show; "),
        (reason::<Tagged>(), "its fields depend on each other, which no form can show; "),
        (reason::<Sorted>(), "its fields depend on each other, which no form can show; "),
    ] {
        assert!(reason.contains(expected), "{reason}");
    }
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Strict {
    #[schemars(regex(pattern = "^[0-9]{5}$"))]
    code: String,
    #[schemars(range(min = 1, max = 9))]
    count: u8,
    note: Option<String>,
}

fn read(content: Value) -> Result<Value, String> {
    let Value::Object(content) = content else { panic!("no object") };
    Form::of::<Strict>().expect("a form").read(content)
}

#[test]
fn answers_are_held_against_all_that_the_type_says() {
    let good = json!({ "code": "12345", "count": 5.0, "note": null });
    assert_eq!(read(good), Ok(json!({ "code": "12345", "count": 5 })));
    for (content, expected) in [
        (json!({ "code": "1234", "count": 5 }), "`code`: expected a string that matches `^[0-9]{5}$`, got the string"),
        (json!({ "code": "12345", "count": 5.5 }), "`count`: expected an integer from 1 to 9, got the number 5.5"),
        (json!({ "count": 10 }), "`code` is missing: expected a string that matches `^[0-9]{5}$`; `count`: expected"),
        (json!({ "code": null, "count": 5 }), "`code`: expected a string that matches `^[0-9]{5}$`, got null"),
        (json!({ "code": "12345", "count": 5, "not": "" }), "`not` is not known here; did you mean `note`?"),
    ] {
        let problems = read(content).expect_err("not right");
        assert!(problems.starts_with(expected), "{problems}");
    }
}
