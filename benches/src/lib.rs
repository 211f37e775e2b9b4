//! What the programs of this package have in common: the tool under test and the messages.

mod bare;
mod bare_http;

pub use bare::{answer_bare, answer_bare_echo};
pub use bare_http::{Answer, bare_http};

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

    /// A call of `add`, as a line.
    #[must_use]
    pub fn call(self, id: u64) -> String {
        self.request(id, "add", &format!("{{\"a\":{},\"b\":{}}}", id % 1000, id % 777))
    }

    /// A call of this tool with these arguments, as a line.
    #[must_use]
    pub fn request(self, id: u64, tool: &str, arguments: &str) -> String {
        let meta = match self {
            Self::Legacy => "",
            Self::Modern => concat!(
                r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#,
                r#""io.modelcontextprotocol/clientCapabilities":{}}"#
            ),
        };
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments}{meta}}}}}\n"
        )
    }
}
