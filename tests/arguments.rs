//! What becomes of arguments: which are accepted, which are refused, and what the model reads.

#![expect(dead_code, reason = "some fields are only decoded and printed")]

use mcp_runtime::client::Client;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::CallToolResult;
use mcp_tests::checked;
use mcp_tests::constrained::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Connects to a server in memory.
async fn connect(server: Server) -> Client {
    checked::in_memory(server).connect().await.expect("a connection")
}

async fn call(client: &Client, tool: &str, arguments: Value) -> CallToolResult {
    client.call_tool(tool, arguments).await.expect("an answer")
}

/// What is wrong with arguments, line by line; empty if nothing is.
async fn problems(client: &Client, tool: &str, arguments: Value) -> Vec<String> {
    let result = call(client, tool, arguments).await;
    if !result.is_error {
        return Vec::new();
    }
    let text = result.joined_text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(&*format!("the arguments of tool `{tool}` are not right:")), "{text}");
    lines.map(|line| line.strip_prefix("- ").expect("a list").to_owned()).collect()
}

#[tokio::test]
async fn each_constraint_is_enforced_and_explained() {
    let client = connect(Server::new("x").tools(mcp_tests::constrained::tools())).await;
    for (tool, accepted, refused, message) in [
        ("range", json!(100), json!(101), "expected an integer from 1 to 100, got the number 101"),
        ("open_range", json!(-5), json!(5), "expected an integer of at least -5 and below 5, got the number 5"),
        ("least", json!(10), json!(9), "expected an integer of at least 10, got the number 9"),
        ("real_range", json!(0.5), json!(1.75), "expected a number from 0.5 to 1.5, got the number 1.75"),
        ("exclusive", json!(0.5), json!(0), "expected a number above 0 and below 1, got the number 0"),
        (
            "multiple",
            json!(-15),
            json!(7),
            "expected an integer from -2147483648 to 2147483647 that is a multiple of 5, got the number 7",
        ),
        ("decimal", json!(0.3), json!(0.25), "expected a number that is a multiple of 0.1, got the number 0.25"),
        ("length", json!("äöü"), json!("a"), "expected a string of 2 to 4 characters, got the string \"a\" of 1"),
        ("exactly", json!("abc"), json!("abcd"), "expected a string of 3 characters, got the string \"abcd\" of 4"),
        (
            "items",
            json!([1]),
            json!([]),
            "expected an array of 1 to 2 items, each item an integer from 0 to 255, got an array of 0",
        ),
        ("pattern", json!("abc"), json!("aBc"), "expected a string that matches `^[a-z]+$`, got the string \"aBc\""),
        (
            "date_time",
            json!("2026-01-31T12:00:00Z"),
            json!("now"),
            "expected a date and time such as \"2026-01-31T12:00:00Z\", got the string \"now\"",
        ),
        (
            "date",
            json!("2026-01-31"),
            json!("2026-02-31"),
            "expected a date such as \"2026-01-31\", got the string \"2026-02-31\"",
        ),
        (
            "time",
            json!("12:00:00Z"),
            json!("12:00"),
            "expected a time with its offset such as \"12:00:00Z\", got the string \"12:00\"",
        ),
        ("email", json!("ada@example.com"), json!("ada"), "expected an e-mail address, got the string \"ada\""),
        ("hostname", json!("example.com"), json!("-a"), "expected a host name, got the string \"-a\""),
        ("ipv4", json!("127.0.0.1"), json!("::1"), "expected an IPv4 address, got the string \"::1\""),
        ("ipv6", json!("::1"), json!("127.0.0.1"), "expected an IPv6 address, got the string \"127.0.0.1\""),
        (
            "uri",
            json!("https://example.com/"),
            json!("example"),
            "expected a URI such as \"https://example.com/\", got the string \"example\"",
        ),
        (
            "uuid",
            json!("123e4567-e89b-12d3-a456-426614174000"),
            json!("1"),
            "expected a UUID such as \"123e4567-e89b-12d3-a456-426614174000\", got the string \"1\"",
        ),
        (
            "texts",
            json!("large"),
            json!("larg"),
            "expected one of \"small\", \"large\", got the string \"larg\"; did you mean \"large\"?",
        ),
        ("numbers", json!(5), json!(3), "expected one of 1, 2, 5, got the number 3"),
        (
            "header",
            json!(1),
            json!(1_i64 << 53),
            "expected an integer from -9007199254740991 to 9007199254740991, got the number 9007199254740992",
        ),
        ("optional", json!(1), json!(0), "expected an integer from 1 to 255, got the number 0"),
        (
            "choice",
            json!("small"),
            json!("Small"),
            "expected one of \"small\", \"large\", got the string \"Small\"; did you mean \"small\"?",
        ),
        ("tiny", json!(255.0), json!(256), "expected an integer from 0 to 255, got the number 256"),
    ] {
        assert_eq!(problems(&client, tool, json!({ "it": accepted })).await, [""; 0], "{tool} {accepted}");
        let message = format!("`it`: {message}");
        assert_eq!(problems(&client, tool, json!({ "it": refused })).await, [message], "{tool} {refused}");
    }
    let twice = json!({ "it": [1, 1.0] });
    assert_eq!(
        problems(&client, "items_of_a_set", twice).await,
        ["`it[1]` is there already; each item must differ"],
        "a set of one is not a set of two"
    );
    assert_eq!(problems(&client, "items_of_a_set", json!({ "it": [1, 2] })).await, [""; 0]);
    assert_eq!(problems(&client, "optional", json!({ "it": null })).await, [""; 0]);
    assert_eq!(problems(&client, "optional", json!({})).await, [""; 0]);
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Line {
    product: String,
    #[schemars(range(min = 1))]
    quantity: u32,
}

#[tool]
fn order(
    #[arg(length = 1..)] customer: String,
    lines: Vec<Line>,
    #[arg(format = "email")] email: String,
    #[arg(range = 0..=100)] discount: u8,
    size: Size,
    express: bool,
    #[arg(items = 1..)] tags: Vec<String>,
    price: f64,
    #[arg(default = 3)] retries: u8,
    note: Option<String>,
) -> String {
    format!("{customer} {lines:?} {email} {discount} {size:?} {express} {tags:?} {price} {retries} {note:?}")
}

#[tokio::test]
async fn ten_wrong_arguments_are_ten_lines_of_one_result() {
    let client = connect(Server::new("x").tools(tools![order])).await;
    let arguments = json!({
        "customer": "",
        "lines": [{ "product": "pen", "quantity": 1 }, { "quantity": 0 }],
        "email": 7,
        "discount": 101,
        "size": "huge",
        "express": "yes",
        "tags": [],
        "retries": -1,
        "notes": "x",
    });
    assert_eq!(
        problems(&client, "order", arguments).await,
        [
            "`customer`: expected a string of at least 1 character, got the string \"\" of 0",
            "`lines[1].product` is missing: expected a string",
            "`lines[1].quantity`: expected an integer from 1 to 4294967295, got the number 0",
            "`email`: expected an e-mail address, got the number 7",
            "`discount`: expected an integer from 0 to 100, got the number 101",
            "`size`: expected one of \"small\", \"large\", got the string \"huge\"",
            "`express`: expected true or false, got the string \"yes\"",
            "`tags`: expected an array of at least 1 item, each item a string, got an array of 0",
            "`price` is missing: expected a number",
            "`retries`: expected an integer from 0 to 255, got the number -1",
            "`notes` is not an argument of this tool; did you mean `note`?",
        ]
    );
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
struct Position {
    x: i32,
    y: i32,
}

#[tool]
fn defaults(
    #[arg(default)] a: u8,
    #[arg(default = 10, range = 1..=100)] b: u32,
    #[arg(default = "x")] c: &str,
    #[arg(default = Position { x: 1, y: 2 })] d: Position,
    #[arg(default = vec![1, 2])] e: Vec<u8>,
    #[arg(default = Some(3))] f: Option<u8>,
    #[arg(default = Size::Large, examples = [Size::Small])] g: Size,
) -> String {
    format!("{a} {b} {c} {d:?} {e:?} {f:?} {g:?}")
}

#[tokio::test]
async fn defaults_are_advertised_and_applied() {
    let client = connect(Server::new("x").tools(tools![defaults])).await;
    let tools = client.list_tools().await.expect("a list");
    let schema = Value::Object(tools[0].input_schema.clone());
    assert_eq!(schema.get("required"), None);
    for (name, default) in [
        ("a", json!(0)),
        ("b", json!(10)),
        ("c", json!("x")),
        ("d", json!({ "x": 1, "y": 2 })),
        ("e", json!([1, 2])),
        ("f", json!(3)),
        ("g", json!("large")),
    ] {
        assert_eq!(schema["properties"][name]["default"], default, "{name}");
    }
    assert_eq!(schema["properties"]["g"]["examples"], json!(["small"]));
    let absent = call(&client, "defaults", json!({})).await.joined_text();
    assert_eq!(absent, "0 10 x Position { x: 1, y: 2 } [1, 2] Some(3) Large");
    let null = call(&client, "defaults", json!({ "a": null, "b": null, "c": null, "f": null })).await.joined_text();
    assert_eq!(null, absent);
    let given = json!({ "a": 1, "b": 2, "c": "y", "d": { "x": 0, "y": 0 }, "e": [], "f": 4, "g": "small" });
    assert_eq!(call(&client, "defaults", given).await.joined_text(), "1 2 y Position { x: 0, y: 0 } [] Some(4) Small");
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Paging {
    /// Which page.
    #[serde(default)]
    page: u32,
    /// How many on it.
    per_page: Option<u8>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Filter {
    color: String,
    sizes: Vec<Size>,
}

#[tool]
fn search(query: &str, #[arg(flatten)] paging: Paging, #[arg(flatten)] filter: Option<Filter>) -> String {
    format!("{query} {paging:?} {filter:?}")
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "shape", rename_all = "lowercase")]
enum Shape {
    Circle { radius: f64 },
    Square { side: f64 },
}

#[tool]
fn draw(Args(shape): Args<Shape>, #[arg(default = "black")] color: String) -> String {
    format!("{color} {shape:?}")
}

#[tool]
fn anything(Args(all): Args<std::collections::BTreeMap<String, u8>>) -> String {
    format!("{all:?}")
}

#[tokio::test]
async fn fields_of_a_type_become_arguments() {
    let client = connect(Server::new("x").tools(tools![search, draw, anything])).await;
    let tools = client.list_tools().await.expect("a list");
    assert_eq!(
        Value::Object(tools[0].input_schema.clone()),
        json!({
            "type": "object",
            "properties": {
                "query": { "type": "string" },
                "page": { "type": "integer", "minimum": 0, "maximum": u32::MAX, "default": 0, "description": "Which page." },
                "per_page": { "type": "integer", "minimum": 0, "maximum": 255, "description": "How many on it." },
                "color": { "type": "string" },
                "sizes": { "type": "array", "items": { "type": "string", "description": "A size.", "enum": ["small", "large"] } },
            },
            "required": ["query"],
            "additionalProperties": false,
        })
    );
    let found = call(&client, "search", json!({ "query": "x", "page": 2 })).await.joined_text();
    assert_eq!(found, "x Paging { page: 2, per_page: None } None");
    let arguments = json!({ "query": "x", "sizes": ["small"], "color": "red", "per_page": null });
    let found = call(&client, "search", arguments).await.joined_text();
    assert_eq!(found, "x Paging { page: 0, per_page: None } Some(Filter { color: \"red\", sizes: [Small] })");
    assert_eq!(
        problems(&client, "search", json!({ "query": "x", "page": -1, "per_page": "x", "sizes": ["tiny"] })).await,
        [
            "`page`: expected an integer from 0 to 4294967295, got the number -1",
            "`per_page`: expected an integer from 0 to 255, got the string \"x\"",
            "`color` is missing: expected a string",
            "`sizes[0]`: expected one of \"small\", \"large\", got the string \"tiny\"",
        ]
    );
    let drawn = call(&client, "draw", json!({ "shape": "circle", "radius": 1 })).await.joined_text();
    assert_eq!(drawn, "black Circle { radius: 1.0 }");
    assert_eq!(
        problems(&client, "draw", json!({ "shape": "square", "side": "1", "color": 1 })).await,
        ["`side`: expected a number, got the string \"1\"", "`color`: expected a string, got the number 1"]
    );
    assert_eq!(call(&client, "anything", json!({ "a": 1, "b": 2 })).await.joined_text(), "{\"a\": 1, \"b\": 2}");
    assert_eq!(
        problems(&client, "anything", json!({ "a": 256 })).await,
        ["`a`: expected an integer from 0 to 255, got the number 256"]
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
enum Figure {
    Circle {
        radius: f64,
    },
    Line(f64),
    /// Has no size.
    Point,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Amount {
    Pieces { pieces: u8 },
    Grams { grams: u8 },
}

#[tool]
fn place(#[arg(flatten)] figure: Figure, #[arg(flatten)] amount: Option<Amount>, color: String) -> String {
    format!("{figure:?} {amount:?} {color}")
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Both {
    id: u8,
    #[serde(flatten)]
    figure: Figure,
    #[serde(flatten)]
    amount: Amount,
}

#[tool]
fn both(Args(both): Args<Both>) -> String {
    format!("{both:?}")
}

#[tool]
fn by_number(Args(all): Args<std::collections::BTreeMap<u32, u8>>) -> String {
    format!("{all:?}")
}

#[tokio::test]
async fn variants_of_enums_become_arguments_beside_others() {
    let client = connect(Server::new("x").tools(tools![place, both, by_number])).await;
    let tools = client.list_tools().await.expect("a list");
    for (tool, arguments, expected) in [
        ("place", json!({ "Circle": { "radius": 1 }, "color": "red" }), "Circle { radius: 1.0 } None red"),
        ("place", json!({ "Line": 2, "grams": 3, "color": "red" }), "Line(2.0) Some(Grams { grams: 3 }) red"),
        ("place", json!({ "Point": null, "color": "red" }), "Point None red"),
        (
            "both",
            json!({ "id": 1, "Line": 2, "pieces": 3 }),
            "Both { id: 1, figure: Line(2.0), amount: Pieces { pieces: 3 } }",
        ),
        ("by_number", json!({ "7": 1 }), "{7: 1}"),
    ] {
        let schema = tools.iter().find(|it| it.name == tool).expect("the tool").input_schema.clone();
        let schema = Value::Object(schema);
        assert!(jsonschema::is_valid(&schema, &arguments), "{schema} {arguments}");
        assert_eq!(call(&client, tool, arguments).await.joined_text(), expected);
    }
    assert_eq!(
        problems(&client, "place", json!({ "Point": null, "color": "red", "gram": 1 })).await,
        ["`gram` is not an argument of this tool; did you mean `grams`?"]
    );
}

#[tool]
fn clashing(#[arg(flatten)] amount: Amount, grams: u8) -> String {
    format!("{amount:?} {grams}")
}

#[tool]
fn greedy(
    #[arg(flatten)] all: std::collections::BTreeMap<String, u8>,
    #[arg(flatten)] more: std::collections::BTreeMap<String, u8>,
) -> String {
    format!("{all:?} {more:?}")
}

#[tokio::test]
async fn flattened_parameters_that_want_the_same_names_are_refused_at_the_start() {
    let (_, end) = tokio::io::duplex(64);
    let server = Server::new("x").tools(tools![clashing, greedy]);
    let error = server.serve(end).await.expect_err("a refusal").to_string();
    for expected in [
        "tool `clashing` is not right: two of its arguments are named `grams`",
        "tool `greedy` is not right: `all` and `more` both take arguments of any name",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Order {
    list: Vec<u8>,
    quantity: u8,
    #[serde(default)]
    page: u32,
}

#[tool(lenient)]
fn order_leniently(Args(order): Args<Order>) -> String {
    format!("{order:?}")
}

#[tool(strict)]
fn order_strictly(#[arg(flatten)] order: Order) -> String {
    format!("{order:?}")
}

#[tokio::test]
async fn fields_of_a_type_are_read_as_leniently_as_other_arguments() {
    let client = connect(Server::new("x").tools(tools![order_leniently, order_strictly])).await;
    let arguments = json!({ "list": "[1]", "quantity": "3", "page": null });
    let read = call(&client, "order_leniently", arguments.clone()).await.joined_text();
    assert_eq!(read, "Order { list: [1], quantity: 3, page: 0 }");
    assert_eq!(problems(&client, "order_strictly", arguments).await.len(), 3);
}

#[tokio::test]
async fn very_many_fields_cost_no_more_than_they_weigh() {
    let client = connect(Server::new("x").tools(tools![anything])).await;
    let arguments: serde_json::Map<String, Value> = (0..200_000).map(|it| (it.to_string(), json!(1))).collect();
    let read = call(&client, "anything", Value::Object(arguments)).await;
    assert!(!read.is_error && read.joined_text().len() > 200_000);
}

macro_rules! read {
    ($($name:ident $keys:tt)+) => {$(
        #[tool $keys]
        fn $name(position: Position, list: Vec<u8>, number: i64, flag: bool, text: String, any: Option<Value>) -> String {
            format!("{position:?} {list:?} {number} {flag} {text} {any:?}")
        }
    )+};
}
read! { usual(title = "Usual") lenient(lenient) strict(strict) }

#[tokio::test]
async fn text_that_holds_json_is_read_as_leniently_as_the_tool_says() {
    let client = connect(Server::new("x").tools(tools![usual, lenient, strict])).await;
    let plain =
        json!({ "position": { "x": 1, "y": 2 }, "list": [1], "number": 1, "flag": true, "text": "[1]", "any": "{}" });
    let mut containers = plain.clone();
    containers["position"] = json!(r#" {"x":1.0,"y":2}"#);
    containers["list"] = json!("[1]");
    let mut scalars = containers.clone();
    scalars["number"] = json!("1");
    scalars["flag"] = json!("true");
    let read = "Position { x: 1, y: 2 } [1] 1 true [1] Some(String(\"{}\"))";
    let number = "`number`: expected an integer, got the string \"1\"";
    let flag = "`flag`: expected true or false, got the string \"true\"";
    let position = "`position`: expected an object, got the string \" {\\\"x\\\":1.0,\\\"y\\\":2}\"";
    let list = "`list`: expected an array, each item an integer from 0 to 255, got the string \"[1]\"";
    for (tool, arguments, expected) in [
        ("strict", &plain, Ok(read)),
        ("usual", &plain, Ok(read)),
        ("lenient", &plain, Ok(read)),
        ("strict", &containers, Err(&[position, list][..])),
        ("usual", &containers, Ok(read)),
        ("lenient", &containers, Ok(read)),
        ("strict", &scalars, Err(&[position, list, number, flag])),
        ("usual", &scalars, Err(&[number, flag])),
        ("lenient", &scalars, Ok(read)),
    ] {
        let result = call(&client, tool, arguments.clone()).await;
        match expected {
            Ok(read) => assert_eq!(result.joined_text(), read, "{tool} {arguments}"),
            Err(wrong) => assert_eq!(problems(&client, tool, arguments.clone()).await, wrong, "{tool} {arguments}"),
        }
    }
    let mut null = plain;
    null["any"] = Value::Null;
    assert!(!call(&client, "strict", null.clone()).await.is_error, "any value is null, too");

    // What one tool does not say, the server does.
    let client = connect(Server::new("x").lenient().tools(tools![usual, strict])).await;
    assert!(!call(&client, "usual", scalars.clone()).await.is_error);
    assert!(call(&client, "strict", scalars.clone()).await.is_error);
    let client = connect(Server::new("x").strict().tools(tools![usual, lenient])).await;
    assert!(call(&client, "usual", containers).await.is_error);
    assert!(!call(&client, "lenient", scalars).await.is_error);
}

#[tool(strict)]
fn strict_note(note: Option<String>, list: Option<Vec<u8>>) -> String {
    format!("{note:?} {list:?}")
}

#[tokio::test]
async fn strictly_null_is_not_absence() {
    let client = connect(Server::new("x").tools(tools![strict_note])).await;
    assert_eq!(call(&client, "strict_note", json!({})).await.joined_text(), "None None");
    assert_eq!(
        problems(&client, "strict_note", json!({ "note": null })).await,
        ["`note`: expected a string, got null"]
    );
}

#[tool]
fn nested(it: Value) -> String {
    it.to_string()
}

#[tool(lenient)]
fn hostile(it: Vec<Value>) -> usize {
    it.len()
}

#[tokio::test]
async fn what_hides_inside_of_text_is_not_trusted() {
    let client = connect(Server::new("x").tools(tools![nested, hostile])).await;
    let deep = "[".repeat(100_000);
    assert!(call(&client, "hostile", json!({ "it": deep })).await.is_error);
    let reserved = format!(r#"[{{"$serde_json::private::RawValue":"{deep}"}}]"#);
    assert!(call(&client, "hostile", json!({ "it": reserved })).await.is_error);
    let escaped = format!(r#"[{{"\u0024serde_json::private::RawValue":"{deep}"}}]"#);
    assert!(call(&client, "hostile", json!({ "it": escaped })).await.is_error);
    assert_eq!(call(&client, "nested", json!({ "it": "[1]" })).await.joined_text(), "\"[1]\"");
}
