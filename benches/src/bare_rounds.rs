//! A call of `create_product` with its question, without a framework: messages are read and written with serde_json, into
//! types that borrow, and nothing else is done. Nothing is checked, sealed or waited for; a state is the number of a
//! call. What this costs, a server cannot do without.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use mcp_benches::Era;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use crate::bare_guards::Guards;

/// A request, or an answer to one of ours.
#[derive(Deserialize)]
struct Message<'a> {
    id: u64,
    #[serde(borrow)]
    params: Option<Params<'a>>,
    #[serde(borrow)]
    result: Option<Answer<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    #[serde(borrow)]
    arguments: Option<Arguments<'a>>,
    #[serde(borrow)]
    input_responses: Option<HashMap<&'a str, Answer<'a>>>,
    request_state: Option<&'a str>,
}

#[derive(Deserialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    product_name: Cow<'a, str>,
    #[serde(borrow)]
    keywords: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    content: Said<'a>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<R> {
    jsonrpc: &'static str,
    id: u64,
    result: R,
}

#[derive(Serialize)]
struct Question<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    jsonrpc: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    method: &'static str,
    params: CreateMessage<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateMessage<'a> {
    messages: [Asked<'a>; 1],
    max_tokens: u64,
}

#[derive(Serialize)]
struct Asked<'a> {
    role: &'static str,
    content: Text<'a>,
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallResult<'a> {
    #[serde(flatten)]
    head: Option<Head>,
    content: [Text<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired<'a> {
    #[serde(flatten)]
    head: Head,
    input_requests: Inputs<'a>,
    request_state: &'a str,
}

#[derive(Serialize)]
struct Inputs<'a> {
    question: Question<'a>,
}

/// What every modern result says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    result_type: &'static str,
    #[serde(rename = "_meta")]
    meta: HeadMeta,
}

#[derive(Serialize)]
struct HeadMeta {
    #[serde(rename = "io.modelcontextprotocol/serverInfo")]
    server_info: ServerInfo,
}

#[derive(Serialize)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
}

fn head(result_type: &'static str) -> Head {
    Head { result_type, meta: HeadMeta { server_info: ServerInfo { name: "bench", version: "1.0.0" } } }
}

/// Serves until the input ends, with guards or without.
pub(crate) async fn serve(end: impl AsyncRead + AsyncWrite, era: Era, mut guards: Option<Guards>) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(end);
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let (mut line, mut out) = (Vec::new(), Vec::new());
    // The calls that wait, each with the request and what it is about.
    let mut calls: HashMap<u64, (u64, String)> = HashMap::new();
    let mut asked = 0;
    loop {
        line.clear();
        out.clear();
        if reader.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let message: Message<'_> = serde_json::from_slice(&line)?;
        let answer = |answer: &Answer<'_>, product: &str| Text {
            r#type: "text",
            text: format!("{product}: {}", answer.content.text).into(),
        };
        match message {
            Message { result: Some(said), id, .. } => {
                let (id, product) = calls.remove(&id).ok_or(io::ErrorKind::InvalidData)?;
                let result = CallResult { head: None, content: [answer(&said, &product)] };
                serde_json::to_writer(&mut out, &Reply { jsonrpc: "2.0", id, result })?;
            }
            Message {
                id, params: Some(Params { input_responses: Some(all), request_state: Some(state), .. }), ..
            } => {
                let call = match &mut guards {
                    Some(guards) => guards.claim(&line, state)?,
                    None => state.parse().map_err(|_| io::ErrorKind::InvalidData)?,
                };
                let (_, product) = calls.remove(&call).ok_or(io::ErrorKind::InvalidData)?;
                let said = all.get("question").ok_or(io::ErrorKind::InvalidData)?;
                let result = CallResult { head: Some(head("complete")), content: [answer(said, &product)] };
                serde_json::to_writer(&mut out, &Reply { jsonrpc: "2.0", id, result })?;
                if let Some(guards) = &mut guards {
                    guards.keep(call, &out);
                }
            }
            Message {
                id, params: Some(Params { arguments: Some(Arguments { product_name, keywords }), .. }), ..
            } => {
                asked += 1;
                calls.insert(asked, (id, product_name.into_owned()));
                let text = format!("Create a product description about {keywords}").into();
                let messages = [Asked { role: "user", content: Text { r#type: "text", text } }];
                let is_pushed = matches!(era, Era::Legacy);
                let question = Question {
                    jsonrpc: is_pushed.then_some("2.0"),
                    id: is_pushed.then_some(asked),
                    method: "sampling/createMessage",
                    params: CreateMessage { messages, max_tokens: 100 },
                };
                if is_pushed {
                    serde_json::to_writer(&mut out, &question)?;
                } else {
                    let state = match &guards {
                        Some(guards) => guards.state(&line, asked, &question)?,
                        None => asked.to_string(),
                    };
                    let head = head("input_required");
                    let result = InputRequired { head, input_requests: Inputs { question }, request_state: &state };
                    serde_json::to_writer(&mut out, &Reply { jsonrpc: "2.0", id, result })?;
                }
            }
            Message { id, .. } => out.extend(format!("{{\"id\":{id}}}").into_bytes()),
        }
        out.push(b'\n');
        writer.write_all(&out).await?;
    }
}
