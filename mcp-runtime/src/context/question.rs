use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::step::Inside;
use crate::engine::{Call, Question, QuestionId, Required};
use crate::protocol::{
    ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, ErrorCode, ErrorObject, Method, ModelHint,
    ModelPreferences, SamplingContent, SamplingMessage, without_position,
};

/// Why a question to the client has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuestionError {
    /// The client did not declare that it can be asked this. A tool that returns this error
    /// tells its caller which capability is missing.
    #[error("the client cannot be asked: it did not declare the capability `{}`", .required.names())]
    #[non_exhaustive]
    Unsupported {
        /// What it would have had to declare.
        required: Box<ClientCapabilities>,
    },
    /// The client, its user or its model refused, or the client is gone.
    #[error("the client did not answer: {0}")]
    Refused(#[source] ErrorObject),
    /// The client's answer is not what the specification says it must be.
    #[error("the client's answer to `{method}` is not right: {reason}")]
    #[non_exhaustive]
    Invalid {
        /// What it was asked.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The model answered without any text.
    #[error("the model's answer has no text")]
    NoText,
    /// The type of an answer cannot be asked for with a form. Nothing was asked; the type must
    /// change.
    #[error("`{type_name}` cannot be a form: {reason}")]
    #[non_exhaustive]
    NotAForm {
        /// The type.
        type_name: &'static str,
        /// What a form has no place for, field by field, and what can stand there instead.
        reason: String,
    },
    /// What the user shall open is not a URL. Nothing was asked.
    #[error("{url:?} is not a URL that a user can open: write it in full, as in \"https://example.com/\"")]
    #[non_exhaustive]
    NotAUrl {
        /// What was given.
        url: String,
    },
}

/// One question, from the first poll to its answer.
pub(super) struct Asking {
    call: Arc<Call>,
    method: Method,
    id: Option<QuestionId>,
}

impl Asking {
    pub(super) fn new(call: Arc<Call>, method: Method) -> Self {
        Self { call, method, id: None }
    }

    /// Asks with these parameters, if the client can be asked, and reads the answer. `missing` is
    /// what the client lacks for it.
    pub(super) fn poll_result<P: Serialize, R: DeserializeOwned>(
        &mut self,
        missing: Required,
        params: &P,
        key: &mut Option<String>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Result<R, QuestionError>> {
        let method = self.method;
        let invalid = |error: serde_json::Error| invalid(method, without_position(&error));
        let mut written = None;
        if self.id.is_none() {
            match to_raw_value(params) {
                Ok(params) => written = Some(params),
                Err(error) => return Poll::Ready(Err(invalid(error))),
            }
        }
        let question = || (written.take().unwrap_or_default(), key.take());
        let answer = ready!(self.poll(missing, question, cx))?;
        Poll::Ready(serde_json::from_str(answer.get()).map_err(invalid))
    }

    fn poll(
        &mut self,
        required: Required,
        question: impl FnOnce() -> (Box<RawValue>, Option<String>),
        cx: &mut TaskContext<'_>,
    ) -> Poll<Result<Box<RawValue>, QuestionError>> {
        let Self { call, method, id } = self;
        let question = || {
            let (params, key) = question();
            Question { method: method.as_str(), params, key, within: Inside::of(call), required }
        };
        let answer = ready!(call.poll_answer(id, question, cx));
        Poll::Ready(answer.map_err(|error| {
            let is_missing = error.code == ErrorCode::MissingRequiredClientCapability;
            match required(call.round().capabilities()).filter(|_| is_missing) {
                Some(required) => QuestionError::Unsupported { required: Box::new(required) },
                None => QuestionError::Refused(error),
            }
        }))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.call.abandon(id);
        }
    }
}

/// The client's answer is not right.
pub(super) fn invalid(method: Method, reason: String) -> QuestionError {
    QuestionError::Invalid { method: method.as_str(), reason }
}

/// What a model is asked: text, one message or several.
#[derive(Debug, Clone, Default)]
pub struct Prompt(Vec<SamplingMessage>);

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

impl<const N: usize> From<[SamplingMessage; N]> for Prompt {
    fn from(messages: [SamplingMessage; N]) -> Self {
        Self(messages.into())
    }
}

/// The most tokens of an answer, unless the question says otherwise.
const DEFAULT_MAX_TOKENS: u32 = 512;

/// A question to the client's model, built and awaited in one expression. Made by
/// [`Context::sample`](crate::Context::sample).
///
/// Dropping it withdraws the question.
#[must_use = "a question is asked when it is awaited"]
pub struct Sample {
    inner: CreateMessage,
}

impl Sample {
    pub(super) fn new(call: Arc<Call>, prompt: Prompt) -> Self {
        Self { inner: CreateMessage::new(call, CreateMessageRequestParams::new(prompt.0, DEFAULT_MAX_TOKENS)) }
    }

    fn with(mut self, change: impl FnOnce(&mut CreateMessageRequestParams)) -> Self {
        change(&mut self.inner.params);
        self
    }

    fn preferring(self, change: impl FnOnce(&mut ModelPreferences)) -> Self {
        self.with(|params| change(params.model_preferences.get_or_insert_default()))
    }

    /// The system prompt. The client may change or leave it out.
    pub fn system(self, text: impl Into<String>) -> Self {
        self.with(|params| params.system_prompt = Some(text.into()))
    }

    /// Adds messages after those of the prompt.
    pub fn messages(self, messages: impl IntoIterator<Item = SamplingMessage>) -> Self {
        self.with(|params| params.messages.extend(messages))
    }

    /// The most tokens that the answer may have; 512 by default.
    pub fn max_tokens(self, max_tokens: u32) -> Self {
        self.with(|params| params.max_tokens = max_tokens)
    }

    /// Randomness, as the model's provider defines it; theirs by default.
    pub fn temperature(self, temperature: f64) -> Self {
        self.with(|params| params.temperature = Some(temperature))
    }

    /// Texts at which the model stops.
    pub fn stop_sequences<S: Into<String>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        self.with(|params| params.stop_sequences = texts.into_iter().map(Into::into).collect())
    }

    /// Prefers models of this name or part of a name; the first hint counts most.
    pub fn prefer(self, model: impl Into<String>) -> Self {
        self.preferring(|it| it.hints.push(ModelHint::new(model)))
    }

    /// How much low cost matters, from 0 to 1.
    pub fn cost_priority(self, priority: f64) -> Self {
        self.preferring(|it| it.cost_priority = Some(priority))
    }

    /// How much speed matters, from 0 to 1.
    pub fn speed_priority(self, priority: f64) -> Self {
        self.preferring(|it| it.speed_priority = Some(priority))
    }

    /// How much ability matters, from 0 to 1.
    pub fn intelligence_priority(self, priority: f64) -> Self {
        self.preferring(|it| it.intelligence_priority = Some(priority))
    }

    /// Names the question, where its parameters alone would not tell it apart.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.inner.key = Some(key.into());
        self
    }
}

impl Future for Sample {
    type Output = Result<SamplingResult, QuestionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.inner).poll(cx).map_ok(SamplingResult::new)
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample").field("params", &self.inner.params).finish_non_exhaustive()
    }
}

/// A question to the client's model with all parameters of the specification. Made by
/// [`Context::create_message`](crate::Context::create_message).
///
/// Dropping it withdraws the question.
#[must_use = "a question is asked when it is awaited"]
pub struct CreateMessage {
    asking: Asking,
    params: CreateMessageRequestParams,
    key: Option<String>,
}

impl CreateMessage {
    pub(super) fn new(call: Arc<Call>, params: CreateMessageRequestParams) -> Self {
        Self { asking: Asking::new(call, Method::SamplingCreateMessage), params, key: None }
    }

    /// Names the question, where its parameters alone would not tell it apart.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl Future for CreateMessage {
    type Output = Result<CreateMessageResult, QuestionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { asking, params, key } = self.get_mut();
        let missing = if params.tools.is_empty() { missing_sampling } else { missing_sampling_tools };
        asking.poll_result(missing, params, key, cx)
    }
}

impl fmt::Debug for CreateMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateMessage").field("params", &self.params).finish_non_exhaustive()
    }
}

fn missing_sampling(declared: &ClientCapabilities) -> Option<ClientCapabilities> {
    declared.sampling.is_none().then(ClientCapabilities::only_sampling)
}

fn missing_sampling_tools(declared: &ClientCapabilities) -> Option<ClientCapabilities> {
    let has = declared.sampling.as_ref().is_some_and(|sampling| sampling.tools.is_some());
    (!has).then(ClientCapabilities::only_sampling_tools)
}

/// What the client's model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingResult {
    message: CreateMessageResult,
    text: Option<String>,
}

impl SamplingResult {
    fn new(message: CreateMessageResult) -> Self {
        let texts: Vec<_> = message.content.iter().filter_map(SamplingContent::as_text).collect();
        let text = (!texts.is_empty()).then(|| texts.join("\n"));
        Self { message, text }
    }

    /// The text of the answer: all text blocks, joined by line breaks.
    ///
    /// # Errors
    ///
    /// [`QuestionError::NoText`] when there is none.
    pub fn text(&self) -> Result<&str, QuestionError> {
        self.text.as_deref().ok_or(QuestionError::NoText)
    }

    /// All blocks of the answer.
    #[must_use]
    pub fn content(&self) -> &[SamplingContent] {
        &self.message.content
    }

    /// The model that answered.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.message.model
    }

    /// Why it stopped: `endTurn`, `stopSequence`, `maxTokens` or the provider's word.
    #[must_use]
    pub fn stop_reason(&self) -> Option<&str> {
        self.message.stop_reason.as_deref()
    }

    /// The answer as it came.
    #[must_use]
    pub fn into_message(self) -> CreateMessageResult {
        self.message
    }
}
