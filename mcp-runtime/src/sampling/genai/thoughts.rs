//! What some models want to see again when a tool has answered: their thoughts before they asked for
//! it, signed. They ride along in the metadata of the tool's use, which whoever asked gives back.

use genai::ModelIden;
use genai::chat::{ContentPart, CustomPart};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::protocol::{Meta, ToolUseContent};

const KEY: &str = "io.github.mcp-runtime/thoughts";

/// Thoughts before the use of a tool.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    parts: Vec<Thought>,
    pub(super) signatures: Option<Vec<String>>,
}

/// A thought as metadata has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Thought {
    Signature(String),
    Text(String),
    /// As the provider has it.
    Block(Value),
}

/// What is kept with the use of a tool.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Others cannot read them.
    model: String,
    parts: Vec<Thought>,
    signatures: Option<Vec<String>>,
}

impl Thoughts {
    /// Takes a part of an answer if it is a thought.
    pub(super) fn take(&mut self, part: ContentPart) {
        self.parts.push(match part {
            ContentPart::ThoughtSignature(signature) => Thought::Signature(signature),
            ContentPart::ReasoningContent(text) => Thought::Text(text),
            ContentPart::Custom(CustomPart { data, .. }) if is_thought(&data) => Thought::Block(data),
            _ => return,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.signatures.is_none()
    }

    /// As metadata.
    pub(super) fn keep(self, model: &ModelIden) -> Meta {
        let kept = Kept { model: model.model_name.as_str().to_owned(), parts: self.parts, signatures: self.signatures };
        Meta::from_iter([(KEY.to_owned(), json!(kept))])
    }

    /// Those that were kept with the use of a tool, if this model had them. Whoever asks could have
    /// written them, so nothing but thoughts is taken.
    pub(super) fn of(tool_use: &ToolUseContent, model: &ModelIden) -> Self {
        let kept = tool_use.meta.as_ref().and_then(|meta| Kept::deserialize(meta.get(KEY)?).ok());
        match kept {
            Some(Kept { model: thinker, mut parts, signatures }) if thinker == model.model_name.as_str() => {
                parts.retain(|thought| !matches!(thought, Thought::Block(block) if !is_thought(block)));
                Self { parts, signatures }
            }
            _ => Self::default(),
        }
    }

    pub(super) fn into_parts(self) -> impl Iterator<Item = ContentPart> {
        self.parts.into_iter().map(|thought| match thought {
            Thought::Signature(signature) => ContentPart::ThoughtSignature(signature),
            Thought::Text(text) => ContentPart::ReasoningContent(text),
            Thought::Block(data) => CustomPart { model_iden: None, data }.into(),
        })
    }
}

fn is_thought(block: &Value) -> bool {
    match block.get("type").and_then(Value::as_str) {
        Some(kind) => matches!(kind, "thinking" | "redacted_thinking") || kind.starts_with("reasoning."),
        None => false,
    }
}
