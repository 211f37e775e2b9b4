use serde::de::DeserializeOwned;

use super::typed::Shape;
use crate::context::question::QuestionError;
use crate::protocol::{CreateMessageResult, Role, SamplingContent, SamplingMessage, ToolResultContent, ToolUseContent};

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingResult {
    message: CreateMessageResult,
    text: Option<String>,
    /// What was said before it.
    before: Vec<SamplingMessage>,
    turns: u32,
}

impl SamplingResult {
    pub(super) fn new(message: CreateMessageResult, before: Vec<SamplingMessage>, turns: u32) -> Self {
        let texts: Vec<_> = message.content.iter().filter_map(SamplingContent::as_text).collect();
        let text = (!texts.is_empty()).then(|| texts.join("\n"));
        Self { message, text, before, turns }
    }

    /// The text of the answer: all text blocks, joined by line breaks.
    ///
    /// # Errors
    ///
    /// [`QuestionError::NoText`] when there is none.
    pub fn text(&self) -> Result<&str, QuestionError> {
        self.text.as_deref().ok_or(QuestionError::NoText)
    }

    /// The text read as JSON of a type, also where it stands between other words or in a fence.
    /// [`Sample::json`](crate::Sample::json) says to the model what to write, and asks again if it is
    /// not right.
    ///
    /// # Errors
    ///
    /// [`QuestionError::NoText`] without any text, [`QuestionError::NotTyped`] with all that is wrong.
    pub fn json<T: DeserializeOwned + schemars::JsonSchema>(&self) -> Result<T, QuestionError> {
        let text = self.text()?;
        let shape = Shape::of::<T>();
        shape.read_text(text).map_err(|problems| shape.not_typed(1, problems, text.to_owned()))
    }

    /// All blocks of the answer.
    #[must_use]
    pub fn content(&self) -> &[SamplingContent] {
        &self.message.content
    }

    /// The tools that the model asks for; none in an answer that ended a loop.
    pub fn tool_uses(&self) -> impl Iterator<Item = &ToolUseContent> {
        self.message.content.iter().filter_map(SamplingContent::as_tool_use)
    }

    /// The model that answered.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.message.model
    }

    /// Why it stopped: `endTurn`, `stopSequence`, `maxTokens`, `toolUse` or the provider's word.
    #[must_use]
    pub fn stop_reason(&self) -> Option<&str> {
        self.message.stop_reason.as_deref()
    }

    /// How often the model was asked for it: more than once where it used tools. For a client that
    /// calls again with each answer, this is how many rounds it took.
    #[must_use]
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// The answer as it came.
    #[must_use]
    pub fn into_message(self) -> CreateMessageResult {
        self.message
    }

    /// The whole conversation, this answer included: what the next question goes on from.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// use mcp_runtime::protocol::SamplingMessage;
    ///
    /// /// A poem in two languages.
    /// #[tool]
    /// async fn poem(ctx: Context) -> Result<String> {
    ///     let english = ctx.sample("Write a poem of four lines.").await?;
    ///     let mut history = english.into_history();
    ///     history.push(SamplingMessage::user("The same in French, please."));
    ///     Ok(ctx.sample(history).await?.text()?.to_owned())
    /// }
    /// ```
    #[must_use]
    pub fn into_history(self) -> Vec<SamplingMessage> {
        let mut history = self.before;
        history.push(SamplingMessage::new(Role::Assistant, self.message.content));
        history
    }
}

/// One turn of a model that may use tools: what it said, and what the tools that it asked for
/// returned. Made by [`Context::sample_step`](crate::Context::sample_step).
#[derive(Debug, Clone, PartialEq)]
pub struct SampleStep {
    pub(super) answer: SamplingResult,
    pub(super) results: Vec<ToolResultContent>,
}

impl SampleStep {
    /// Whether the model asks for tools; else the conversation is at its end.
    #[must_use]
    pub fn is_tool_use(&self) -> bool {
        self.tool_uses().next().is_some()
    }

    /// The tools that the model asks for.
    pub fn tool_uses(&self) -> impl Iterator<Item = &ToolUseContent> {
        self.answer.tool_uses()
    }

    /// What they returned, in the same order; empty if they are not
    /// [executed](crate::Sample::execute_tools).
    #[must_use]
    pub fn tool_results(&self) -> &[ToolResultContent] {
        &self.results
    }

    /// What the model said.
    #[must_use]
    pub fn answer(&self) -> &SamplingResult {
        &self.answer
    }

    /// Its text.
    ///
    /// # Errors
    ///
    /// [`QuestionError::NoText`] when there is none.
    pub fn text(&self) -> Result<&str, QuestionError> {
        self.answer.text()
    }

    /// The conversation up to here: what the next step goes on from. If the tools were not executed,
    /// their results must be added first, all in one message
    /// ([`SamplingMessage::tool_results`]).
    #[must_use]
    pub fn into_history(self) -> Vec<SamplingMessage> {
        let mut history = self.answer.into_history();
        if !self.results.is_empty() {
            history.push(SamplingMessage::tool_results(self.results));
        }
        history
    }
}
