//! What a function returns is the same to the client, whether it is written where it goes at once or handed on to those
//! who want to see it.

use std::time::Duration;

use mcp_runtime::layer::Timing;
use mcp_runtime::prelude::*;
use mcp_runtime::{Inject, Resource, ServerHandle, StateNeed, ToolCall};
use mcp_tests::over::Over;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::time::timeout;

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Point {
    x: i32,
    name: &'static str,
}

/// Say it again.
#[tool]
fn echo(text: &str) -> &str {
    text
}

/// Say it again.
#[tool]
fn echo_owned(text: String) -> String {
    text
}

/// The end of a text.
#[tool]
fn end_of(#[arg(length = 1..)] text: &str, #[arg(default = 2)] letters: usize) -> Option<&str> {
    text.get(text.len().checked_sub(letters)?..)
}

/// A number.
#[tool]
fn number(from: i64) -> Result<i64> {
    if from < 0 {
        return Err(ToolError::new("no such \"number\""));
    }
    Ok(from)
}

/// Whether it is even.
#[tool]
fn is_even(number: u8) -> bool {
    number.is_multiple_of(2)
}

/// A half.
#[tool]
fn half(number: f64) -> f64 {
    number / 2.0
}

/// A point.
#[tool]
fn point(x: i32) -> Json<Point> {
    Json(Point { x, name: "A\n\"B\"" })
}

/// Points, which older revisions cannot carry.
#[tool]
fn points() -> Json<Vec<i32>> {
    Json(vec![1, 2])
}

/// Nothing.
#[tool]
fn nothing() {}

const TOOLS: [(&str, &str); 15] = [
    ("echo", r#"{"text":"as it is"}"#),
    ("echo", r#"{"text":"with \"escapes\" \u00e9\n"}"#),
    ("echo", r#"{"text":5}"#),
    ("echo_owned", r#"{"text":"as it is"}"#),
    ("end_of", r#"{"text":"as it is"}"#),
    ("end_of", r#"{"text":"as it is","letters":100}"#),
    ("end_of", r#"{"text":""}"#),
    ("number", r#"{"from":-9223372036854775808}"#),
    ("number", r#"{"from":9223372036854775807}"#),
    ("is_even", r#"{"number":4}"#),
    ("is_even", r#"{"number":"4"}"#),
    ("half", r#"{"number":3}"#),
    ("point", r#"{"x":-1}"#),
    ("points", "{}"),
    ("nothing", "{}"),
];

fn server() -> Server {
    Server::new("results").tools(tools![echo, echo_owned, end_of, number, is_even, half, point, points, nothing])
}

/// A client that hands on what it hears as it is.
struct Lines {
    stream: BufReader<DuplexStream>,
}

impl Lines {
    fn of(server: Server) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(server.serve(theirs));
        Self { stream: BufReader::new(ours) }
    }

    async fn ask(&mut self, line: &str) -> String {
        self.stream.write_all(format!("{line}\n").as_bytes()).await.expect("it is read");
        let mut answer = String::new();
        timeout(Duration::from_secs(10), self.stream.read_line(&mut answer)).await.expect("in time").expect("a line");
        answer
    }
}

#[tokio::test]
async fn a_result_is_the_same_whether_layers_see_it_or_not() {
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        let (mut at_once, mut seen) = (Lines::of(server()), Lines::of(server().layer(Timing::with(|_| {}))));
        let is_modern = revision == "2026-07-28";
        if !is_modern {
            let info = json!({ "name": "c", "version": "1" });
            let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": info });
            let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string();
            assert_eq!(at_once.ask(&hello).await, seen.ask(&hello).await);
        }
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": revision,
            "io.modelcontextprotocol/clientInfo": { "name": "c", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let meta = if is_modern { format!(r#","_meta":{meta}"#) } else { String::new() };
        for (id, (tool, arguments)) in TOOLS.iter().enumerate() {
            let id = if id % 2 == 0 { format!("{id}") } else { format!(r#""\"{id}""#) };
            let params = format!(r#"{{"name":"{tool}","arguments":{arguments}{meta}}}"#);
            let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#);
            let answer = at_once.ask(&call).await;
            assert_eq!(answer, seen.ask(&call).await, "{revision} {tool} {arguments}");
            assert!(answer.contains(r#""content":["#), "{revision} {tool} {arguments}: {answer}");
        }
    }
}

/// Something that is not dropped quietly.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Loud {
    text: String,
}

impl Drop for Loud {
    fn drop(&mut self) {
        assert!(self.text != "loud", "it is dropped");
    }
}

/// What it says.
#[tool]
fn say(it: &Loud) -> &str {
    &it.text
}

#[tokio::test]
async fn a_call_that_panics_after_its_result_is_there_has_one_answer() {
    for over in [Over::Memory, Over::Http] {
        for era in over.eras() {
            let client = over.client(Server::new("loud").tools(tools![say])).era(*era).connect().await.expect("it");
            for (text, expected) in [("quiet", (false, "quiet")), ("loud", (true, "tool `say` panicked"))] {
                let answer = client.call_tool("say", json!({ "it": { "text": text } })).await.expect("an answer");
                assert_eq!((answer.is_error, &*answer.joined_text()), expected, "{over:?} {era:?}");
            }
            let again = client.call_tool("say", json!({ "it": { "text": "still" } })).await.expect("an answer");
            assert_eq!(again.joined_text(), "still", "{over:?} {era:?}");
        }
    }
}

/// What is done becomes known when it is dropped.
struct Transaction(ServerHandle);

impl Inject for Transaction {
    const NEEDS: &'static [StateNeed] = &[StateNeed::of::<ServerHandle>()];

    fn inject(call: &ToolCall<'_>) -> Result<Self> {
        Ok(Self((*call.state::<ServerHandle>()?).clone()))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.0.add_resources(Resource::text("kept://it", "kept")).expect("it is new");
    }
}

/// Keep it.
#[tool]
fn keep(_transaction: &Transaction) -> &'static str {
    "kept"
}

#[tokio::test]
async fn what_becomes_known_at_the_end_of_a_call_is_said_before_its_result() {
    let server = Server::new("keeps").tools(tools![keep]);
    let handle = server.handle();
    let mut client = Lines::of(server.state(handle));
    let info = json!({ "name": "c", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
    client.ask(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string()).await;
    let calls = [
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "keep", "arguments": {} } }),
    ];
    let first = client.ask(&calls.map(|call| call.to_string()).join("\n")).await;
    assert!(first.contains("notifications/resources/list_changed"), "{first}");
    let second = client.ask(r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#).await;
    assert!(second.contains(r#""id":1,"result":{"content":[{"type":"text","text":"kept"}"#), "{second}");
}
