use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{AudioContent, CallToolResult, ContentBlock, ImageContent, Meta, Role, TextContent, Tool};

/// A question to the client's model ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#createmessagerequestparams
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateMessageRequestParams {
    /// The conversation so far.
    pub messages: Vec<SamplingMessage>,
    /// Which model the server would like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_preferences: Option<ModelPreferences>,
    /// The system prompt the server would like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// Which servers' context to include (deprecated by the specification).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_context: Option<String>,
    /// Randomness, as the model's provider defines it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The most tokens that the answer may have.
    pub max_tokens: u32,
    /// Texts at which the model stops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
    /// Anything for the model's provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Tools that the model may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether the model may, must or must not use them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
}

impl CreateMessageRequestParams {
    /// A question with these messages and a limit for the answer.
    pub fn new(messages: impl Into<Vec<SamplingMessage>>, max_tokens: u32) -> Self {
        Self { messages: messages.into(), max_tokens, ..Self::default() }
    }

    /// All text of the conversation, joined by line breaks.
    ///
    /// ```
    /// use mcp_runtime::protocol::{CreateMessageRequestParams, SamplingMessage};
    ///
    /// let request = CreateMessageRequestParams::new([SamplingMessage::user("2 + 2?")], 10);
    /// assert_eq!(request.joined_text(), "2 + 2?");
    /// ```
    #[must_use]
    pub fn joined_text(&self) -> String {
        let texts: Vec<_> =
            self.messages.iter().flat_map(|it| &it.content).filter_map(SamplingContent::as_text).collect();
        texts.join("\n")
    }
}

/// Whether the model may use tools ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#toolchoice
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolChoice {
    /// `auto`, `required` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

impl ToolChoice {
    /// It may use tools.
    #[must_use]
    pub fn auto() -> Self {
        Self { mode: Some("auto".to_owned()) }
    }

    /// It must use at least one.
    #[must_use]
    pub fn required() -> Self {
        Self { mode: Some("required".to_owned()) }
    }

    /// It must not use any.
    #[must_use]
    pub fn none() -> Self {
        Self { mode: Some("none".to_owned()) }
    }
}

/// One turn of a conversation with a model ([specification]).
///
/// ```
/// use mcp_runtime::protocol::SamplingMessage;
///
/// let turns = [SamplingMessage::user("2 + 2?"), SamplingMessage::assistant("4")];
/// assert_eq!(turns[1].content[0].as_text(), Some("4"));
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#samplingmessage
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SamplingMessage {
    /// Who speaks.
    pub role: Role,
    /// What they say: on the wire one block, or an array of them.
    #[serde(with = "one_or_many")]
    pub content: Vec<SamplingContent>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl SamplingMessage {
    /// What the user says, or shows.
    pub fn user(content: impl Into<SamplingContent>) -> Self {
        Self::new(Role::User, vec![content.into()])
    }

    /// What the model said.
    pub fn assistant(content: impl Into<SamplingContent>) -> Self {
        Self::new(Role::Assistant, vec![content.into()])
    }

    /// What tools returned to the model: all that it asked for in the message before, and nothing
    /// else ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/sampling#message-content-constraints
    pub fn tool_results(results: impl IntoIterator<Item = ToolResultContent>) -> Self {
        Self::new(Role::User, results.into_iter().map(SamplingContent::ToolResult).collect())
    }

    /// Adds a block.
    #[must_use]
    pub fn and(mut self, content: impl Into<SamplingContent>) -> Self {
        self.content.push(content.into());
        self
    }

    /// A turn of several blocks.
    #[must_use]
    pub fn new(role: Role, content: Vec<SamplingContent>) -> Self {
        Self { role, content, meta: None }
    }
}

/// A block of a conversation with a model ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#samplingmessagecontentblock
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SamplingContent {
    /// Text.
    Text(TextContent),
    /// A picture.
    Image(ImageContent),
    /// A sound.
    Audio(AudioContent),
    /// The model asks for a tool.
    ToolUse(ToolUseContent),
    /// What the tool answered.
    ToolResult(ToolResultContent),
}

impl SamplingContent {
    /// A block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent::new(text))
    }

    /// The text of a text block.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(block) => Some(&block.text),
            _ => None,
        }
    }

    /// The tool that is asked for, if this is that.
    #[must_use]
    pub fn as_tool_use(&self) -> Option<&ToolUseContent> {
        match self {
            Self::ToolUse(asked) => Some(asked),
            _ => None,
        }
    }
}

impl From<&str> for SamplingContent {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for SamplingContent {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&String> for SamplingContent {
    fn from(text: &String) -> Self {
        Self::text(text)
    }
}

impl From<TextContent> for SamplingContent {
    fn from(block: TextContent) -> Self {
        Self::Text(block)
    }
}

impl From<ImageContent> for SamplingContent {
    fn from(block: ImageContent) -> Self {
        Self::Image(block)
    }
}

impl From<AudioContent> for SamplingContent {
    fn from(block: AudioContent) -> Self {
        Self::Audio(block)
    }
}

impl From<ToolUseContent> for SamplingContent {
    fn from(block: ToolUseContent) -> Self {
        Self::ToolUse(block)
    }
}

impl From<ToolResultContent> for SamplingContent {
    fn from(block: ToolResultContent) -> Self {
        Self::ToolResult(block)
    }
}

/// The model asks for a tool ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#toolusecontent
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolUseContent {
    /// The id that the result repeats.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub input: Map<String, Value>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// What a tool answered to the model ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#toolresultcontent
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolResultContent {
    /// The id of the [`ToolUseContent`] that it answers.
    pub tool_use_id: String,
    /// What the model reads.
    pub content: Vec<ContentBlock>,
    /// The result as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
    /// The tool failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ToolResultContent {
    /// What a tool returned that the model asked for.
    #[must_use]
    pub fn of(asked: &ToolUseContent, result: CallToolResult) -> Self {
        let CallToolResult { content, structured_content, is_error, .. } = result;
        let structured_content = structured_content.and_then(|raw| serde_json::from_str(raw.get()).ok());
        Self { tool_use_id: asked.id.clone(), content, structured_content, is_error, meta: None }
    }
}

/// Which model a server would like; the client decides ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#modelpreferences
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModelPreferences {
    /// Names or parts of names, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<ModelHint>,
    /// How much low cost matters, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_priority: Option<f64>,
    /// How much speed matters, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_priority: Option<f64>,
    /// How much ability matters, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intelligence_priority: Option<f64>,
}

/// A hint at a model ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#modelhint
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelHint {
    /// A model's name or a part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl ModelHint {
    /// A hint at models of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()) }
    }
}

/// What the client's model answered ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#createmessageresult
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateMessageResult {
    /// Who speaks; the assistant.
    pub role: Role,
    /// What it says: on the wire one block, or an array of them.
    #[serde(with = "one_or_many")]
    pub content: Vec<SamplingContent>,
    /// The model that answered.
    pub model: String,
    /// Why it stopped: `endTurn`, `stopSequence`, `maxTokens`, `toolUse` or the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl CreateMessageResult {
    /// An answer of one text, given by the named model, which ended its turn.
    pub fn text(model: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            role: Role::Assistant,
            content: vec![SamplingContent::text(text)],
            model: model.into(),
            stop_reason: Some("endTurn".to_owned()),
            meta: None,
        }
    }
}

mod one_or_many {
    use std::fmt;

    use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
    use serde::de::{MapAccess, SeqAccess, Visitor};

    use super::{Deserialize, Deserializer, SamplingContent, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(blocks: &[SamplingContent], serializer: S) -> Result<S::Ok, S::Error> {
        match blocks {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SamplingContent>, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }

    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<SamplingContent>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a block of content, or an array of them")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            SamplingContent::deserialize(MapAccessDeserializer::new(map)).map(|block| vec![block])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }
}
