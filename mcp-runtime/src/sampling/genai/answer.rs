//! What a model answered, as the specification has it.

use genai::ModelIden;
use genai::chat::{ChatResponse, ContentPart, StopReason, ToolCall};
use serde_json::Value;

use super::names::Names;
use super::thoughts::Thoughts;
use crate::protocol::{CreateMessageResult, SamplingContent, ToolUseContent};
use crate::sampling::{ProviderError, ProviderErrorKind};

/// Reads an answer of at most so many bytes.
pub(super) fn read(
    response: ChatResponse,
    model: &ModelIden,
    names: &Names,
    most: usize,
) -> Result<CreateMessageResult, ProviderError> {
    let ChatResponse { content, reasoning_content, provider_model_iden, stop_reason, .. } = response;
    let size: usize = content.size() + reasoning_content.as_ref().map_or(0, String::len);
    if size > most {
        let message = format!("the model's answer has {size} bytes; at most {most} are taken");
        return Err(ProviderError::new(ProviderErrorKind::InvalidAnswer, message));
    }
    let mut thoughts = Thoughts::default();
    if let Some(text) = reasoning_content.filter(|_| !content.contains_reasoning_content()) {
        thoughts.take(ContentPart::ReasoningContent(text));
    }
    let mut blocks = Vec::new();
    let mut uses_tools = false;
    for part in content {
        match part {
            ContentPart::Text(text) if text.is_empty() => {}
            ContentPart::Text(text) => blocks.push(SamplingContent::text(text)),
            ContentPart::ToolCall(call) => {
                uses_tools = true;
                blocks.push(tool_use(call, std::mem::take(&mut thoughts), model, names)?);
            }
            // What is no thought either has no place here, and was not asked for.
            part => thoughts.take(part),
        }
    }
    let stop = stop_reason.as_ref();
    match (blocks.is_empty(), stop) {
        (false, _) => {}
        // It began with a text at which it was to stop.
        (true, Some(StopReason::StopSequence(_))) => blocks.push(SamplingContent::text("")),
        (true, stop) => return Err(nothing_said(stop)),
    }
    let mut result = CreateMessageResult::text(model_name(&provider_model_iden), "");
    result.content = blocks;
    // Some providers say that the turn has ended when it has not.
    result.stop_reason = if uses_tools { Some("toolUse".to_owned()) } else { stop.map(word) };
    Ok(result)
}

/// The name of a model without the prefix that says whose it is.
fn model_name(model: &ModelIden) -> &str {
    model.model_name.namespace_and_name().1
}

fn tool_use(
    call: ToolCall,
    mut thoughts: Thoughts,
    model: &ModelIden,
    names: &Names,
) -> Result<SamplingContent, ProviderError> {
    let ToolCall { call_id, fn_name, fn_arguments, thought_signatures } = call;
    thoughts.signatures = thought_signatures;
    let input = match fn_arguments {
        Value::Object(input) => input,
        Value::Null => serde_json::Map::new(),
        _ => {
            let message = "the model asked for a tool with arguments that are not an object";
            return Err(ProviderError::new(ProviderErrorKind::InvalidAnswer, message));
        }
    };
    let meta = (!thoughts.is_empty()).then(|| thoughts.keep(model));
    Ok(SamplingContent::ToolUse(ToolUseContent { id: call_id, name: names.read(fn_name), input, meta }))
}

/// The specification's word for why a model stopped, or the provider's.
fn word(reason: &StopReason) -> String {
    match reason {
        StopReason::Completed(_) => "endTurn".to_owned(),
        StopReason::StopSequence(_) => "stopSequence".to_owned(),
        StopReason::MaxTokens(_) => "maxTokens".to_owned(),
        StopReason::ToolCall(_) => "toolUse".to_owned(),
        StopReason::ContentFilter(word) | StopReason::Other(word) => word.clone(),
    }
}

fn nothing_said(stop: Option<&StopReason>) -> ProviderError {
    match stop {
        Some(StopReason::ContentFilter(_)) => ProviderError::of(ProviderErrorKind::ContentPolicy),
        Some(StopReason::MaxTokens(_)) => ProviderError::new(
            ProviderErrorKind::InvalidAnswer,
            "the model used up all tokens before it said anything; allow more of them with `maxTokens`",
        ),
        _ => ProviderError::new(ProviderErrorKind::InvalidAnswer, "the model's answer is empty"),
    }
}
