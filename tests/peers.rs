//! With SDKs in other languages at the other end: their clients call our server, ours calls theirs.
//!
//! `tests/interop/install` fetches them. Where it did not run these tests are skipped, unless the
//! variable `MCP_PEERS` is set: then that is a failure.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::client::Era;
use mcp_runtime::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, SamplingContent, ToolChoice,
};
use mcp_runtime::testing::ScriptedModel;
use mcp_tests::checked;
use mcp_tests::http::Served;
use mcp_tests::interop::{Feature, Role, Row};
use mcp_tests::peers::Peer;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

/// A test that takes longer hangs.
const LONG: Duration = Duration::from_secs(120);

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// Version 4 has no `ctx.sample`.
fn with_fastmcp() -> Option<Command> {
    Peer::FastMcp3.program(TARGET, "sampling_fastmcp.py")
}

/// What one of their clients saw of a call.
#[derive(Debug, Deserialize)]
struct Seen {
    result: Option<Value>,
    error: Option<Value>,
    /// What its model and its user were asked, as it understood it.
    asked: Vec<Value>,
}

impl Seen {
    /// The text of a result, and whether it is an error.
    fn said(&self) -> (&str, bool) {
        let result = self.result.as_ref().unwrap_or_else(|| panic!("a result: {self:?}"));
        (result["content"][0]["text"].as_str().unwrap_or_default(), result["isError"] == true)
    }

    fn structured(&self) -> &Value {
        &self.result.as_ref().unwrap_or_else(|| panic!("a result: {self:?}"))["structuredContent"]
    }

    /// Asserts that the call failed for want of a capability, as each era has it.
    fn assert_missing(&self, era: &str, name: &str, capabilities: Value) {
        let text = format!("the request needs a client capability that was not declared: {name}");
        if era == "legacy" {
            assert_eq!(self.said(), (text.as_str(), true));
            return;
        }
        let error = self.error.as_ref().unwrap_or_else(|| panic!("an error: {self:?}"));
        assert_eq!(error["code"], -32021, "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(&text)), "{error}");
        assert_eq!(error["data"], json!({ "requiredCapabilities": capabilities }), "{error}");
    }
}

/// The blocks of the message that a model was given last; one alone may be no list.
fn last_blocks(asked: &Value) -> Vec<Value> {
    let message = asked["messages"].as_array().and_then(|messages| messages.last()).expect("a message");
    match &message["content"] {
        Value::Array(blocks) => blocks.clone(),
        block => vec![block.clone()],
    }
}

/// What a result of a tool says to a model: for which use it is, its texts, and whether it is an error.
fn told(block: &Value) -> (&str, String, bool) {
    assert_eq!(block["type"], "tool_result", "{block}");
    let texts: Vec<_> =
        block["content"].as_array().expect("a list").iter().filter_map(|it| it["text"].as_str()).collect();
    (block["toolUseId"].as_str().expect("an id"), texts.join(" "), block["isError"] == true)
}

fn names(tools: &Value) -> Vec<&str> {
    tools.as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str()).collect()
}

fn call(tool: &str, arguments: Value) -> Value {
    json!({ "tool": tool, "arguments": arguments, "model": [], "user": {} })
}

/// A call during which the model gives these answers, one after the other.
fn call_answered(tool: &str, arguments: Value, model: &[Value], user: Value) -> Value {
    json!({ "tool": tool, "arguments": arguments, "model": model, "user": user })
}

/// A model that asks for tools.
fn uses(asked: &[(&str, &str, Value)]) -> Value {
    let content: Vec<_> = asked
        .iter()
        .map(|(id, name, input)| json!({ "type": "tool_use", "id": id, "name": name, "input": input }))
        .collect();
    json!({ "role": "assistant", "model": "scripted", "stopReason": "toolUse", "content": content })
}

fn says(text: &str) -> Value {
    json!({ "role": "assistant", "model": "scripted", "content": { "type": "text", "text": text } })
}

/// What one of their clients saw of a connection.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    protocol_version: String,
    tools: Vec<String>,
    calls: Vec<Seen>,
}

impl Connection {
    /// What it saw of each call.
    fn calls<const N: usize>(&self) -> &[Seen; N] {
        self.calls[..].try_into().expect("as many as in the plan")
    }
}

/// A plan, and what must be seen of it, in an era.
type Case = (fn() -> Value, fn(&str, &Connection));

/// Lets one of their clients carry out all plans, in each era, over standard streams and over HTTP, and looks at what
/// it saw.
async fn calls_our_server(peer: Peer, program: &str, eras: &[&str]) {
    let Some(command) = peer.program(TARGET, program) else { return };
    let fixture = json!({ "command": env!("CARGO_BIN_EXE_fixture"), "env": { "FIXTURE_SERVER": "shop" } });
    carries_out_all_plans(command, eras, &fixture).await;

    let Some(command) = peer.program(TARGET, program) else { return };
    let served = Served::start(mcp_tests::server(Arc::default()).tools(mcp_tests::shop::tools())).await;
    let url = json!({ "url": format!("http://{}/mcp", served.address) });
    carries_out_all_plans(command, eras, &url).await;
    served.shutdown().await;
}

fn revision(era: &str) -> &'static str {
    if era == "legacy" { "2025-11-25" } else { "2026-07-28" }
}

async fn carries_out_all_plans(mut command: Command, eras: &[&str], server: &Value) {
    let cases: [Case; 4] =
        [(everything, see_everything), (no_tools, see_no_tools), (no_user, see_no_user), (nothing, see_nothing)];
    let all = || eras.iter().flat_map(|era| cases.iter().map(move |case| (*era, case)));
    let plans = all().map(|(era, (plan, _))| {
        let mut plan = plan();
        plan["era"] = json!(era);
        plan["server"] = server.clone();
        plan
    });
    command.arg(plans.collect::<Value>().to_string()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LONG, command.output()).await.expect("it ends").expect("it starts");
    let (lines, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{lines}\n{errors}", output.status);
    assert_eq!(lines.lines().count(), all().count(), "{lines}\n{errors}");
    for ((era, (_, see)), line) in all().zip(lines.lines()) {
        let connection: Connection = serde_json::from_str(line).expect("a connection");
        assert_eq!(connection.protocol_version, revision(era));
        assert!(connection.tools.iter().any(|name| name == "shop"), "{era}: {:?}", connection.tools);
        see(era, &connection);
    }
}

/// A client that can be asked everything.
fn everything() -> Value {
    let accept = json!({ "action": "accept", "content": { "size": 7 } });
    let lamp = json!({ "name": "Lamp", "price": 900 });
    let calls = [
        call("add", json!({ "a": 20, "b": 22 })),
        call("ask", json!({ "question": "why?" })),
        call("ask_thrice", json!({})),
        call_answered("plan", json!({ "topic": "trip" }), &[], json!({ "Which size?": accept })),
        call_answered("plan", json!({ "topic": "trip" }), &[], json!({ "Which size?": { "action": "decline" } })),
        call_answered(
            "invent",
            json!({}),
            &[
                uses(&[("1", "final_response", json!({ "name": "Lamp" }))]),
                uses(&[("2", "final_response", lamp.clone())]),
            ],
            json!({}),
        ),
        call_answered(
            "shop",
            json!({ "wish": "tea and cake" }),
            &[
                uses(&[("1", "search", json!({ "query": "tea" })), ("2", "search", json!({ "query": "cake" }))]),
                uses(&[("3", "reserve", json!({ "item": "tea 1" })), ("4", "reserve", json!({ "item": "cake 1" }))]),
                says("done"),
            ],
            json!({
                "Reserve tea 1?": { "action": "accept", "content": {} },
                "Reserve cake 1?": { "action": "decline" },
            }),
        ),
        call_answered(
            "find",
            json!({}),
            &[
                uses(&[("1", "search", json!({ "query": "lamp" })), ("2", "final_response", json!({ "name": 5 }))]),
                uses(&[("3", "final_response", lamp.clone())]),
            ],
            json!({}),
        ),
        call_answered(
            "ask",
            json!({ "question": "why?" }),
            &[json!({ "error": { "code": -1, "message": "User rejected sampling request" } })],
            json!({}),
        ),
        call("ask", json!({ "question": "and now?" })),
    ];
    json!({ "sampling": { "tools": {} }, "elicitation": { "form": {} }, "calls": calls })
}

fn see_everything(era: &str, connection: &Connection) {
    let lamp = json!({ "name": "Lamp", "price": 900 });
    let [add, plain, thrice, accepted, declined, invented, shopped, found, rejected, after] = connection.calls();

    assert_eq!(*add.structured(), json!({ "result": 42 }), "{era}");
    assert_eq!(plain.said(), ("WHY?", false), "{era}");
    assert_eq!((thrice.said(), thrice.asked.len()), (("ONE AND TWO", false), 3), "{era}");
    assert_eq!(accepted.said(), ("TRIP ONE, TRIP TWO (18), size Some(7)", false), "{era}");
    assert_eq!(declined.said(), ("TRIP ONE, TRIP TWO (18), size None", false), "{era}");

    // An answer of a type: wrong, told so, right.
    assert_eq!(*invented.structured(), lamp, "{era}");
    let [first, second] = &invented.asked[..] else { panic!("{era}: {invented:?}") };
    assert_eq!(names(&first["tools"]), ["final_response"], "{era}");
    assert_eq!(first["toolChoice"], json!({ "mode": "required" }), "{era}");
    let [result] = &last_blocks(second)[..] else { panic!("{era}: {second}") };
    let (id, text, is_error) = told(result);
    assert!((id, is_error) == ("1", true) && text.contains("`price` is missing"), "{era}: {result}");

    // A loop of three turns: two tools at once, two that ask the user, an answer.
    assert_eq!(shopped.said(), ("done (3 turns)", false), "{era}");
    let (questions, forms): (Vec<&Value>, Vec<_>) =
        shopped.asked.iter().partition(|asked| asked.get("messages").is_some());
    let [first, second, third] = questions[..] else { panic!("{era}: {shopped:?}") };
    assert_eq!(names(&first["tools"]), ["search", "reserve"], "{era}");
    assert_eq!(first["systemPrompt"], "You shop.", "{era}");
    let [tea, cake] = &last_blocks(second)[..] else { panic!("{era}: {second}") };
    assert_eq!(told(tea), ("1", "tea 1 tea 2".to_owned(), false), "{era}");
    assert_eq!(tea["structuredContent"], json!({ "result": ["tea 1", "tea 2"] }), "{era}");
    assert_eq!(told(cake), ("2", "cake 1 cake 2".to_owned(), false), "{era}");
    assert_eq!(forms.len(), 2, "{era}: {shopped:?}");
    let [tea, cake] = &last_blocks(third)[..] else { panic!("{era}: {third}") };
    assert_eq!(told(tea), ("3", "reserved tea 1".to_owned(), false), "{era}");
    assert_eq!(told(cake), ("4", "the user does not want it".to_owned(), true), "{era}");

    // Tools, and an answer of a type.
    assert_eq!(*found.structured(), lamp, "{era}");
    let [search, wrong] = &last_blocks(&found.asked[1])[..] else { panic!("{era}: {found:?}") };
    assert_eq!(told(search), ("1", "lamp 1 lamp 2".to_owned(), false), "{era}");
    let (id, text, is_error) = told(wrong);
    assert!((id, is_error) == ("2", true) && text.contains("`name`: expected a string"), "{era}: {wrong}");

    // In the modern era a refusal is between the client and its user: it ends the call there.
    match era {
        "legacy" => {
            assert_eq!(rejected.said(), ("the client did not answer: User rejected sampling request (-1)", true))
        }
        _ => assert_eq!(rejected.error.as_ref().expect("an error")["code"], -1, "{era}"),
    }
    assert_eq!(after.said(), ("AND NOW?", false), "{era}");
}

/// A client whose model knows no tools, and without a user.
fn no_tools() -> Value {
    let right = "Sure!\n```json\n{ \"name\": \"Lamp\", \"price\": 900 }\n```";
    let calls = [
        call_answered("invent", json!({}), &[says("I do not know."), says(right)], json!({})),
        call("shop", json!({ "wish": "tea" })),
        call("ask", json!({ "question": "why?" })),
    ];
    json!({ "sampling": {}, "calls": calls })
}

fn see_no_tools(era: &str, connection: &Connection) {
    let [invented, shopped, plain] = connection.calls();
    assert_eq!(*invented.structured(), json!({ "name": "Lamp", "price": 900 }), "{era}");
    let [first, second] = &invented.asked[..] else { panic!("{era}: {invented:?}") };
    assert!(first.get("tools").is_none() && first.get("toolChoice").is_none(), "{era}: {first}");
    let (first, second) = (&last_blocks(first)[0], &last_blocks(second)[0]);
    assert!(first["text"].as_str().is_some_and(|text| text.contains("JSON Schema")), "{era}: {first}");
    assert!(second["text"].as_str().is_some_and(|text| text.contains("it is not JSON")), "{era}: {second}");
    shopped.assert_missing(era, "sampling.tools", json!({ "sampling": { "tools": {} } }));
    assert_eq!(shopped.asked.len(), 0, "{era}");
    assert_eq!(plain.said(), ("WHY?", false), "{era}");
}

/// A client whose model knows tools, but that has no user to ask.
fn no_user() -> Value {
    let model = [uses(&[("1", "reserve", json!({ "item": "tea" }))]), says("It cannot be reserved.")];
    let calls = [call_answered("shop", json!({ "wish": "tea" }), &model, json!({}))];
    json!({ "sampling": { "tools": {} }, "calls": calls })
}

fn see_no_user(era: &str, connection: &Connection) {
    let [shopped] = connection.calls();
    assert_eq!(shopped.said(), ("It cannot be reserved. (2 turns)", false), "{era}");
    let [result] = &last_blocks(&shopped.asked[1])[..] else { panic!("{era}: {shopped:?}") };
    let (_, text, is_error) = told(result);
    assert!(is_error && text.contains("elicitation"), "{era}: {result}");
}

/// A client that can be asked nothing.
fn nothing() -> Value {
    let calls = [
        call("ask", json!({ "question": "why?" })),
        call("ask_or_not", json!({})),
        call("invent", json!({})),
        call("shop", json!({ "wish": "tea" })),
        call("add", json!({ "a": "x" })),
        call("unknown", json!({})),
    ];
    json!({ "calls": calls })
}

fn see_nothing(era: &str, connection: &Connection) {
    let [plain, or_not, invented, shopped, wrong, unknown] = connection.calls();
    let (sampling, tools) = (json!({ "sampling": {} }), json!({ "sampling": { "tools": {} } }));
    plain.assert_missing(era, "sampling", sampling.clone());
    invented.assert_missing(era, "sampling", sampling);
    shopped.assert_missing(era, "sampling.tools", tools);
    let expected = "went on without: the client cannot be asked: it did not declare the capability `sampling`";
    assert_eq!(or_not.said(), (expected, false), "{era}");
    let (text, is_error) = wrong.said();
    assert!(is_error && text.contains("`a`: expected an integer") && text.contains("`b` is missing"), "{era}: {text}");
    assert_eq!(unknown.error.as_ref().expect("an error")["code"], -32602, "{era}");
}

#[tokio::test]
async fn the_python_client_calls_our_server() {
    calls_our_server(Peer::PythonSdk2, "client_v2.py", &["legacy", "modern", "auto"]).await;
}

#[tokio::test]
async fn the_python_client_of_version_1_calls_our_server() {
    calls_our_server(Peer::PythonSdk1, "client_v1.py", &["legacy"]).await;
}

#[tokio::test]
async fn the_typescript_client_calls_our_server() {
    calls_our_server(Peer::TypeScriptClient, "client.mjs", &["legacy", "modern", "auto"]).await;
}

#[tokio::test]
async fn the_typescript_client_of_version_1_calls_our_server() {
    calls_our_server(Peer::TypeScriptSdk1, "client.mjs", &["legacy"]).await;
}

/// What tools returned, in the message that a model was given last.
fn results(asked: &CreateMessageRequestParams) -> Vec<(String, String, bool)> {
    let last = asked.messages.last().expect("a message");
    let results = last.content.iter().filter_map(|block| match block {
        SamplingContent::ToolResult(result) => {
            let texts: Vec<_> = result.content.iter().filter_map(|it| it.as_text()).collect();
            Some((result.tool_use_id.clone(), texts.join(" "), result.is_error))
        }
        _ => None,
    });
    results.collect()
}

#[tokio::test]
async fn our_client_calls_a_fastmcp_server() {
    let lamp = json!({ "name": "Lamp", "price": 900 });
    let answers = [
        says("because"),
        uses(&[("1", "search", json!({ "query": "tea" })), ("2", "broken", json!({})), ("3", "gone", json!({}))]),
        uses(&[("4", "search", json!({ "query": "cake" }))]),
        says("done"),
        // An answer of a type comes late, but not wrong at first: FastMCP would go on with two results for one
        // use of a tool, and its own SDK does not send that.
        says("A lamp, I think."),
        uses(&[("5", "final_response", lamp.clone())]),
        uses(&[("6", "search", json!({ "query": "numbers" }))]),
        uses(&[("7", "final_response", json!({ "value": [1, 2] }))]),
    ];
    for era in [Era::Auto, Era::Legacy] {
        let Some(server) = with_fastmcp() else { return };
        let answers = answers.iter().map(|answer| serde_json::from_value::<CreateMessageResult>(answer.clone()));
        let model = ScriptedModel::new(answers.map(|answer| answer.expect("an answer")));
        let client = checked::other::stdio(server)
            .on_stderr(|_| {})
            .era(era)
            .timeout(LONG)
            .probe_timeout(LONG)
            .on_sampling(model.clone())
            .on_elicitation(|form: ElicitRequestParams| async move {
                assert_eq!(form.message, "What shall it be?");
                let content = json!({ "name": "Lamp", "price": 900 });
                Ok(ElicitResult::accept(content.as_object().cloned().expect("an object")))
            });
        let client = client.connect().await.expect("a connection");
        assert!(!client.protocol_version().is_modern(), "{era:?}");
        let answer: String = client.call("ask", [("question", "why?")]).await.expect("an answer");
        assert_eq!(answer, "because", "{era:?}");
        let answer: String = client.call("shop", [("wish", "tea and cake")]).await.expect("an answer");
        assert_eq!(answer, "done (6 messages)", "{era:?}");
        assert_eq!(client.call::<Value>("invent", ()).await.expect("a product"), lamp, "{era:?}");
        assert_eq!(client.call::<Vec<u8>>("numbers", ()).await.expect("numbers"), [1, 2], "{era:?}");
        assert_eq!(client.call::<String>("order", ()).await.expect("an answer"), "accept: Lamp", "{era:?}");
        client.close().await.expect("it ends");

        let [plain, shop, used, used_again, _, invent, numbers, _] = &model.asked()[..] else {
            panic!("as many questions as answers")
        };
        assert_eq!((plain.joined_text().as_str(), plain.max_tokens, plain.temperature), ("why?", 7, Some(0.5)));
        assert_eq!(plain.system_prompt.as_deref(), Some("Be brief."));
        let offered = |asked: &CreateMessageRequestParams| -> Vec<String> {
            asked.tools.iter().map(|tool| tool.name.clone()).collect()
        };
        assert_eq!(offered(shop), ["search", "broken"]);
        let [(one, found, false), (two, broken, true), (three, gone, true)] = &results(used)[..] else {
            panic!("{used:?}")
        };
        assert_eq!([one, two, three], ["1", "2", "3"]);
        assert!(found.contains("tea 1") && broken.contains("the shelf fell") && gone.contains("Unknown"), "{used:?}");
        assert!(matches!(&results(used_again)[..], [(id, _, false)] if id == "4"), "{used_again:?}");
        assert_eq!(invent.tool_choice, Some(ToolChoice::required()));
        assert!(invent.joined_text().contains("You must call the `final_response` tool"), "{invent:?}");
        assert_eq!(offered(numbers), ["search", "final_response"]);
    }
    let mut row = Row::new(Peer::FastMcp3, Role::Server, "stdio", "2025-11-25");
    row.saw(Feature::SamplingWithTools);
    row.add(TARGET);
}

/// FastMCP looks at what the client declared, and says what is missing.
#[tokio::test]
async fn a_fastmcp_server_knows_what_our_client_can_be_asked() {
    let Some(server) = with_fastmcp() else { return };
    let client = checked::other::stdio(server).on_stderr(|_| {}).era(Era::Legacy).timeout(LONG);
    let client = client.connect().await.expect("a connection");
    let error = client.call::<String>("ask", [("question", "why?")]).await.expect_err("an error");
    assert!(error.to_string().contains("does not support sampling"), "{error}");
    client.close().await.expect("it ends");

    let Some(server) = with_fastmcp() else { return };
    let client = checked::other::stdio(server)
        .on_stderr(|_| {})
        .era(Era::Legacy)
        .timeout(LONG)
        .on_sampling(|_: CreateMessageRequestParams| async { Ok(CreateMessageResult::text("plain", "because")) });
    let client = client.connect().await.expect("a connection");
    assert_eq!(client.call::<String>("ask", [("question", "why?")]).await.expect("an answer"), "because");
    let error = client.call::<String>("shop", [("wish", "tea")]).await.expect_err("an error");
    assert!(error.to_string().contains("sampling.tools"), "{error}");
    client.close().await.expect("it ends");
}
