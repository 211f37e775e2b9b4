//! One question to a model: the client's, or the server's own in its place.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use crate::context::Host;
use crate::context::question::{Asking, QuestionError, invalid};
use crate::context::step::{Failure, Inside, Scope, once};
use crate::engine::Call;
use crate::protocol::{
    BoxFuture, ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, Method, Role, SamplingMessage,
};
use crate::sampling::{self, AnyProvider, SamplingFallback};

/// A question to a model with all parameters of the specification. Made by
/// [`Context::create_message`](crate::Context::create_message).
///
/// Dropping it withdraws the question.
#[must_use = "a question is asked when it is awaited"]
pub struct CreateMessage {
    asking: Asking,
    pub(super) params: CreateMessageRequestParams,
    pub(super) key: Option<String>,
    pub(super) call: Arc<Call>,
    pub(super) host: Arc<Host>,
    pub(super) fallback: Option<SamplingFallback>,
    stage: Stage,
}

enum Stage {
    New,
    Client,
    Own(BoxFuture<'static, Result<CreateMessageResult, QuestionError>>),
}

impl CreateMessage {
    pub(in crate::context) fn new(call: Arc<Call>, host: Arc<Host>, params: CreateMessageRequestParams) -> Self {
        let asking = Asking::new(call.clone(), Method::SamplingCreateMessage);
        Self { asking, params, key: None, call, host, fallback: None, stage: Stage::New }
    }

    /// Names the question, where its parameters alone would not tell it apart.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// When the server's own model answers in place of the client's, for this question; as
    /// [`Server::sampling_fallback_when`](crate::Server::sampling_fallback_when) says by default.
    pub fn fallback(mut self, when: SamplingFallback) -> Self {
        self.fallback = Some(when);
        self
    }

    /// The messages, when it has been answered.
    pub(super) fn take_messages(&mut self) -> Vec<SamplingMessage> {
        std::mem::take(&mut self.params.messages)
    }

    /// The server's own model, if it can be asked this.
    fn own_model(&self) -> Option<&Arc<dyn AnyProvider>> {
        let model = self.host.model.as_ref()?;
        (!self.needs_tools() || model.has_tools()).then_some(model)
    }

    fn needs_tools(&self) -> bool {
        !self.params.tools.is_empty() || self.params.tool_choice.is_some()
    }

    /// When the server's own model answers.
    fn when(&self) -> SamplingFallback {
        self.fallback.unwrap_or(self.host.fallback)
    }

    /// Asks the server's own model. What it answers is kept like the result of a step, so that it is
    /// asked, and paid for, once.
    fn ask_own(&mut self, model: Arc<dyn AnyProvider>) -> Stage {
        let call = self.call.clone();
        let params = self.params.clone();
        let key = self.key.take();
        Stage::Own(Box::pin(async move {
            let ask = || async { model.create_message_boxed(params).await };
            if let Some((_, Scope::Closed)) = Inside::step(&call) {
                return ask().await.map_err(QuestionError::from);
            }
            let name = format!("mcp-runtime/model/{}", key.as_deref().unwrap_or("answer"));
            once(&call, &name, Scope::Closed, ask).await.map_err(|failure| match failure {
                Failure::Body(error) => error.into(),
                Failure::Step(error) => invalid(Method::SamplingCreateMessage, error.to_string()),
            })
        }))
    }

    fn begin(&mut self) -> Result<Stage, QuestionError> {
        if self.params.messages.is_empty() {
            return Err(QuestionError::NotAConversation { reason: "there are none".to_owned() });
        }
        sampling::check_conversation(&self.params.messages)
            .map_err(|error| QuestionError::NotAConversation { reason: error.to_string() })?;
        Ok(match self.own_model().filter(|_| self.when() == SamplingFallback::Always).cloned() {
            Some(model) => self.ask_own(model),
            None => Stage::Client,
        })
    }
}

impl Future for CreateMessage {
    type Output = Result<CreateMessageResult, QuestionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if matches!(this.stage, Stage::New) {
            this.stage = match this.begin() {
                Ok(stage) => stage,
                Err(error) => return Poll::Ready(Err(error)),
            };
        }
        loop {
            if let Stage::Own(answer) = &mut this.stage {
                return answer.as_mut().poll(cx).map(|answer| right(answer?));
            }
            let missing = if this.needs_tools() { missing_sampling_tools } else { missing_sampling };
            let answer = ready!(this.asking.poll_result(missing, &this.params, &mut this.key, cx));
            let is_for_own = match (&answer, this.when()) {
                (Err(QuestionError::Unsupported { .. }), when) => when != SamplingFallback::Never,
                // Nobody is left to answer when the call has ended.
                (Err(QuestionError::Refused(_)), when) => {
                    when == SamplingFallback::IfRefused && !this.call.cancelled().is_cancelled()
                }
                _ => false,
            };
            match this.own_model().filter(|_| is_for_own).cloned() {
                Some(model) => this.stage = this.ask_own(model),
                None => return Poll::Ready(right(answer?)),
            }
        }
    }
}

/// A model speaks for itself.
fn right(answer: CreateMessageResult) -> Result<CreateMessageResult, QuestionError> {
    match answer.role {
        Role::Assistant => Ok(answer),
        Role::User => {
            Err(invalid(Method::SamplingCreateMessage, "its `role` is `user`; a model is the `assistant`".to_owned()))
        }
    }
}

impl fmt::Debug for CreateMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateMessage").field("params", &self.params).finish_non_exhaustive()
    }
}

pub(in crate::context) fn missing_sampling(declared: &ClientCapabilities) -> Option<ClientCapabilities> {
    declared.sampling.is_none().then(ClientCapabilities::only_sampling)
}

pub(in crate::context) fn missing_sampling_tools(declared: &ClientCapabilities) -> Option<ClientCapabilities> {
    let has = declared.sampling.as_ref().is_some_and(|sampling| sampling.tools.is_some());
    (!has).then(ClientCapabilities::only_sampling_tools)
}
