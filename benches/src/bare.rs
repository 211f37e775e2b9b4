//! What answers without a framework: serde_json, borrowed, and nothing else.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A request as the bare loop reads it.
#[derive(Debug, Deserialize)]
struct Request<'a, A> {
    jsonrpc: &'a str,
    id: Option<u64>,
    method: &'a str,
    #[serde(borrow)]
    params: Option<Params<'a, A>>,
}

#[derive(Debug, Deserialize)]
struct Params<'a, A> {
    name: Option<&'a str>,
    arguments: Option<A>,
    #[serde(rename = "_meta", borrow)]
    meta: Option<Meta<'a>>,
}

#[derive(Debug, Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Debug, Deserialize)]
struct Echo<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: &'a str,
}

#[derive(Serialize)]
struct Response<'a> {
    jsonrpc: &'static str,
    id: u64,
    result: CallResult<'a>,
}

#[derive(Serialize)]
struct CallResult<'a> {
    #[serde(rename = "resultType", skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<ResultMeta>,
    content: [Text<'a>; 1],
    #[serde(rename = "structuredContent", skip_serializing_if = "Option::is_none")]
    structured_content: Option<Structured>,
}

#[derive(Serialize)]
struct ResultMeta {
    #[serde(rename = "io.modelcontextprotocol/serverInfo")]
    server_info: ServerInfo,
}

#[derive(Serialize)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: Cow<'a, str>,
}

#[derive(Serialize)]
struct Structured {
    result: i64,
}

/// Answers a call of `add` as the server does.
///
/// # Panics
///
/// On a message that is not of this benchmark.
pub fn answer_bare(message: &[u8], out: &mut Vec<u8>) {
    answer(message, "add", out, |Add { a, b }: Add| {
        let text = Text { r#type: "text", text: (a + b).to_string().into() };
        (text, Some(Structured { result: a + b }))
    });
}

/// Answers a call of `echo`.
///
/// # Panics
///
/// On a message that is not of this benchmark.
pub fn answer_bare_echo(message: &[u8], out: &mut Vec<u8>) {
    answer(message, "echo", out, |Echo { text }: Echo<'_>| (Text { r#type: "text", text }, None));
}

fn answer<'a, A: Deserialize<'a>>(
    message: &'a [u8],
    tool: &str,
    out: &mut Vec<u8>,
    call: impl FnOnce(A) -> (Text<'a>, Option<Structured>),
) {
    let request: Request<'a, A> = serde_json::from_slice(message).expect("a request of this benchmark");
    assert_eq!(request.jsonrpc, "2.0");
    if request.method != "tools/call" {
        if request.id.is_some() {
            out.extend_from_slice(b"{}\n");
        }
        return;
    }
    let params = request.params.expect("params");
    assert_eq!(params.name, Some(tool));
    let modern = params.meta.is_some_and(|meta| meta.version == "2026-07-28");
    let (text, structured_content) = call(params.arguments.expect("arguments"));
    let response = Response {
        jsonrpc: "2.0",
        id: request.id.expect("an id"),
        result: CallResult {
            result_type: modern.then_some("complete"),
            meta: modern.then_some(ResultMeta { server_info: ServerInfo { name: "bench", version: "1.0.0" } }),
            content: [text],
            structured_content,
        },
    };
    serde_json::to_writer(&mut *out, &response).expect("written to memory");
    out.push(b'\n');
}
