//! Questions to the client, whatever they are about.

use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::step::Inside;
use crate::engine::{Call, Question, QuestionId, Required};
use crate::protocol::{ClientCapabilities, ErrorCode, ErrorObject, Method, without_position};
use crate::sampling::{ProviderError, ProviderErrorKind};
use crate::schema::shortened;

/// Why a question to the client has no answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum QuestionError {
    /// The client did not declare that it can be asked this. A tool that returns this error
    /// tells its caller which capability is missing.
    #[non_exhaustive]
    Unsupported {
        /// What it would have had to declare.
        required: Box<ClientCapabilities>,
    },
    /// The client, its user or its model refused, or the client is gone.
    Refused(ErrorObject),
    /// The client's answer is not what the specification says it must be.
    #[non_exhaustive]
    Invalid {
        /// What it was asked.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The model answered without any text.
    NoText,
    /// The model that the server asks when its client cannot be asked did not answer.
    #[non_exhaustive]
    NoAnswer {
        /// What kind of failure it is.
        kind: ProviderErrorKind,
        /// What happened, and what helps.
        reason: String,
    },
    /// These messages are no conversation that a model can be given. Nothing was asked.
    #[non_exhaustive]
    NotAConversation {
        /// What is wrong with them.
        reason: String,
    },
    /// The tools that a model was to be offered do not fit together. Nothing was asked.
    #[non_exhaustive]
    ToolsDoNotFit {
        /// What is wrong with them.
        reason: String,
    },
    /// The model asked for tools until the end of its turns.
    #[non_exhaustive]
    EndlessTools {
        /// How often it was asked.
        turns: u32,
        /// The tools that it wanted last.
        tools: Vec<String>,
    },
    /// The model's answer is not of the type that it was asked for, however often it was told.
    #[non_exhaustive]
    NotTyped {
        /// The type.
        type_name: &'static str,
        /// How often the model tried.
        attempts: u32,
        /// What is wrong with the last answer.
        problems: Vec<String>,
        /// The last answer.
        answer: String,
    },
    /// The type of an answer cannot be asked for with a form. Nothing was asked; the type must
    /// change.
    #[non_exhaustive]
    NotAForm {
        /// The type.
        type_name: &'static str,
        /// What a form has no place for, field by field, and what can stand there instead.
        reason: String,
    },
    /// What the user shall open is not a URL. Nothing was asked.
    #[non_exhaustive]
    NotAUrl {
        /// What was given.
        url: String,
    },
}

impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { required } => {
                write!(f, "the client cannot be asked: it did not declare the capability `{}`", required.names())
            }
            Self::Refused(error) => write!(f, "the client did not answer: {error}"),
            Self::Invalid { method, reason } => write!(f, "the client's answer to `{method}` is not right: {reason}"),
            Self::NoText => f.write_str("the model's answer has no text"),
            Self::NoAnswer { reason, .. } => write!(f, "the server's model did not answer: {reason}"),
            Self::NotAConversation { reason } => write!(f, "a model cannot be given these messages: {reason}"),
            Self::ToolsDoNotFit { reason } => write!(f, "a model cannot be offered these tools: {reason}"),
            Self::EndlessTools { turns, tools } => write!(
                f,
                "the model still asked for tools ({}) in the last of its {turns} turns; if it needs more, say so with \
                 `.max_turns(..)`. A turn is a round for clients that call again with each answer, and many of those \
                 stop after 10 rounds: ask for what is independent at the same time, or let the tool be a task, which \
                 takes no rounds",
                tools.join(", ")
            ),
            Self::NotTyped { type_name, attempts, problems, answer } => {
                let (problems, answer) = (problems.join("; "), shortened(answer));
                write!(
                    f,
                    "the model's answer is not of the type `{type_name}`: {problems}; the last of {attempts} attempts \
                     was {answer}"
                )
            }
            Self::NotAForm { type_name, reason } => write!(f, "`{type_name}` cannot be a form: {reason}"),
            Self::NotAUrl { url } => {
                write!(f, "{url:?} is not a URL that a user can open: write it in full, as in \"https://example.com/\"")
            }
        }
    }
}

impl std::error::Error for QuestionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ProviderError> for QuestionError {
    fn from(error: ProviderError) -> Self {
        Self::NoAnswer { kind: error.kind(), reason: error.to_string() }
    }
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
