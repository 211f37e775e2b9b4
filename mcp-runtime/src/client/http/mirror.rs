//! Which headers a request of the modern era has ([specification]): its version, its method, what it is about, and the
//! arguments that its tool wants to see there.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#request-metadata

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::protocol::{Method, Tool, keys};
use crate::schema::{Mirrored, mirrored};
use crate::transport::http::{encode, headers};

/// Which arguments of which tools stand in headers, too; `None` until the tools were listed.
#[derive(Default)]
pub(super) struct Mirrors(Mutex<Option<HashMap<String, Vec<Mirrored>>>>);

impl Mirrors {
    fn with<T>(&self, look: impl FnOnce(&mut Option<HashMap<String, Vec<Mirrored>>>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn are_known(&self) -> bool {
        self.with(|mirrors| mirrors.is_some())
    }

    /// Notes what tools want, and takes out those that want what cannot be.
    pub(super) fn learn(&self, tools: &mut Vec<Tool>) {
        let mut all = HashMap::new();
        tools.retain(|tool| match mirrored(&tool.input_schema) {
            Ok(mirrored) => {
                if !mirrored.is_empty() {
                    all.insert(tool.name.clone(), mirrored);
                }
                true
            }
            Err(reason) => {
                tracing::warn!(tool = tool.name, reason, "a tool of the server cannot be called over HTTP");
                false
            }
        });
        self.with(|mirrors| *mirrors = Some(all));
    }

    /// The headers of a request.
    pub(super) fn headers_of(&self, message: &Value) -> HeaderMap {
        let (mut all, params) = (HeaderMap::new(), &message["params"]);
        let method = message["method"].as_str().unwrap_or_default();
        if let Some(version) = version_of(message).and_then(|version| HeaderValue::from_str(version).ok()) {
            all.insert(&headers::PROTOCOL_VERSION, version);
        }
        if let Some(method) = encoded(method) {
            all.insert(&headers::METHOD, method);
        }
        let member = match Method::from_name(method) {
            Some(Method::ToolsCall | Method::PromptsGet) => "name",
            Some(Method::ResourcesRead) => "uri",
            Some(Method::TasksGet | Method::TasksUpdate | Method::TasksCancel) => "taskId",
            _ => return all,
        };
        let Some(name) = params[member].as_str() else { return all };
        if let Some(name) = encoded(name) {
            all.insert(&headers::NAME, name);
        }
        if Method::from_name(method) == Some(Method::ToolsCall) {
            self.with(|mirrors| {
                for Mirrored { header, path } in mirrors.iter().filter_map(|mirrors| mirrors.get(name)).flatten() {
                    let value = path.iter().try_fold(&params["arguments"], |value, name| value.get(name));
                    if let Some(value) = value.and_then(text).and_then(|text| encoded(&text))
                        && let Ok(header) = HeaderName::from_bytes(header.as_bytes())
                    {
                        all.insert(header, value);
                    }
                }
            });
        }
        all
    }
}

/// The protocol version that a modern request names.
pub(super) fn version_of(message: &Value) -> Option<&str> {
    message["params"]["_meta"][keys::PROTOCOL_VERSION].as_str()
}

fn encoded(value: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&encode(value)).ok()
}

/// An argument as a header has it; `None` for what cannot stand there, which the server will refuse.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        // Integers may be written as 42.0.
        Value::Number(number) => Some(match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}"),
            _ => number.to_string(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers_of(mirrors: &Mirrors, arguments: &Value) -> Vec<(String, String)> {
        let message = json!({ "method": "tools/call", "params": {
            "name": "look", "arguments": arguments, "_meta": { keys::PROTOCOL_VERSION: "2026-07-28" },
        } });
        let headers = mirrors.headers_of(&message);
        let pairs = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
        pairs.collect()
    }

    #[test]
    fn arguments_stand_in_the_headers_that_their_tool_wants() {
        let mirrors = Mirrors::default();
        let header = |kind: &str, name: &str| json!({ "type": kind, "x-mcp-header": name });
        let tool = |name: &str, properties: Value| -> Tool {
            serde_json::from_value(
                json!({ "name": name, "inputSchema": { "type": "object", "properties": properties } }),
            )
            .expect("a tool")
        };
        let mut tools = vec![
            tool(
                "look",
                json!({
                    "region": header("string", "Region"), "row": header("integer", "Row"), "far": header("boolean", "Far"),
                    "place": { "type": "object", "properties": { "city": header("string", "City") } }, "why": { "type": "string" },
                }),
            ),
            tool("wrong", json!({ "region": header("number", "Region") })),
            tool("plain", json!({})),
        ];
        assert!(!mirrors.are_known());
        mirrors.learn(&mut tools);
        assert!(mirrors.are_known());
        assert_eq!(tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["look", "plain"]);

        let all = headers_of(
            &mirrors,
            &json!({ "region": "", "row": 42.0, "far": false, "place": { "city": "Zürich" }, "why": "because" }),
        );
        let expected = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "look"),
            ("mcp-param-region", ""),
            ("mcp-param-row", "42"),
            ("mcp-param-far", "false"),
            ("mcp-param-city", "=?base64?WsO8cmljaA==?="),
        ];
        assert_eq!(all.len(), expected.len(), "{all:?}");
        for (name, value) in expected {
            assert!(all.contains(&(name.to_owned(), value.to_owned())), "{name} in {all:?}");
        }
        let none = headers_of(&mirrors, &json!({ "region": null, "place": 7 }));
        assert_eq!(none.len(), 3, "{none:?}");
    }
}
