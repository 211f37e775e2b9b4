use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{CacheScope, ContentBlock, Icon, Meta};

/// A tool as `tools/list` describes it ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#tool
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Tool {
    /// The name that `tools/call` uses.
    pub name: String,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON Schema of its arguments, always of an object.
    pub input_schema: Map<String, Value>,
    /// The JSON Schema of its structured content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Map<String, Value>>,
    /// Hints about its behaviour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<ToolAnnotations>,
    /// Pictures for a user interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// Hints about a tool's behaviour; not to be trusted from a server that is not
/// ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#toolannotations
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolAnnotations {
    /// The name for people, as revisions before 2025-06-18 have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// It changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_hint: Option<bool>,
    /// It may destroy something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive_hint: Option<bool>,
    /// Calling it twice changes nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent_hint: Option<bool>,
    /// It talks to the world outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_world_hint: Option<bool>,
}

/// The answer to `tools/list` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#listtoolsresult
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListToolsResult {
    /// The tools of this page.
    pub tools: Vec<Tool>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// For how long, in milliseconds, the answer may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Who may keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
}

/// The answer to `tools/call` ([specification]).
///
/// A tool may build and return one itself when the usual return types do not say enough:
///
/// ```
/// use mcp_runtime::protocol::{CallToolResult, ContentBlock};
///
/// let result = CallToolResult::text("two blocks").with(ContentBlock::text("the second"));
/// assert_eq!(result.content.len(), 2);
/// assert!(!result.is_error);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#calltoolresult
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallToolResult {
    /// What the model reads.
    #[serde(default)]
    pub content: Vec<ContentBlock>,
    /// The result as JSON, of the tool's output schema. See [`CallToolResult::structured`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Box<RawValue>>,
    /// The tool failed; `content` says how.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing)]
    pub meta: Option<Meta>,
}

impl CallToolResult {
    /// A result of one block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![ContentBlock::text(text)], ..Self::default() }
    }

    /// A failure that the model can read.
    pub fn error(text: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::text(text) }
    }

    /// Adds a block.
    #[must_use]
    pub fn with(mut self, block: ContentBlock) -> Self {
        self.content.push(block);
        self
    }

    /// Sets the structured content.
    ///
    /// # Errors
    ///
    /// When `value` cannot be written as JSON.
    pub fn with_structured<T: Serialize + ?Sized>(mut self, value: &T) -> serde_json::Result<Self> {
        self.structured_content = Some(serde_json::value::to_raw_value(value)?);
        Ok(self)
    }

    /// About how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        let structured = self.structured_content.as_ref().map_or(0, |raw| raw.get().len());
        self.content.iter().map(ContentBlock::size).sum::<usize>() + structured
    }

    /// All text blocks, joined by line breaks.
    #[must_use]
    pub fn joined_text(&self) -> String {
        let texts: Vec<_> = self.content.iter().filter_map(ContentBlock::as_text).collect();
        texts.join("\n")
    }

    /// The structured content, decoded.
    ///
    /// # Errors
    ///
    /// When it is absent or not of type `T`.
    pub fn structured<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.structured_content.as_ref().map_or("null", |raw| raw.get()))
    }
}
