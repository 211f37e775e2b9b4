//! A question as genai puts it to a provider.

use std::collections::HashMap;

use genai::adapter::AdapterKind;
use genai::chat::{
    Binary, ChatMessage, ChatOptions, ChatRequest, ContentPart, CustomPart, MessageContent, Tool, ToolCall, ToolChoice,
    ToolResponse,
};
use genai::{ModelIden, chat::ChatRole};
use serde_json::{Value, json};

use super::names::Names;
use super::thoughts::Thoughts;
use crate::protocol::{
    ContentBlock, CreateMessageRequestParams, Role, SamplingContent, SamplingMessage, ToolResultContent, ToolUseContent,
};
use crate::sampling::{ProviderError, ProviderErrorKind};

/// A question, ready for genai, and how its tools are called there.
pub(super) struct Question {
    pub(super) request: ChatRequest,
    pub(super) options: ChatOptions,
    pub(super) names: Names,
}

/// What providers can be given differs; genai leaves out what it has no place for, and we do not ask
/// without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// OpenAI's chat completions, which most others speak, too.
    Completions,
    /// OpenAI's responses.
    Responses,
    Anthropic,
    Gemini,
    Ollama,
    Bedrock,
    Cohere,
}

impl Dialect {
    fn of(model: &ModelIden) -> Self {
        match model.adapter_kind {
            AdapterKind::OpenAIResp => Self::Responses,
            AdapterKind::Anthropic | AdapterKind::MiniMax => Self::Anthropic,
            AdapterKind::Gemini | AdapterKind::GeminiIx => Self::Gemini,
            AdapterKind::Vertex if model.model_name.contains("claude") => Self::Anthropic,
            AdapterKind::Vertex => Self::Gemini,
            AdapterKind::Ollama | AdapterKind::OllamaCloud => Self::Ollama,
            AdapterKind::BedrockApi => Self::Bedrock,
            AdapterKind::Cohere => Self::Cohere,
            _ => Self::Completions,
        }
    }

    fn takes_images(self) -> bool {
        self != Self::Cohere
    }

    fn takes_audio(self) -> bool {
        matches!(self, Self::Completions | Self::Gemini)
    }

    /// Whether it can be told that tools must, or must not, be used.
    fn takes_tool_choice(self) -> bool {
        matches!(self, Self::Completions | Self::Responses | Self::Anthropic | Self::Gemini)
    }

    fn takes_tools(self) -> bool {
        self != Self::Cohere
    }
}

fn unsupported(what: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Unsupported, format!("the model cannot be given {what}"))
}

fn invalid(what: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidRequest, what.into())
}

impl Question {
    pub(super) fn new(params: &CreateMessageRequestParams, model: &ModelIden) -> Result<Self, ProviderError> {
        let dialect = Dialect::of(model);
        let mut names = Names::default();
        let mut options = ChatOptions::default().with_max_tokens(params.max_tokens);
        if let Some(temperature) = params.temperature {
            options = options.with_temperature(temperature);
        }
        if !params.stop_sequences.is_empty() {
            options = options.with_stop_sequences(params.stop_sequences.clone());
        }
        let mut tools = Vec::new();
        for tool in &params.tools {
            let mut offered =
                Tool::new(names.written(&tool.name)).with_schema(Value::Object(tool.input_schema.clone()));
            offered.description = tool.description.clone().or_else(|| tool.title.clone());
            tools.push(offered);
        }
        if !tools.is_empty() && !dialect.takes_tools() {
            return Err(unsupported("tools"));
        }
        match params.tool_choice.as_ref().and_then(|choice| choice.mode.as_deref()) {
            None | Some("auto") => {}
            Some("none") if dialect.takes_tool_choice() && !tools.is_empty() => {
                options = options.with_tool_choice(ToolChoice::None);
            }
            // What it does not know of, it cannot use.
            Some("none") => tools.clear(),
            Some("required") if tools.is_empty() => {
                return Err(invalid("`toolChoice` requires a tool, but `tools` has none"));
            }
            Some("required") if dialect.takes_tool_choice() => {
                options = options.with_tool_choice(ToolChoice::Required);
            }
            Some("required") => return Err(unsupported("tools that it must use")),
            Some(mode) => {
                return Err(invalid(format!("`toolChoice.mode` is `{mode}`; it must be `auto`, `required` or `none`")));
            }
        }
        let mut conversation = Conversation { dialect, model, names, called: HashMap::new(), messages: Vec::new() };
        for message in &params.messages {
            conversation.add(message)?;
        }
        let Conversation { names, messages, .. } = conversation;
        let mut request = ChatRequest::from_messages(messages);
        request.system = params.system_prompt.clone();
        request.tools = (!tools.is_empty()).then_some(tools);
        Ok(Self { request, options, names })
    }
}

struct Conversation<'a> {
    dialect: Dialect,
    model: &'a ModelIden,
    names: Names,
    /// The name that each use of a tool had, as it is written.
    called: HashMap<String, String>,
    messages: Vec<ChatMessage>,
}

impl Conversation<'_> {
    fn add(&mut self, message: &SamplingMessage) -> Result<(), ProviderError> {
        let mut parts = Vec::new();
        let mut results = Vec::new();
        for block in &message.content {
            match (block, message.role) {
                (SamplingContent::Text(text), _) => parts.push(ContentPart::from_text(&text.text)),
                (SamplingContent::Image(image), Role::User) => parts.push(self.picture(&image.mime_type, &image.data)?),
                (SamplingContent::Audio(audio), Role::User) => parts.push(self.sound(&audio.mime_type, &audio.data)?),
                (SamplingContent::Image(_) | SamplingContent::Audio(_), Role::Assistant) => {
                    return Err(unsupported("pictures or sound that it is said to have made itself"));
                }
                (SamplingContent::ToolUse(tool_use), Role::Assistant) => self.used(tool_use, &mut parts),
                (SamplingContent::ToolResult(result), Role::User) => results.push(result),
                (SamplingContent::ToolUse(_), Role::User) => {
                    return Err(invalid(
                        "a `tool_use` block stands in a message of the user; only the model uses tools",
                    ));
                }
                (SamplingContent::ToolResult(_), Role::Assistant) => {
                    return Err(invalid(
                        "a `tool_result` block stands in a message of the model; it must be the user's",
                    ));
                }
            }
        }
        if !results.is_empty() {
            self.results(&results)?;
        }
        if !parts.is_empty() {
            let role = if message.role == Role::User { ChatRole::User } else { ChatRole::Assistant };
            self.messages.push(ChatMessage::new(role, MessageContent::from_parts(parts)));
        }
        Ok(())
    }

    fn picture(&self, mime_type: &str, data: &str) -> Result<ContentPart, ProviderError> {
        match self.dialect.takes_images() {
            true => Ok(Binary::from_base64(mime_type, data, None).into()),
            false => Err(unsupported("pictures")),
        }
    }

    fn sound(&self, mime_type: &str, data: &str) -> Result<ContentPart, ProviderError> {
        // Providers know each format by one name only.
        let mime_type = match mime_type {
            "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "audio/wav",
            "audio/mp3" | "audio/x-mp3" | "audio/mpeg3" => "audio/mpeg",
            other => other,
        };
        match self.dialect.takes_audio() {
            true => Ok(Binary::from_base64(mime_type, data, None).into()),
            false => Err(unsupported("sound")),
        }
    }

    /// The model has asked for a tool, perhaps after some thought.
    fn used(&mut self, tool_use: &ToolUseContent, parts: &mut Vec<ContentPart>) {
        let fn_name = self.names.written(&tool_use.name);
        self.called.insert(tool_use.id.clone(), fn_name.clone());
        let mut thoughts = Thoughts::of(tool_use, self.model);
        let thought_signatures = thoughts.signatures.take();
        parts.extend(thoughts.into_parts());
        parts.push(ContentPart::ToolCall(ToolCall {
            call_id: tool_use.id.clone(),
            fn_name,
            fn_arguments: Value::Object(tool_use.input.clone()),
            thought_signatures,
        }));
    }

    fn results(&mut self, results: &[&ToolResultContent]) -> Result<(), ProviderError> {
        let mut messages = Vec::new();
        let mut shown = Vec::new();
        for result in results {
            if self.dialect == Dialect::Anthropic {
                messages.push(self.block(result)?);
                continue;
            }
            let mut text = text_of(result);
            if result.is_error {
                text = format!("The tool failed: {text}");
            }
            let mut response = ToolResponse::new(&result.tool_use_id, text);
            response.fn_name = self.called.get(&result.tool_use_id).cloned();
            messages.push(response.into());
            // Only text has a place in the result of a tool; the user shows what is more.
            for (mime_type, data) in result.content.iter().filter_map(binary) {
                if shown.is_empty() {
                    shown.push(ContentPart::from_text("What the tools returned besides text:"));
                }
                let is_audio = mime_type.starts_with("audio/");
                shown.push(if is_audio { self.sound(mime_type, data)? } else { self.picture(mime_type, data)? });
            }
        }
        // Ollama has a message for each result; the others want all results in one.
        match self.dialect {
            Dialect::Ollama => self.messages.extend(messages.into_iter().map(|it: ContentPart| ChatMessage::tool(it))),
            _ => self.messages.push(ChatMessage::tool(MessageContent::from_parts(messages))),
        }
        if !shown.is_empty() {
            self.messages.push(ChatMessage::user(MessageContent::from_parts(shown)));
        }
        Ok(())
    }

    /// A result as Anthropic has it, which has a place for pictures and for failure.
    fn block(&self, result: &ToolResultContent) -> Result<ContentPart, ProviderError> {
        let mut content = Vec::new();
        let text = text_of(result);
        if !text.is_empty() {
            content.push(json!({ "type": "text", "text": text }));
        }
        for (mime_type, data) in result.content.iter().filter_map(binary) {
            if !mime_type.starts_with("image/") {
                return Err(unsupported("what a tool returned, because it is neither text nor a picture"));
            }
            let source = json!({ "type": "base64", "media_type": mime_type, "data": data });
            content.push(json!({ "type": "image", "source": source }));
        }
        let mut block = json!({ "type": "tool_result", "tool_use_id": result.tool_use_id, "content": content });
        if result.is_error {
            block["is_error"] = Value::Bool(true);
        }
        Ok(CustomPart { model_iden: None, data: block }.into())
    }
}

/// What of a tool's result can be read: all text, or else its structured content.
fn text_of(result: &ToolResultContent) -> String {
    let texts: Vec<String> = result.content.iter().filter_map(readable).collect();
    match (&result.structured_content, texts.is_empty()) {
        (Some(structured), true) => structured.to_string(),
        _ => texts.join("\n"),
    }
}

fn readable(block: &ContentBlock) -> Option<String> {
    match block {
        ContentBlock::Text(text) => Some(text.text.clone()),
        ContentBlock::ResourceLink(link) => Some(format!("{}: {}", link.name, link.uri)),
        ContentBlock::Resource(embedded) => match (&embedded.resource.text, binary(block)) {
            (Some(text), _) => Some(text.clone()),
            (None, Some(_)) => None,
            (None, None) => Some(format!("(bytes at {})", embedded.resource.uri)),
        },
        ContentBlock::Image(_) | ContentBlock::Audio(_) => None,
    }
}

/// The MIME type and the bytes of a picture or a sound.
fn binary(block: &ContentBlock) -> Option<(&str, &str)> {
    match block {
        ContentBlock::Image(image) => Some((&image.mime_type, &image.data)),
        ContentBlock::Audio(audio) => Some((&audio.mime_type, &audio.data)),
        ContentBlock::Resource(embedded) => {
            let mime_type = embedded.resource.mime_type.as_deref()?;
            let is_shown = mime_type.starts_with("image/") || mime_type.starts_with("audio/");
            is_shown.then_some((mime_type, embedded.resource.blob.as_deref()?))
        }
        ContentBlock::Text(_) | ContentBlock::ResourceLink(_) => None,
    }
}
