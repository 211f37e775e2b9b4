//! What the programs of this package have in common: the tool under test and the messages.

use serde::{Deserialize, Serialize};

/// Which protocol version the messages are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Era {
    /// The era of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "legacy" => Some(Self::Legacy),
            "modern" => Some(Self::Modern),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }

    /// What comes before the calls.
    #[must_use]
    pub fn preamble(self) -> &'static str {
        match self {
            Self::Legacy => concat!(
                r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","#,
                r#""capabilities":{},"clientInfo":{"name":"bench","version":"1.0.0"}}}"#,
                "\n",
                r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
                "\n"
            ),
            Self::Modern => "",
        }
    }

    /// A call of `add`.
    #[must_use]
    pub fn call(self, id: u64) -> String {
        let meta = match self {
            Self::Legacy => "",
            Self::Modern => concat!(
                r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#,
                r#""io.modelcontextprotocol/clientCapabilities":{}}"#
            ),
        };
        let (a, b) = (id % 1000, id % 777);
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"add\",\"arguments\":{{\"a\":{a},\"b\":{b}}}{meta}}}}}\n"
        )
    }
}

/// A request as the bare loop reads it.
#[derive(Debug, Deserialize)]
struct Request<'a> {
    jsonrpc: &'a str,
    #[serde(default)]
    id: Option<u64>,
    method: &'a str,
    #[serde(default, borrow)]
    params: Option<Params<'a>>,
}

#[derive(Debug, Deserialize)]
struct Params<'a> {
    #[serde(default)]
    name: Option<&'a str>,
    #[serde(default)]
    arguments: Option<Arguments>,
    #[serde(rename = "_meta", default, borrow)]
    meta: Option<Meta<'a>>,
}

#[derive(Debug, Deserialize)]
struct Arguments {
    a: i64,
    b: i64,
}

#[derive(Debug, Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: &'a str,
}

#[derive(Serialize)]
struct Response {
    jsonrpc: &'static str,
    id: u64,
    result: CallResult,
}

#[derive(Serialize)]
struct CallResult {
    #[serde(rename = "resultType", skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<ResultMeta>,
    content: [Text; 1],
    #[serde(rename = "structuredContent")]
    structured_content: Structured,
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
struct Text {
    r#type: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Structured {
    result: i64,
}

/// Answers one line as the server does, with serde_json and nothing else.
///
/// # Panics
///
/// On a line that is not of this benchmark.
pub fn answer_bare(line: &[u8], out: &mut Vec<u8>) {
    let request: Request<'_> = serde_json::from_slice(line).expect("a request of this benchmark");
    assert_eq!(request.jsonrpc, "2.0");
    if request.method != "tools/call" {
        if request.id.is_some() {
            out.extend_from_slice(b"{}\n");
        }
        return;
    }
    let params = request.params.expect("params");
    assert_eq!(params.name, Some("add"));
    let Arguments { a, b } = params.arguments.expect("arguments");
    let modern = params.meta.is_some_and(|meta| meta.version == "2026-07-28");
    let response = Response {
        jsonrpc: "2.0",
        id: request.id.expect("an id"),
        result: CallResult {
            result_type: modern.then_some("complete"),
            meta: modern.then_some(ResultMeta { server_info: ServerInfo { name: "bench", version: "1.0.0" } }),
            content: [Text { r#type: "text", text: (a + b).to_string() }],
            structured_content: Structured { result: a + b },
        },
    };
    serde_json::to_writer(&mut *out, &response).expect("written to memory");
    out.push(b'\n');
}
