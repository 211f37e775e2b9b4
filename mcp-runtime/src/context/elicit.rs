use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::form::Form;
use super::question::{Asking, QuestionError, invalid};
use crate::engine::Call;
use crate::protocol::{ClientCapabilities, ElicitAction, ElicitRequestParams, ElicitResult, Method, without_position};
use crate::schema::Format;

/// What the client's user did with a question ([specification]).
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// let answer = Elicited::Accept(5);
/// assert_eq!(answer.accepted(), Some(5));
/// assert_eq!(Elicited::<u8>::Cancel.accepted(), None);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#response-actions
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elicited<T> {
    /// They answered it.
    Accept(T),
    /// They said no: offer something else, or leave it.
    Decline,
    /// They went away without a word: they may be asked again later.
    Cancel,
}

impl<T> Elicited<T> {
    /// What they answered, if they did.
    #[must_use]
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accept(answer) => Some(answer),
            Self::Decline | Self::Cancel => None,
        }
    }

    /// Whether they answered.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accept(_))
    }

    /// Changes what they answered.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Elicited<U> {
        match self {
            Self::Accept(answer) => Elicited::Accept(change(answer)),
            Self::Decline => Elicited::Decline,
            Self::Cancel => Elicited::Cancel,
        }
    }
}

/// A form for the client's user. Made by [`Context::elicit`](crate::Context::elicit).
///
/// Dropping it withdraws the question.
#[must_use = "a question is asked when it is awaited"]
pub struct Elicit<T> {
    form: Result<Form, QuestionError>,
    asking: Asking,
    params: ElicitRequestParams,
    key: Option<String>,
    answer: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + JsonSchema> Elicit<T> {
    pub(super) fn new(call: Arc<Call>, message: String) -> Self {
        let form = Form::of::<T>();
        let requested_schema = form.as_ref().map(Form::requested_schema).unwrap_or_default();
        let params = ElicitRequestParams::form(message, requested_schema);
        let asking = Asking::new(call, Method::ElicitationCreate);
        Self { form, asking, params, key: None, answer: PhantomData }
    }

    /// Names the question, where its message and its form alone would not tell it apart.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl<T: DeserializeOwned> Future for Elicit<T> {
    type Output = Result<Elicited<T>, QuestionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { form, asking, params, key, .. } = self.get_mut();
        let form = match form {
            Ok(form) => form,
            Err(error) => return Poll::Ready(Err(error.clone())),
        };
        let answer: ElicitResult = ready!(asking.poll_result(missing_form, params, key, cx))?;
        Poll::Ready(match answer.action {
            ElicitAction::Accept => {
                let wrong = |reason| invalid(Method::ElicitationCreate, reason);
                let content = form.read(answer.content.unwrap_or_default()).map_err(wrong)?;
                let decoded = serde_json::from_value(content).map_err(|error| wrong(without_position(&error)))?;
                Ok(Elicited::Accept(decoded))
            }
            ElicitAction::Decline => Ok(Elicited::Decline),
            ElicitAction::Cancel => Ok(Elicited::Cancel),
        })
    }
}

impl<T> fmt::Debug for Elicit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elicit").field("params", &self.params).finish_non_exhaustive()
    }
}

/// A form without fields, which its reader agrees to or not. Made by
/// [`Context::confirm`](crate::Context::confirm).
///
/// Dropping it withdraws the question.
#[must_use = "a question is asked when it is awaited"]
pub struct Confirm {
    inner: Elicit<()>,
}

impl Confirm {
    pub(super) fn new(call: Arc<Call>, message: String) -> Self {
        Self { inner: Elicit::new(call, message) }
    }

    /// Names the question, where its message alone would not tell it apart.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.inner = self.inner.key(key);
        self
    }
}

impl Future for Confirm {
    type Output = Result<bool, QuestionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.inner).poll(cx).map_ok(|answer| answer.is_accepted())
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirm").field("message", &self.inner.params.message).finish_non_exhaustive()
    }
}

/// A page for the client's user to open. Made by [`Context::elicit_url`](crate::Context::elicit_url).
///
/// Dropping it withdraws the question.
#[must_use = "a question is asked when it is awaited"]
pub struct ElicitUrl {
    asking: Asking,
    params: ElicitRequestParams,
    key: Option<String>,
}

impl ElicitUrl {
    pub(super) fn new(call: Arc<Call>, message: String, url: String) -> Self {
        let params = ElicitRequestParams::url(message, url);
        Self { asking: Asking::new(call, Method::ElicitationCreate), params, key: None }
    }

    /// Names the visit for clients of 2025-11-25, the only revision that has such names
    /// ([specification]); by default the name is made from the message and the URL. No two visits
    /// may have the same one.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-mode-elicitation-requests
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.params.elicitation_id = Some(id.into());
        self
    }

    /// Names the question, where its message and its URL alone would not tell it apart.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl Future for ElicitUrl {
    type Output = Result<Elicited<()>, QuestionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { asking, params, key } = self.get_mut();
        let url = params.url.as_deref().unwrap_or_default();
        if !Format::Uri.matches(url) {
            return Poll::Ready(Err(QuestionError::NotAUrl { url: url.to_owned() }));
        }
        let answer: ElicitResult = ready!(asking.poll_result(missing_url, params, key, cx))?;
        Poll::Ready(Ok(match answer.action {
            ElicitAction::Accept => Elicited::Accept(()),
            ElicitAction::Decline => Elicited::Decline,
            ElicitAction::Cancel => Elicited::Cancel,
        }))
    }
}

impl fmt::Debug for ElicitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElicitUrl").field("params", &self.params).finish_non_exhaustive()
    }
}

pub(super) fn missing_form(declared: &ClientCapabilities) -> Option<ClientCapabilities> {
    match &declared.elicitation {
        None => Some(ClientCapabilities::only_elicitation()),
        Some(elicitation) => (!elicitation.has_form()).then(ClientCapabilities::only_elicitation_form),
    }
}

pub(super) fn missing_url(declared: &ClientCapabilities) -> Option<ClientCapabilities> {
    let has = declared.elicitation.as_ref().is_some_and(|elicitation| elicitation.has_url());
    (!has).then(ClientCapabilities::only_elicitation_url)
}
