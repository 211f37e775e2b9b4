//! Our client against servers of every kind, also such as no server should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::ErrorKind;
use mcp_runtime::client::{Client, ClientBuilder, Era};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    Completion, CreateMessageResult, ElicitResult, ErrorCode, ErrorObject, ListRootsResult, LoggingLevel,
    ProtocolVersion, Root,
};
use mcp_tests::{Point, checked, server};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

/// A server that answers each request as the script says: `None` for not at all.
fn scripted(answer: impl FnMut(&Value) -> Option<Value> + Send + 'static) -> ClientBuilder {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    tokio::spawn(serve_script(theirs, answer));
    checked::other::over(ours)
}

async fn serve_script(stream: tokio::io::DuplexStream, mut answer: impl FnMut(&Value) -> Option<Value>) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let request: Value = serde_json::from_str(&line).expect("the client sends JSON");
        if request.get("id").is_none() {
            continue;
        }
        if let Some(mut answer) = answer(&request) {
            answer["jsonrpc"] = json!("2.0");
            answer["id"] = request["id"].clone();
            writer.write_all(format!("{answer}\n").as_bytes()).await.expect("the client reads");
        }
    }
}

fn discovered() -> Value {
    json!({ "result": { "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {} } })
}

fn initialized(version: &str) -> Value {
    json!({ "result": {
        "protocolVersion": version, "capabilities": {}, "serverInfo": { "name": "old", "version": "1" },
    } })
}

#[tokio::test]
async fn the_newest_version_that_both_speak_is_chosen() {
    // Whatever a legacy server says to `server/discover`, `initialize` follows.
    for refusal in [-32601, -32602, -32600, -32000] {
        let client = scripted(move |request| match request["method"].as_str() {
            Some("initialize") => Some(initialized("2025-06-18")),
            _ => Some(json!({ "error": { "code": refusal, "message": "what?" } })),
        });
        let client = client.connect().await.expect("a connection");
        assert_eq!(client.protocol_version(), ProtocolVersion::V2025_06_18);
        assert_eq!(client.server_info().map(|info| info.name.as_str()), Some("old"));
    }
    let client = scripted(|_| Some(discovered())).connect().await.expect("a connection");
    assert_eq!(client.protocol_version(), ProtocolVersion::V2026_07_28);
}

#[tokio::test]
async fn a_completion_is_asked_for_in_the_words_of_the_revision() {
    for revision in ProtocolVersion::ALL {
        let (asked, mut requests) = mpsc::unbounded_channel();
        let client = scripted(move |request| match request["method"].as_str() {
            Some("server/discover") if revision.is_modern() => Some(discovered()),
            Some("server/discover") => Some(json!({ "error": { "code": -32601, "message": "what?" } })),
            Some("initialize") => Some(initialized(revision.as_str())),
            _ => {
                asked.send(request.clone()).expect("the test listens");
                Some(json!({ "result": { "resultType": "complete", "completion": { "values": ["flask"] } } }))
            }
        });
        let client = client.connect().await.expect("a connection");
        let completion = client.complete_prompt("review", "framework", "fl").argument("language", "python").await;
        assert_eq!(completion.expect("a completion"), Completion::new(["flask"]));
        client.complete_resource("db://{table}", "table", "").await.expect("a completion");
        for is_prompt in [true, false] {
            let request = requests.recv().await.expect("a request");
            let with_context = is_prompt && revision >= ProtocolVersion::V2025_06_18;
            assert_eq!(request["params"].get("context").is_some(), with_context, "{revision}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_to_the_probe_is_a_legacy_one() {
    let client = scripted(|request| (request["method"] == "initialize").then(|| initialized("2025-11-25")));
    let client = client.probe_timeout(Duration::from_secs(1)).connect().await.expect("a connection");
    assert_eq!(client.protocol_version(), ProtocolVersion::V2025_11_25);
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_dies_of_the_probe_is_started_again() {
    let script = r#"read line; case "$line" in *server/discover*) exit 3;; esac
        id=$(printf %s "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
        echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"old","version":"1"}}}'
        cat >/dev/null"#;
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    let client = checked::other::stdio(command).connect().await.expect("a connection");
    assert_eq!(client.protocol_version(), ProtocolVersion::V2025_11_25);
    client.close().await.expect("it ends");
}

#[tokio::test]
async fn a_modern_server_of_other_versions_is_not_asked_to_initialize() {
    let client = scripted(|request| match request["method"].as_str() {
        Some("initialize") => panic!("a modern server was asked to initialize"),
        _ => Some(json!({ "error": {
            "code": -32022, "message": "no", "data": { "supported": ["2030-01-01"], "requested": "2026-07-28" },
        } })),
    });
    let error = client.connect().await.expect_err("nothing in common");
    assert_eq!(error.peer_error().map(|error| error.code), Some(ErrorCode::UnsupportedProtocolVersion));
}

#[tokio::test]
async fn an_unknown_version_in_the_handshake_is_an_error() {
    let client = scripted(|_| Some(initialized("1999-01-01"))).era(Era::Legacy);
    let error = client.connect().await.expect_err("nothing in common");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("1999-01-01"));
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let client = scripted(|request| {
        let page = |names: [&str; 2], next: Option<&str>| {
            let tools: Vec<_> = names.iter().map(|name| json!({ "name": name, "inputSchema": {} })).collect();
            let mut result = json!({ "tools": tools, "resultType": "complete" });
            if let Some(next) = next {
                result["nextCursor"] = json!(next);
            }
            Some(json!({ "result": result }))
        };
        match (request["method"].as_str(), request["params"]["cursor"].as_str()) {
            (Some("server/discover"), _) => Some(discovered()),
            (_, None) => page(["a", "b"], Some("2")),
            (_, Some("2")) => page(["c", "d"], None),
            other => panic!("{other:?}"),
        }
    });
    let tools = client.connect().await.expect("a connection").list_tools().await.expect("a list");
    assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<String>(), "abcd");
}

#[tokio::test]
async fn a_list_without_an_end_is_an_error() {
    let client = scripted(|request| match request["method"].as_str() {
        Some("server/discover") => Some(discovered()),
        _ => Some(json!({ "result": { "prompts": [], "nextCursor": "again" } })),
    });
    let error = client.connect().await.expect("a connection").list_prompts().await.expect_err("no end");
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn rounds_with_only_a_state_are_repeated_after_a_wait() {
    let begin = tokio::time::Instant::now();
    let client = scripted(|request| match request["params"]["requestState"].as_str() {
        _ if request["method"] == "server/discover" => Some(discovered()),
        None => Some(json!({ "result": { "resultType": "input_required", "requestState": "1" } })),
        Some("1") => Some(json!({ "result": { "resultType": "input_required", "requestState": "2" } })),
        Some(_) => {
            Some(json!({ "result": { "resultType": "complete", "content": [{ "type": "text", "text": "done" }] } }))
        }
    });
    let client = client.connect().await.expect("a connection");
    assert_eq!(client.call::<String>("slow", ()).await.expect("a result"), "done");
    assert!(begin.elapsed() >= Duration::from_millis(300), "100 ms, then 200 ms");
}

#[tokio::test]
async fn rounds_without_end_are_stopped() {
    let rounds = Arc::new(AtomicU32::new(0));
    let counted = rounds.clone();
    let client = scripted(move |request| {
        if request["method"] == "server/discover" {
            return Some(discovered());
        }
        let round = counted.fetch_add(1, Ordering::SeqCst);
        // Each retry must carry the last state and the answer to the last question.
        let answered = if round == 0 { Value::Null } else { json!(format!("{}", round - 1)) };
        assert_eq!(request["params"]["requestState"], answered);
        assert_eq!(request["params"]["inputResponses"]["q"]["model"].is_string(), round > 0);
        Some(json!({ "result": {
            "resultType": "input_required", "requestState": round.to_string(),
            "inputRequests": { "q": { "method": "sampling/createMessage", "params": { "messages": [], "maxTokens": 1 } } },
        } }))
    });
    let client = client.max_rounds(3).on_sampling(|_| async { Ok(CreateMessageResult::text("m", "a")) });
    let error = client.connect().await.expect("a connection").call_tool("x", ()).await.expect_err("no end");
    assert_eq!((error.kind(), rounds.load(Ordering::SeqCst)), (ErrorKind::Protocol, 4));
    assert!(error.to_string().contains("more than 3 rounds"), "{error}");
}

#[tokio::test]
async fn all_kinds_of_questions_are_answered_in_both_eras() {
    let questions = json!({
        "s": { "method": "sampling/createMessage", "params": { "messages": [], "maxTokens": 1 } },
        "e": { "method": "elicitation/create", "params": { "message": "name?", "requestedSchema": {} } },
        "r": { "method": "roots/list" },
    });
    let client = scripted(move |request| match &request["params"]["inputResponses"] {
        _ if request["method"] == "server/discover" => {
            let declared = &request["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
            assert_eq!(*declared, json!({ "sampling": {}, "elicitation": {}, "roots": {} }));
            Some(discovered())
        }
        Value::Null => Some(json!({ "result": { "resultType": "input_required", "inputRequests": questions } })),
        answers => {
            assert!(request["params"].get("requestState").is_none(), "none was given");
            let text =
                format!("{} {} {}", answers["s"]["model"], answers["e"]["action"], answers["r"]["roots"][0]["uri"]);
            Some(json!({ "result": { "content": [{ "type": "text", "text": text }] } }))
        }
    });
    let client = client
        .on_sampling(|_| async { Ok(CreateMessageResult::text("m", "a")) })
        .on_elicitation(|_| async { Ok(ElicitResult::decline()) })
        .on_roots(|()| async { Ok(ListRootsResult::new(vec![Root::new("file:///home")])) });
    let client = client.connect().await.expect("a connection");
    let answer = client.call_tool("x", ()).await.expect("a result").joined_text();
    assert_eq!(answer, r#""m" "decline" "file:///home""#);
}

#[tokio::test]
async fn a_handler_that_refuses_ends_the_call() {
    for era in [Era::Legacy, Era::Modern] {
        let refuse = |_| async { Err(ErrorObject::new(ErrorCode::Other(-1), "the user said no")) };
        let client = checked::in_memory(server(Arc::default())).era(era).on_sampling(refuse);
        let client = client.connect().await.expect("a connection");
        let told = match client.call_tool("ask", [("question", "?")]).await {
            // In the legacy era the server hears of it and its tool fails; in the modern era a
            // round cannot say no.
            Ok(result) => (result.is_error, result.joined_text()),
            Err(error) => (true, error.peer_error().expect("the refusal").to_string()),
        };
        assert!(told.0 && told.1.contains("the user said no"), "{era:?}: {told:?}");
    }
}

#[tokio::test]
async fn results_are_decoded_into_types() {
    let client = checked::in_memory(server(Arc::default())).connect().await.expect("a connection");
    assert_eq!(client.call::<i64>("add", json!({ "a": 1, "b": 2 })).await.expect("a number"), 3);
    assert_eq!(client.call::<String>("echo", [("text", "7")]).await.expect("a text"), "7");
    assert_eq!(client.call::<Vec<u8>>("below", [("limit", 3)]).await.expect("a list"), [0, 1, 2]);
    assert_eq!(client.call::<Option<f64>>("root", [("of", -1)]).await.expect("nothing"), None);
    let mirrored: Point = client.call("mirror", json!({ "point": { "x": 1, "y": 2 } })).await.expect("a point");
    assert_eq!(mirrored, Point { x: -1, y: -2 });

    let error = client.call::<()>("fail", ()).await.expect_err("it fails");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Tool, "disk is full".to_owned()));
    let error = client.call::<Point>("add", json!({ "a": 1, "b": 2 })).await.expect_err("no point");
    assert_eq!(error.kind(), ErrorKind::Decode);
    let error = client.call::<i64>("add", 7).await.expect_err("no object");
    assert_eq!(error.kind(), ErrorKind::Decode);
    let error = client.call::<i64>("subtract", ()).await.expect_err("no such tool");
    assert_eq!(error.peer_error().map(|error| error.code), Some(ErrorCode::InvalidParams));
}

#[tokio::test]
async fn log_and_progress_are_heard() {
    for era in [Era::Legacy, Era::Modern] {
        let (heard, mut hearing) = mpsc::unbounded_channel();
        let progress = heard.clone();
        let client = checked::in_memory(server(Arc::default()))
            .era(era)
            .on_log(LoggingLevel::Info, move |message| _ = heard.send(format!("{:?} {}", message.level, message.data)))
            .on_progress(move |it| _ = progress.send(format!("{} of {:?}", it.progress, it.total)));
        let client = client.connect().await.expect("a connection");
        client.call_tool("report", ()).await.expect("a result");
        let mut lines = Vec::new();
        while let Ok(line) = hearing.try_recv() {
            lines.push(line);
        }
        let expected = ["1 of Some(2.0)", "Info \"half way\"", "2 of Some(2.0)", "Warning {\"left\":0}"];
        assert_eq!(lines, expected, "{era:?}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_fails_what_waits() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let client = checked::other::over(ours).era(Era::Modern);
    let (result, ()) = tokio::join!(client.connect(), async move {
        let mut line = String::new();
        BufReader::new(theirs).read_line(&mut line).await.expect("a request");
    });
    assert_eq!(result.expect_err("it ended").kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = Client::stdio(Command::new("/nowhere/server")).connect().await.expect_err("it is not there");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("/nowhere/server"), "{error}");
}

#[tokio::test]
async fn standard_error_of_the_server_can_be_captured() {
    let (lines, mut captured) = mpsc::unbounded_channel();
    let fixture = Command::new(env!("CARGO_BIN_EXE_fixture"));
    let client = checked::stdio(fixture).on_stderr(move |line| _ = lines.send(line.to_owned()));
    let client = client.connect().await.expect("a connection");
    client.call_tool("print", ()).await.expect("a result");
    assert_eq!(captured.recv().await.as_deref(), Some(r#"{"not": "protocol"}"#));
    client.close().await.expect("it ends");
}

#[tokio::test]
async fn servers_that_do_not_fit_together_do_not_start() {
    mod other {
        use mcp_runtime::prelude::*;

        #[tool]
        pub(super) fn add() {}
    }

    #[tool]
    fn needs(_text: State<String>, _number: State<u8>) {}

    let server = Server::new("t")
        .tools(tools![mcp_tests::add, other::add, needs])
        .state(7_u8)
        .state(Arc::new(7_u8))
        .state("text")
        .state("text");
    let error = checked::in_memory(server).connect().await.expect_err("it does not fit together");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    for part in [
        "two tools are named `add`: one in `mcp_tests`, one in `behaviour::client::other`",
        "the state `&str` was given twice",
        "tool `needs` takes `State<alloc::string::String>`, which the server was not given",
        "the state `u8` was given twice, once as it is and once behind an `Arc`",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
}

#[tokio::test]
async fn a_server_that_names_only_legacy_versions_is_spoken_to_in_one() {
    let discovered = json!({ "result": { "supportedVersions": ["2025-11-25"], "capabilities": {} } });
    let refused = json!({ "error": {
        "code": -32022, "message": "no", "data": { "supported": ["2025-11-25"], "requested": "2026-07-28" },
    } });
    for answer in [discovered, refused] {
        let client = scripted(move |request| match request["method"].as_str() {
            Some("initialize") => Some(initialized("2025-11-25")),
            _ => Some(answer.clone()),
        });
        let client = client.connect().await.expect("a connection");
        assert_eq!(client.protocol_version(), ProtocolVersion::V2025_11_25);
    }
}

#[tokio::test]
async fn handlers_that_panic_fail_one_call_and_no_more() {
    for era in [Era::Legacy, Era::Modern] {
        let client = checked::in_memory(server(Arc::default()))
            .era(era)
            .on_progress(|_| panic!("a listener"))
            .on_sampling(|_| async { panic!("a handler") });
        let client = client.connect().await.expect("a connection");
        assert_eq!(client.call::<String>("report", ()).await.expect("a result"), "reported");
        let asked = client.call::<String>("ask", [("question", "?")]).await.expect_err("no answer");
        assert!(asked.to_string().contains("panicked"), "{era:?}: {asked}");
        assert_eq!(client.call::<i64>("add", [("a", 1), ("b", 2)]).await.expect("a number"), 3);
    }
}

#[tokio::test]
async fn what_was_not_declared_is_refused() {
    let questions = json!({ "q": { "method": "sampling/createMessage", "params": {
        "messages": [], "maxTokens": 1, "toolChoice": { "mode": "auto" },
    } } });
    let client = scripted(move |request| match request["method"].as_str() {
        Some("server/discover") => Some(discovered()),
        _ => Some(json!({ "result": { "resultType": "input_required", "inputRequests": questions } })),
    });
    let client = client.on_sampling(|_| async { Ok(CreateMessageResult::text("m", "a")) });
    let error = client.connect().await.expect("a connection").call_tool("x", ()).await.expect_err("refused");
    assert_eq!(error.peer_error().map(|error| error.code), Some(ErrorCode::InvalidParams));
}

#[tokio::test]
async fn an_answer_that_is_malformed_fails_its_request() {
    let client = scripted(|request| match request["method"].as_str() {
        Some("server/discover") => Some(discovered()),
        _ => Some(json!({ "method": 7 })),
    });
    let error = client.connect().await.expect("a connection").list_tools().await.expect_err("no list");
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn text_stays_text() {
    let client = checked::in_memory(server(Arc::default())).connect().await.expect("a connection");
    assert_eq!(client.call::<String>("echo", [("text", "\"quoted\"")]).await.expect("a text"), "\"quoted\"");
    assert_eq!(client.call::<Value>("add", [("a", 1), ("b", 2)]).await.expect("a number"), json!(3));
}
