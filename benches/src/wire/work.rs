//! What is asked of a server, and whether it answered that.

use std::fmt;
use std::io::Write as _;

use mcp_benches::Era;
use memchr::memmem::Finder;
use serde_json::Value;

use crate::Result;

/// The tool that is called, and with how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Add,
    /// With a text of so many bytes.
    Echo(usize),
    CreateProduct,
}

impl Work {
    pub(crate) const ALL: [Self; 6] = [
        Self::Add,
        Self::Echo(16),
        Self::Echo(1 << 10),
        Self::Echo(64 << 10),
        Self::Echo(1 << 20),
        Self::CreateProduct,
    ];

    pub(crate) fn tool(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Echo(_) => "echo",
            Self::CreateProduct => "create_product",
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo(bytes) if *bytes >= 1 << 20 => write!(f, "echo-{}m", bytes >> 20),
            Self::Echo(bytes) if *bytes >= 1 << 10 => write!(f, "echo-{}k", bytes >> 10),
            Self::Echo(bytes) => write!(f, "echo-{bytes}"),
            _ => f.write_str(self.tool()),
        }
    }
}

const META: &str = concat!(
    r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#,
    r#""io.modelcontextprotocol/clientCapabilities":{"sampling":{}}}"#
);
/// What the client's model says.
const ANSWER: &str = concat!(
    r#"{"role":"assistant","content":{"type":"text","text":"This is a fake LLM response"},"#,
    r#""model":"fake-model","stopReason":"endTurn"}"#
);
const INITIALIZE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","#,
    r#""capabilities":{"sampling":{}},"clientInfo":{"name":"bench","version":"1.0.0"}}}"#
);
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// The slots of calls that are in flight at the same time; an id is a number and its slot.
pub(crate) const SLOTS: u64 = 1 << 10;

/// What a message of a server is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The result of the call with this id, and the right one.
    Done(u64),
    /// The call with this id wants this answered, and what else it said handed back.
    InputRequired { id: u64, key: &'a [u8], state: Option<&'a [u8]> },
    /// A request to the client, with this id as it stands in the message.
    Asked(&'a [u8]),
    /// Nothing that is waited for.
    Other,
}

/// Writes and reads the messages of one kind of call. All but the first are searched, not parsed:
/// that costs less than anything a server can do with them.
pub(crate) struct Messages {
    pub(crate) era: Era,
    pub(crate) work: Work,
    /// Whether answers are parsed, with nothing left out.
    pub(crate) is_strict: bool,
    /// What follows the id in a text that is echoed.
    filler: String,
    expected: Vec<u8>,
    id: Finder<'static>,
}

impl Messages {
    pub(crate) fn new(era: Era, work: Work) -> Self {
        let filler = match work {
            Work::Echo(bytes) => "the quick brown fox jumps over it. ".chars().cycle().take(bytes - 16).collect(),
            _ => String::new(),
        };
        Self { era, work, is_strict: true, filler, expected: Vec::new(), id: Finder::new(b"\"id\":") }
    }

    /// What comes before the calls: a request that is answered, and a notification.
    pub(crate) fn hello(&self) -> &'static [&'static str] {
        match self.era {
            Era::Legacy => &[INITIALIZE, INITIALIZED],
            Era::Modern => &[],
        }
    }

    /// Writes a call.
    pub(crate) fn write_call(&self, id: u64, out: &mut Vec<u8>) {
        self.write_params(id, out);
        out.extend_from_slice(b"}}");
    }

    /// Writes the call again, with what it asked for.
    pub(crate) fn write_retry(&self, id: u64, key: &[u8], state: Option<&[u8]>, out: &mut Vec<u8>) {
        self.write_params(id, out);
        for part in [b",\"inputResponses\":{\"", key, b"\":", ANSWER.as_bytes(), b"}"] {
            out.extend_from_slice(part);
        }
        if let Some(state) = state {
            for part in [b",\"requestState\":\"", state, b"\""] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(b"}}");
    }

    /// Writes the answer to a request to the client.
    pub(crate) fn write_answer(&self, id: &[u8], out: &mut Vec<u8>) {
        for part in [b"{\"jsonrpc\":\"2.0\",\"id\":", id, b",\"result\":", ANSWER.as_bytes(), b"}"] {
            out.extend_from_slice(part);
        }
    }

    fn write_params(&self, id: u64, out: &mut Vec<u8>) {
        let written = match self.work {
            Work::Add => {
                let (a, b) = (id % 1000, id % 777);
                write!(
                    out,
                    r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"add","arguments":{{"a":{a},"b":{b}}}"#
                )
            }
            Work::Echo(_) => write!(
                out,
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{id:016}{}"}}"#,
                self.filler
            ),
            Work::CreateProduct => write!(
                out,
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"create_product","arguments":{{"product_name":"Product {}","keywords":"key-1, key-2"}}"#,
                id % SLOTS
            ),
        };
        written.expect("written to memory");
        if self.era == Era::Modern {
            out.extend_from_slice(META.as_bytes());
        }
    }

    fn expect(&mut self, id: u64) {
        self.expected.clear();
        let written = match self.work {
            Work::Add => write!(self.expected, "\"text\":\"{}\"", id % 1000 + id % 777),
            Work::Echo(_) => write!(self.expected, "\"text\":\"{id:016}{}\"", self.filler),
            Work::CreateProduct => {
                write!(self.expected, "\"text\":\"Product {}: This is a fake LLM response\"", id % SLOTS)
            }
        };
        written.expect("written to memory");
    }

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// When it is a wrong answer.
    pub(crate) fn read<'a>(&mut self, message: &'a [u8]) -> Result<Answer<'a>> {
        if self.work == Work::CreateProduct {
            if find(message, b"\"sampling/createMessage\"").is_some() && !is_input_required(message) {
                return Ok(Answer::Asked(self.raw_id(message).ok_or("a request without an id")?));
            }
            if is_input_required(message) {
                let key = between(message, b"\"inputRequests\":{\"").ok_or("it asks for nothing")?;
                let id = self.number(message)?.ok_or("a result without an id")?;
                return Ok(Answer::InputRequired { id, key, state: between(message, b"\"requestState\":\"") });
            }
        }
        let Some(id) = self.number(message)? else { return Ok(Answer::Other) };
        if self.is_strict {
            self.read_strictly(id, message)?;
        }
        self.expect(id);
        let Some(at) = find(message, &self.expected[..self.expected.len().min(32)]) else {
            return Err(wrong(message));
        };
        if !message[at..].starts_with(&self.expected) {
            return Err(wrong(message));
        }
        Ok(Answer::Done(id))
    }

    fn read_strictly(&mut self, id: u64, message: &[u8]) -> Result<()> {
        let json = message.iter().position(|&byte| byte == b'{').map(|at| &message[at..]).unwrap_or_default();
        let value = serde_json::Deserializer::from_slice(json).into_iter::<Value>().next().ok_or("no JSON")??;
        self.expect(id);
        let text = String::from_utf8_lossy(&self.expected["\"text\":\"".len()..self.expected.len() - 1]);
        let result = &value["result"];
        if value["id"] != id || result["isError"] == true || result["content"][0]["text"] != *text {
            return Err(wrong(message));
        }
        Ok(())
    }

    fn raw_id<'a>(&self, message: &'a [u8]) -> Option<&'a [u8]> {
        let rest = &message[self.id.find(message)? + 5..];
        let end = rest.iter().position(|byte| matches!(byte, b',' | b'}'))?;
        Some(&rest[..end])
    }

    fn number(&self, message: &[u8]) -> Result<Option<u64>> {
        let Some(id) = self.raw_id(message) else { return Ok(None) };
        Ok(Some(std::str::from_utf8(id)?.parse().map_err(|_| wrong(message))?))
    }
}

fn is_input_required(message: &[u8]) -> bool {
    find(message, b"\"input_required\"").is_some()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

/// What stands from there to the end of the JSON string, as it is written.
fn between<'a>(message: &'a [u8], before: &[u8]) -> Option<&'a [u8]> {
    let rest = &message[find(message, before)? + before.len()..];
    let mut at = 0;
    loop {
        match rest.get(at)? {
            b'"' => return Some(&rest[..at]),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn wrong(message: &[u8]) -> Box<dyn std::error::Error> {
    let shown = &message[..message.len().min(400)];
    format!("a wrong answer: {}", String::from_utf8_lossy(shown)).into()
}
