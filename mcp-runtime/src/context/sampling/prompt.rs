use crate::protocol::{AudioContent, ImageContent, SamplingContent, SamplingMessage};

/// What a model is asked: text, a picture, one message or several.
///
/// ```
/// use mcp_runtime::protocol::{ImageContent, SamplingMessage};
/// use mcp_runtime::Prompt;
///
/// let text = Prompt::from("What is the capital of France?");
/// let picture = ImageContent::new([0x89, b'P', b'N', b'G'], "image/png");
/// let question = Prompt::from(SamplingMessage::user("What is this?").and(picture));
/// let conversation = Prompt::from([
///     SamplingMessage::user("2 + 2?"),
///     SamplingMessage::assistant("4"),
///     SamplingMessage::user("And twice that?"),
/// ]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Prompt(pub(super) Vec<SamplingMessage>);

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self(vec![SamplingMessage::user(text)])
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self(vec![SamplingMessage::user(text)])
    }
}

impl From<&String> for Prompt {
    fn from(text: &String) -> Self {
        Self(vec![SamplingMessage::user(text)])
    }
}

impl From<SamplingContent> for Prompt {
    fn from(block: SamplingContent) -> Self {
        Self(vec![SamplingMessage::user(block)])
    }
}

impl From<ImageContent> for Prompt {
    fn from(picture: ImageContent) -> Self {
        SamplingContent::from(picture).into()
    }
}

impl From<AudioContent> for Prompt {
    fn from(sound: AudioContent) -> Self {
        SamplingContent::from(sound).into()
    }
}

impl From<SamplingMessage> for Prompt {
    fn from(message: SamplingMessage) -> Self {
        Self(vec![message])
    }
}

impl From<Vec<SamplingMessage>> for Prompt {
    fn from(messages: Vec<SamplingMessage>) -> Self {
        Self(messages)
    }
}

impl From<&[SamplingMessage]> for Prompt {
    fn from(messages: &[SamplingMessage]) -> Self {
        Self(messages.to_vec())
    }
}

impl<const N: usize> From<[SamplingMessage; N]> for Prompt {
    fn from(messages: [SamplingMessage; N]) -> Self {
        Self(messages.into())
    }
}
