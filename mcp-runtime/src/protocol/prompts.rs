use serde::{Deserialize, Serialize};

use super::{CacheScope, ContentBlock, Icon, Meta, Role};

/// A prompt as `prompts/list` describes it ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#prompt
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Prompt {
    /// The name that `prompts/get` uses.
    pub name: String,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What can be filled in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<PromptArgument>,
    /// Pictures for a user interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// What can be filled in in a prompt ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#promptargument
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the prompt needs it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// The answer to `prompts/list` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#listpromptsresult
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListPromptsResult {
    /// The prompts of this page.
    pub prompts: Vec<Prompt>,
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

/// The answer to `prompts/get` ([specification]).
///
/// A prompt may build and return one itself when the usual return types do not say enough:
///
/// ```
/// use mcp_runtime::protocol::{GetPromptResult, PromptMessage};
///
/// let result = GetPromptResult::new([PromptMessage::user("Is it safe?"), PromptMessage::assistant("Let me see.")])
///     .description("A review");
/// assert_eq!(result.messages.len(), 2);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#getpromptresult
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GetPromptResult {
    /// What the prompt is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What goes into the conversation, in this order.
    pub messages: Vec<PromptMessage>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing)]
    pub meta: Option<Meta>,
}

impl GetPromptResult {
    /// A result of these messages.
    pub fn new(messages: impl IntoIterator<Item = PromptMessage>) -> Self {
        Self { messages: messages.into_iter().collect(), ..Self::default() }
    }

    /// Says what the prompt is for, filled in as it is.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// All text of the messages, joined by line breaks.
    #[must_use]
    pub fn joined_text(&self) -> String {
        let texts: Vec<_> = self.messages.iter().filter_map(|message| message.content.as_text()).collect();
        texts.join("\n")
    }

    /// About how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        self.messages.iter().map(|message| message.content.size()).sum()
    }
}

/// One message of a prompt ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#promptmessage
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What they say.
    pub content: ContentBlock,
}

impl PromptMessage {
    /// A message of somebody.
    pub fn new(role: Role, content: impl Into<ContentBlock>) -> Self {
        Self { role, content: content.into() }
    }

    /// A message of the user.
    pub fn user(content: impl Into<ContentBlock>) -> Self {
        Self::new(Role::User, content)
    }

    /// A message of the model.
    pub fn assistant(content: impl Into<ContentBlock>) -> Self {
        Self::new(Role::Assistant, content)
    }
}
