//! What must hold whatever bytes come: nothing panics, and who can still be answered is. One function
//! for each fuzz target; the test `corpus` runs them on what is kept in `corpus/`.
#![expect(clippy::missing_panics_doc, reason = "a panic is what they look for")]

use std::sync::{Arc, LazyLock};

use mcp_runtime::client::{Client, Era};
use mcp_runtime::prelude::*;
use mcp_tests::{
    Effects, World, add, ask_or_not, ask_thrice, bare_list, below, completing, echo, fail, many, mirror, plan, report,
    root, who,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// A server with tools of many kinds, and with prompts and resources that complete, of which none touches the world outside.
fn new_server() -> Server {
    Server::new("fuzz")
        .state(Arc::<Effects>::default())
        .state(Arc::<World>::default())
        .state_key([7; 32])
        .max_message_bytes(1 << 16)
        .state(completing::Schema)
        .tools(tools![add, echo, many, mirror, below, root, bare_list, fail, ask_thrice, ask_or_not, report, who, plan])
        .prompts(prompts![completing::code_review, completing::many])
        .resources(resources![completing::column])
}

/// Sends bytes to a server, closes, and gives back what it said.
fn said_to(input: &[u8]) -> Vec<Value> {
    RUNTIME.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let serving = tokio::spawn(new_server().drain_timeout(std::time::Duration::ZERO).serve(theirs));
        let (mut reader, mut writer) = tokio::io::split(ours);
        let mut output = String::new();
        let write = async {
            writer.write_all(input).await.expect("the server reads");
            writer.shutdown().await.expect("the server reads");
        };
        let (read, ()) = tokio::join!(reader.read_to_string(&mut output), write);
        read.expect("what a server says is text");
        serving.await.expect("the server does not panic").expect("the server ends well");
        output.lines().map(|line| serde_json::from_str(line).expect("what a server says is JSON")).collect()
    })
}

/// Anything at all: a request that follows on a line of its own is answered.
pub fn server(data: &[u8]) {
    let mut input = data.to_vec();
    let last = json!({ "jsonrpc": "2.0", "id": "the last one", "method": "tools/list", "params": { "_meta": meta() } });
    input.extend_from_slice(format!("\n{last}\n").as_bytes());
    let said = said_to(&input);
    let answers = said.iter().filter(|message| message["id"] == "the last one").count();
    // The bytes may hold the same id, or a line that swallowed it; the connection answers all the same.
    assert!(answers >= 1, "the last request was not answered: {said:?}");
}

/// Anything at all where arguments stand: they are refused or taken, and the answer is a result.
pub fn arguments(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains('\n') || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return;
    }
    for tool in ["many", "mirror", "echo", "below", "root"] {
        let meta = meta();
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{meta},"name":"{tool}","arguments":{text}}}}}"#
        );
        let said = said_to(format!("{call}\n").as_bytes());
        let [answer] = &said[..] else { panic!("one answer to one request: {said:?}") };
        assert!(answer.get("result").is_some() || answer.get("error").is_some(), "{answer}");
    }
}

/// Anything at all where a state stands: it is refused before the tool runs.
pub fn request_state(data: &[u8]) {
    let state = String::from_utf8_lossy(data);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "_meta": meta(), "name": "ask_thrice", "arguments": {}, "requestState": state, "inputResponses": {},
    } });
    let said = said_to(format!("{call}\n").as_bytes());
    let [answer] = &said[..] else { panic!("one answer to one request: {said:?}") };
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

/// Anything at all from a server: its client does not panic, and its calls end.
pub fn client(data: &[u8]) {
    RUNTIME.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let data = data.to_vec();
        let server = tokio::spawn(async move {
            let (reader, mut writer) = tokio::io::split(theirs);
            let mut lines = BufReader::new(reader).lines();
            // The handshake is answered well, the call with anything, and then the server is gone.
            let _handshake = lines.next_line().await;
            let hello = json!({ "jsonrpc": "2.0", "id": 1, "result": {
                "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                "serverInfo": { "name": "fuzz", "version": "0" },
            } });
            let _ = writer.write_all(format!("{hello}\n").as_bytes()).await;
            let _initialized = lines.next_line().await;
            let _call = lines.next_line().await;
            let _ = writer.write_all(&data).await;
        });
        if let Ok(client) = Client::over(ours).era(Era::Legacy).connect().await {
            let _ = client.call_tool("anything", ()).await;
            let _ = client.list_tools().await;
        }
        server.await.expect("the server does not panic");
    });
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "fuzz", "version": "0" },
        "io.modelcontextprotocol/clientCapabilities": { "sampling": {}, "elicitation": {} },
    })
}
