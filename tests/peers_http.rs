//! Clients of other makers call our server over HTTP, in the eras that each of them speaks: all that a server can
//! offer, and what only HTTP has.
//!
//! `tests/interop/install` fetches them; see `tests/peers.rs`, which asks the same server questions of all kinds.

use std::process::{Output, Stdio};
use std::time::Duration;

use mcp_tests::cutting::cut;
use mcp_tests::http::Served;
use mcp_tests::peers::{fastmcp, inspector, python_sdk, typescript_sdk};
use mcp_tests::whole::CUT;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

/// A test that takes longer hangs.
const LONG: Duration = Duration::from_secs(120);

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// What a client makes of a session that the server has forgotten.
struct Forgotten {
    code: Value,
    says: &'static str,
}

/// Lets a client go all over the server, once for each era, and looks at what it saw. `missing` is the code that it
/// gives a resource that there is not, in the legacy era.
async fn tours(client: Option<Command>, eras: &[&str], missing: i64, forgotten: &Forgotten) {
    let Some(mut command) = client else { return };
    let served = Served::start(mcp_tests::whole::server()).await;
    let url = format!("http://{}/mcp", cut(served.address, CUT).await);
    let plans: Value =
        eras.iter().map(|era| json!({ "era": era, "url": url, "name": format!("grown_{era}") })).collect();
    command.arg(plans.to_string()).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = timeout(LONG, command.output()).await.expect("it ends").expect("it starts");
    let (lines, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}\n{lines}\n{errors}");
    assert_eq!(lines.lines().count(), eras.len(), "{lines}\n{errors}");
    for (era, line) in eras.iter().zip(lines.lines()) {
        let seen: Value = serde_json::from_str(line).expect("what was seen");
        saw_everything(era, &seen);
        let version = if *era == "legacy" { "2025-11-25" } else { "2026-07-28" };
        assert_eq!(seen["protocolVersion"], version, "{era}");
        let code = if *era == "legacy" { missing } else { -32602 };
        assert_eq!(seen["missing"]["code"], code, "{era}: {}", seen["missing"]);
        // Sessions are of the legacy era.
        assert_eq!(seen["hasSession"], *era == "legacy", "{era}");
        if *era == "legacy" {
            // The connection broke in the middle of this one.
            assert_eq!(text(&seen["stayed"]), "still here");
            assert_eq!(seen["stayedLogs"], json!([CUT, "after"]));
            let seen = &seen["forgotten"];
            assert_eq!(seen["code"], forgotten.code, "{seen}");
            assert!(seen["message"].as_str().is_some_and(|it| it.contains(forgotten.says)), "{seen}");
        }
    }
    served.shutdown().await;
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("a text: {result}"))
}

fn saw_everything(era: &str, seen: &Value) {
    assert!(seen["tools"].as_array().is_some_and(|tools| tools.contains(&json!("shop"))), "{era}: {}", seen["tools"]);
    assert_eq!(seen["sum"]["structuredContent"], json!({ "result": 42 }), "{era}");
    assert_eq!(seen["mirrored"]["structuredContent"], json!({ "x": -1, "y": -2 }), "{era}");
    assert_eq!(text(&seen["located"]), " Österreich\n", "{era}");
    assert_eq!((text(&seen["failed"]), &seen["failed"]["isError"]), ("disk is full", &json!(true)), "{era}");
    assert_eq!(text(&seen["asked"]), "WHY?", "{era}");
    assert_eq!(text(&seen["planned"]), "TRIP ONE, TRIP TWO (18), size Some(7)", "{era}");
    assert_eq!(text(&seen["reported"]), "reported", "{era}");
    assert_eq!(seen["progress"].to_string().replace(".0", ""), r#"[[1,2,"half"],[2,2,null]]"#, "{era}");
    // Less than what it wanted to hear is not told.
    assert_eq!(seen["logs"], json!(["half way", { "left": 0 }]), "{era}");

    assert_eq!(seen["resources"][0], "docs://readme", "{era}");
    assert_eq!(seen["templates"][0], "user://{id}", "{era}");
    assert_eq!(seen["read"], r#"{"id":3,"name":"User 3"}"#, "{era}");
    assert_eq!(seen["prompts"][0], "review", "{era}");
    assert_eq!(seen["prompt"], "x: 2 findings, None, strict None, on None", "{era}");
    assert_eq!(seen["completed"], json!(["short"]), "{era}");

    let heard = [
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    ];
    assert_eq!(seen["heard"], json!(heard), "{era}");
    assert_eq!(text(&seen["grown"]), "here", "{era}");
    assert!(text(&seen["dropped"]).parse::<u32>().is_ok_and(|dropped| dropped > 0), "{era}: {}", seen["dropped"]);
    assert_eq!(seen["many"], 50, "{era}");

    // The server let go of the connection in between, where the client knows how to come back.
    assert_eq!(text(&seen["left"]), "came back", "{era}");
    assert_eq!(seen["leftLogs"], json!(["before", "after"]), "{era}");
}

#[tokio::test]
async fn the_python_client_sees_all_of_our_server() {
    let forgotten = Forgotten { code: json!(-32600), says: "Session terminated" };
    tours(python_sdk(TARGET, "tour_client.py"), &["legacy", "modern", "auto"], -32002, &forgotten).await;
}

/// Its own error for a session that is gone has a code that is not negative. It does not tell the server when a call
/// is given up.
#[tokio::test]
async fn the_python_client_of_version_1_sees_all_of_our_server() {
    let forgotten = Forgotten { code: json!(32600), says: "Session terminated" };
    tours(fastmcp(TARGET, "tour_v1.py"), &["legacy"], -32002, &forgotten).await;
}

#[tokio::test]
async fn the_client_of_fastmcp_sees_all_of_our_server() {
    let forgotten = Forgotten { code: json!(32600), says: "Session terminated" };
    tours(fastmcp(TARGET, "tour_fastmcp.py"), &["legacy"], -32002, &forgotten).await;
}

/// It says -32602 for a resource that there is not, in the legacy era too, where the server said -32002. What it says
/// of a session that is gone is what the server said, in an error of its transport.
#[tokio::test]
async fn the_typescript_client_sees_all_of_our_server() {
    let forgotten = Forgotten { code: json!("CLIENT_HTTP_NOT_IMPLEMENTED"), says: "there is no such session" };
    tours(typescript_sdk(TARGET, "tour.mjs"), &["legacy", "modern", "auto"], -32602, &forgotten).await;
}

/// What the Inspector prints, and how it ends.
async fn inspect(url: &str, arguments: &[&str]) -> Option<(Option<i32>, Value, String)> {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = inspector(TARGET)?;
    command.args([url, "--transport", "http", "--format", "json"]).args(arguments);
    // It keeps a configuration there.
    command.env("HOME", home.path()).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = timeout(LONG, command.output()).await.expect("it ends").expect("it starts");
    let (printed, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let printed: Value =
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{arguments:?}: {printed}\n{errors}"));
    Some((status.code(), printed["result"].clone(), errors.into_owned()))
}

#[tokio::test]
async fn the_inspector_sees_all_of_our_server() {
    let served = Served::start(mcp_tests::whole::server()).await;
    let url = format!("http://{}/mcp", served.address);
    for era in ["legacy", "modern"] {
        let inspect = async |arguments: &[&str]| {
            let arguments = [&["--protocol-era", era, "--method"], arguments].concat();
            inspect(&url, &arguments).await
        };
        // `--strict` ends with an error where a schema is such that some models do not understand it.
        let Some((code, listed, errors)) = inspect(&["tools/list", "--strict"]).await else { return };
        assert_eq!(code, Some(0), "{era}: {errors}");
        assert_eq!(listed["tools"][0]["name"], "add", "{era}");

        let call = ["tools/call", "--tool-name", "add", "--tool-arg", "a=20", "b=22"];
        let (code, called, errors) = inspect(&call).await.expect("it is installed");
        assert_eq!((code, &called["structuredContent"]), (Some(0), &json!({ "result": 42 })), "{era}: {errors}");
        let (code, called, _) = inspect(&call[..5]).await.expect("it is installed");
        assert_eq!((code, &called["isError"]), (Some(5), &json!(true)), "{era}");
        assert!(text(&called).contains("`b` is missing"), "{era}: {called}");

        let (code, read, errors) = inspect(&["resources/read", "--uri", "user://3"]).await.expect("it is installed");
        assert_eq!(code, Some(0), "{era}: {errors}");
        assert_eq!(read["contents"][0]["text"], r#"{"id":3,"name":"User 3"}"#, "{era}");
        let get = ["prompts/get", "--prompt-name", "review", "--prompt-args", "code=x", "findings=2"];
        let (code, got, errors) = inspect(&get).await.expect("it is installed");
        assert_eq!(code, Some(0), "{era}: {errors}");
        assert_eq!(got["messages"][0]["content"]["text"], "x: 2 findings, None, strict None, on None", "{era}");
    }
    served.shutdown().await;
}
