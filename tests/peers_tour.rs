//! Clients of other makers see all that our server can offer, in the eras that each of them speaks: over standard
//! streams, and over HTTP, with what only that has.
//!
//! `tests/interop/install` fetches them; see `tests/peers.rs`, which asks the same server questions of all kinds.

use std::process::{Output, Stdio};
use std::time::Duration;

use mcp_tests::cutting::cut;
use mcp_tests::http::Served;
use mcp_tests::interop::{Feature, Role, Row};
use mcp_tests::peers::Peer;
use mcp_tests::whole::CUT;
use serde_json::{Value, json};
use tokio::time::timeout;

/// A test that takes longer hangs.
const LONG: Duration = Duration::from_secs(120);

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// A client of theirs, and what it makes of things in its own way.
struct Tourist {
    peer: Peer,
    program: &'static str,
    eras: &'static [&'static str],
    /// The code that it gives a resource that there is not, in the legacy era.
    missing: i64,
    /// The code that it gives a call in a session that the server has forgotten, and a part of its message.
    forgotten: (Value, &'static str),
    /// Why it hears of no progress that the server sends together with the result, over standard streams.
    loses_progress: Option<&'static str>,
    /// Why the server is told by hand that a call is given up.
    cancels_by_hand: Option<&'static str>,
}

impl Tourist {
    /// Lets it go all over the server in each era, and looks at what it saw.
    async fn tours(self) {
        for era in self.eras {
            let fixture = json!({ "command": env!("CARGO_BIN_EXE_fixture"), "env": { "FIXTURE_SERVER": "whole" } });
            let Some(seen) = self.tour(era, &fixture).await else { return };
            self.saw_everything(era, "stdio", &seen);

            let served = Served::start(mcp_tests::whole::server()).await;
            let url = format!("http://{}/mcp", cut(served.address, CUT).await);
            let Some(seen) = self.tour(era, &json!({ "url": url })).await else { return };
            self.saw_everything(era, "HTTP", &seen);
            self.saw_http(era, &seen);
            served.shutdown().await;
        }
    }

    async fn tour(&self, era: &str, server: &Value) -> Option<Value> {
        let mut command = self.peer.program(TARGET, self.program)?;
        let plans = json!([{ "era": era, "server": server, "name": "grown" }]);
        command.arg(plans.to_string()).stdin(Stdio::null()).kill_on_drop(true);
        let Output { status, stdout, stderr } =
            timeout(LONG, command.output()).await.expect("it ends").expect("it starts");
        let (line, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{era}, {server}: {status}\n{line}\n{errors}");
        Some(serde_json::from_str(&line).unwrap_or_else(|_| panic!("{era}, {server}: {line}\n{errors}")))
    }

    fn saw_everything(&self, era: &str, over: &'static str, seen: &Value) {
        let what = format!("{era}, {over}");
        let revision = if era == "legacy" { "2025-11-25" } else { "2026-07-28" };
        assert_eq!(seen["protocolVersion"], revision, "{what}");
        let mut row = Row::new(self.peer, Role::Client, over, revision);

        let tools = seen["tools"].as_array();
        assert!(tools.is_some_and(|tools| tools.contains(&json!("shop"))), "{what}: {}", seen["tools"]);
        row.saw(Feature::List);
        assert_eq!(seen["sum"]["structuredContent"], json!({ "result": 42 }), "{what}");
        assert_eq!(seen["mirrored"]["structuredContent"], json!({ "x": -1, "y": -2 }), "{what}");
        assert_eq!(text(&seen["located"]), " Österreich\n", "{what}");
        assert_eq!((text(&seen["failed"]), &seen["failed"]["isError"]), ("disk is full", &json!(true)), "{what}");
        assert_eq!(seen["many"], 50, "{what}");
        row.saw(Feature::Call);
        assert_eq!(text(&seen["asked"]), "WHY?", "{what}");
        row.saw(Feature::Sampling);
        assert_eq!(text(&seen["planned"]), "TRIP ONE, TRIP TWO (18), size Some(7)", "{what}");
        row.saw(Feature::Elicitation);
        assert_eq!(text(&seen["shopped"]), "done (2 turns)", "{what}");
        row.saw(Feature::SamplingWithTools);

        assert_eq!(text(&seen["reported"]), "reported", "{what}");
        let progress = seen["progress"].to_string().replace(".0", "");
        match self.loses_progress {
            // That a call is given up, below, waits for progress that came before its result.
            Some(why) if over == "stdio" => {
                assert_eq!(progress, "[]", "{what}: the defect is gone; `loses_progress` is not needed any more");
                row.saw_but(Feature::Progress, why);
            }
            _ => {
                assert_eq!(progress, r#"[[1,2,"half"],[2,2,null]]"#, "{what}");
                row.saw(Feature::Progress);
            }
        }
        // Less than what it wanted to hear is not told.
        assert_eq!(seen["logs"], json!(["half way", { "left": 0 }]), "{what}");
        row.saw(Feature::Logging);

        assert_eq!(seen["resources"][0], "docs://readme", "{what}");
        assert_eq!(seen["templates"][0], "user://{id}", "{what}");
        assert_eq!(seen["read"], r#"{"id":3,"name":"User 3"}"#, "{what}");
        let code = if era == "legacy" { self.missing } else { -32602 };
        assert_eq!(seen["missing"]["code"], code, "{what}: {}", seen["missing"]);
        row.saw(Feature::Resources);
        assert_eq!(seen["prompts"][0], "review", "{what}");
        assert_eq!(seen["prompt"], "x: 2 findings, None, strict None, on None", "{what}");
        row.saw(Feature::Prompts);
        assert_eq!(seen["completed"], json!(["short"]), "{what}");
        row.saw(Feature::Completion);

        let heard = [
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed",
            "notifications/resources/updated",
            "notifications/tools/list_changed",
        ];
        assert_eq!(seen["heard"], json!(heard), "{what}");
        assert_eq!(text(&seen["grown"]), "here", "{what}");
        row.saw(Feature::Subscriptions);
        assert_eq!(text(&seen["dropped"]), "1", "{what}");
        match self.cancels_by_hand {
            Some(why) => row.saw_but(Feature::Cancellation, why),
            None => row.saw(Feature::Cancellation),
        }
        row.finish(TARGET);
    }

    /// What only HTTP has.
    fn saw_http(&self, era: &str, seen: &Value) {
        // The server let go of the connection in between, where the client knows how to come back.
        assert_eq!(text(&seen["left"]), "came back", "{era}");
        assert_eq!(seen["leftLogs"], json!(["before", "after"]), "{era}");
        // Sessions are of the legacy era.
        assert_eq!(seen["hasSession"], era == "legacy", "{era}");
        if era == "legacy" {
            // The connection broke in the middle of this one.
            assert_eq!(text(&seen["stayed"]), "still here");
            assert_eq!(seen["stayedLogs"], json!([CUT, "after"]));
            let (code, says) = &self.forgotten;
            let seen = &seen["forgotten"];
            assert_eq!(seen["code"], *code, "{seen}");
            assert!(seen["message"].as_str().is_some_and(|it| it.contains(says)), "{seen}");
        }
    }
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("a text: {result}"))
}

const TERMINATED: &str = "Session terminated";

/// FastMCP 3 stands on version 1 in Python.
const BY_HAND: &str = "it does not tell the server by itself that a call was given up \
    (https://github.com/modelcontextprotocol/python-sdk/issues/2507)";

/// Over standard streams what is written at once is read at once.
const LOST: &str = "progress that comes together with the result is lost \
    (https://github.com/modelcontextprotocol/typescript-sdk/issues/2580)";

#[tokio::test]
async fn the_python_client_sees_all_of_our_server() {
    let tourist = Tourist {
        peer: Peer::PythonSdk2,
        program: "tour_v2.py",
        eras: &["legacy", "modern"],
        missing: -32002,
        forgotten: (json!(-32600), TERMINATED),
        loses_progress: None,
        cancels_by_hand: None,
    };
    tourist.tours().await;
}

/// Its own error for a session that is gone has a code that is not negative.
#[tokio::test]
async fn the_python_client_of_version_1_sees_all_of_our_server() {
    let tourist = Tourist {
        peer: Peer::PythonSdk1,
        program: "tour_v1.py",
        eras: &["legacy"],
        missing: -32002,
        forgotten: (json!(32600), TERMINATED),
        loses_progress: None,
        cancels_by_hand: Some(BY_HAND),
    };
    tourist.tours().await;
}

#[tokio::test]
async fn the_client_of_fastmcp_4_sees_all_of_our_server() {
    let tourist = Tourist {
        peer: Peer::FastMcp4,
        program: "tour_fastmcp.py",
        eras: &["legacy", "modern"],
        missing: -32002,
        forgotten: (json!(-32600), TERMINATED),
        loses_progress: None,
        cancels_by_hand: None,
    };
    tourist.tours().await;
}

#[tokio::test]
async fn the_client_of_fastmcp_3_sees_all_of_our_server() {
    let tourist = Tourist {
        peer: Peer::FastMcp3,
        program: "tour_fastmcp.py",
        eras: &["legacy"],
        missing: -32002,
        forgotten: (json!(32600), TERMINATED),
        loses_progress: None,
        cancels_by_hand: Some(BY_HAND),
    };
    tourist.tours().await;
}

/// It says -32602 for a resource that there is not, in the legacy era too, where the server said -32002. What it says
/// of a session that is gone is what the server said, in an error of its transport.
#[tokio::test]
async fn the_typescript_client_sees_all_of_our_server() {
    let tourist = Tourist {
        peer: Peer::TypeScriptClient,
        program: "tour.mjs",
        eras: &["legacy", "modern"],
        missing: -32602,
        forgotten: (json!("CLIENT_HTTP_NOT_IMPLEMENTED"), "there is no such session"),
        loses_progress: Some(LOST),
        cancels_by_hand: None,
    };
    tourist.tours().await;
}

#[tokio::test]
async fn the_typescript_client_of_version_1_sees_all_of_our_server() {
    let tourist = Tourist {
        peer: Peer::TypeScriptSdk1,
        program: "tour.mjs",
        eras: &["legacy"],
        missing: -32002,
        forgotten: (json!(404), "there is no such session"),
        loses_progress: Some(LOST),
        cancels_by_hand: None,
    };
    tourist.tours().await;
}

/// What the Inspector prints, and how it ends.
async fn inspect(server: &[&str], arguments: &[&str]) -> Option<(Option<i32>, Value, String)> {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = Peer::Inspector.program(TARGET, "--cli")?;
    command.args(server).args(["--format", "json"]).args(arguments);
    // It keeps a configuration there.
    command.env("HOME", home.path()).env("FIXTURE_SERVER", "whole").stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = timeout(LONG, command.output()).await.expect("it ends").expect("it starts");
    let (printed, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let printed: Value =
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{arguments:?}: {printed}\n{errors}"));
    Some((status.code(), printed["result"].clone(), errors.into_owned()))
}

/// Why its command line does not have the rest.
const ONE_REQUEST: &str = "the command line makes one request, and shows its result";

#[tokio::test]
async fn the_inspector_sees_all_of_our_server() {
    let served = Served::start(mcp_tests::whole::server()).await;
    let url = format!("http://{}/mcp", served.address);
    let ways: [(_, &[&str]); 2] = [
        ("HTTP", &[&url, "--transport", "http"]),
        ("stdio", &[env!("CARGO_BIN_EXE_fixture"), "-e", "FIXTURE_SERVER=whole", "--transport", "stdio"]),
    ];
    for ((over, server), era) in ways.into_iter().flat_map(|way| [(way, "legacy"), (way, "modern")]) {
        let what = format!("{era}, {over}");
        let revision = if era == "legacy" { "2025-11-25" } else { "2026-07-28" };
        let mut row = Row::new(Peer::Inspector, Role::Client, over, revision);
        let inspect = async |arguments: &[&str]| {
            let arguments = [&["--protocol-era", era, "--method"], arguments].concat();
            inspect(server, &arguments).await
        };
        // `--strict` ends with an error where a schema is such that some models do not understand it.
        let Some((code, listed, errors)) = inspect(&["tools/list", "--strict"]).await else { return };
        assert_eq!(code, Some(0), "{what}: {errors}");
        assert_eq!(listed["tools"][0]["name"], "add", "{what}");
        row.saw_but(Feature::List, "with `--strict`");

        let call = ["tools/call", "--tool-name", "add", "--tool-arg", "a=20", "b=22"];
        let (code, called, errors) = inspect(&call).await.expect("it is installed");
        assert_eq!((code, &called["structuredContent"]), (Some(0), &json!({ "result": 42 })), "{what}: {errors}");
        let (code, called, _) = inspect(&call[..5]).await.expect("it is installed");
        assert_eq!((code, &called["isError"]), (Some(5), &json!(true)), "{what}");
        assert!(text(&called).contains("`b` is missing"), "{what}: {called}");
        row.saw(Feature::Call);

        let (code, read, errors) = inspect(&["resources/read", "--uri", "user://3"]).await.expect("it is installed");
        assert_eq!(code, Some(0), "{what}: {errors}");
        assert_eq!(read["contents"][0]["text"], r#"{"id":3,"name":"User 3"}"#, "{what}");
        row.saw(Feature::Resources);
        let get = ["prompts/get", "--prompt-name", "review", "--prompt-args", "code=x", "findings=2"];
        let (code, got, errors) = inspect(&get).await.expect("it is installed");
        assert_eq!(code, Some(0), "{what}: {errors}");
        assert_eq!(got["messages"][0]["content"]["text"], "x: 2 findings, None, strict None, on None", "{what}");
        row.saw(Feature::Prompts);
        for feature in [
            Feature::Sampling,
            Feature::SamplingWithTools,
            Feature::Elicitation,
            Feature::Progress,
            Feature::Cancellation,
            Feature::Subscriptions,
        ] {
            row.lacks(feature, ONE_REQUEST);
        }
        row.finish(TARGET);
    }
    served.shutdown().await;
}
