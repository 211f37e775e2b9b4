use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::protocol::{ErrorCode, ErrorObject};
use crate::time::in_words;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a [`SamplingProvider`](super::SamplingProvider) has no answer.
///
/// Its text is for the peer that asked, and through it for a model: it says what happened and what
/// helps, and nothing of keys, addresses or what a provider wrote. What the log needs beyond that is in
/// the [sources](std::error::Error::source).
///
/// ```
/// use std::time::Duration;
/// use mcp_runtime::sampling::{ProviderError, ProviderErrorKind};
///
/// let error = ProviderError::of(ProviderErrorKind::RateLimited).retry_after(Duration::from_secs(20));
/// assert_eq!(error.to_string(), "the model is asked too often; try again in 20s");
/// ```
#[derive(Debug)]
pub struct ProviderError {
    kind: ProviderErrorKind,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    source: Option<BoxError>,
}

/// What kind of [`ProviderError`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// No model, or no key for it, was configured.
    NotConfigured,
    /// The provider does not have the model.
    UnknownModel,
    /// The provider does not accept the key, or does not allow its owner this.
    Unauthorized,
    /// Too many questions or tokens in too short a time, or more than is paid for.
    RateLimited,
    /// There was no answer in time.
    TimedOut,
    /// The provider cannot be reached, or is overloaded or broken.
    Unavailable,
    /// The provider's policy forbids the question or its answer.
    ContentPolicy,
    /// The person who watches over questions said no.
    Refused,
    /// The call has asked for more tokens than it may have.
    OverBudget,
    /// The question is wrong, or too long for the model.
    InvalidRequest,
    /// The model, or the code that speaks to it, cannot do what the question needs: tools, sound.
    Unsupported,
    /// What came from the provider is not an answer.
    InvalidAnswer,
    /// The question was withdrawn.
    Cancelled,
    /// Anything else.
    Other,
}

impl ProviderErrorKind {
    /// What is said if nobody knows better.
    fn message(self) -> &'static str {
        match self {
            Self::NotConfigured => "no model is configured",
            Self::UnknownModel => "the provider does not have the model",
            Self::Unauthorized => "the provider of the model did not accept the credentials",
            Self::RateLimited => "the model is asked too often",
            Self::TimedOut => "the model did not answer in time",
            Self::Unavailable => "the provider of the model is not available",
            Self::ContentPolicy => "the provider of the model refused for reasons of content",
            Self::Refused => "User rejected sampling request",
            Self::OverBudget => "the question exceeds the budget of tokens",
            Self::InvalidRequest => "the provider of the model did not accept the question",
            Self::Unsupported => "the model cannot be asked this",
            Self::InvalidAnswer => "what came from the model is not an answer",
            Self::Cancelled => "the question to the model was withdrawn",
            Self::Other => "the model could not be asked",
        }
    }
}

/// What the specification's clients answer when the user said no.
const USER_REJECTED: ErrorCode = ErrorCode::Other(-1);

impl ProviderError {
    /// An error with a text for whoever asked.
    pub fn new(kind: ProviderErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), retry_after: None, source: None }
    }

    /// An error with the text that goes with its kind.
    #[must_use]
    pub fn of(kind: ProviderErrorKind) -> Self {
        Self::new(kind, kind.message())
    }

    /// Says when it makes sense to ask again.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    /// Adds what only the log says.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ProviderErrorKind {
        self.kind
    }

    /// After which time it makes sense to ask again, if the provider said so.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.retry_after {
            // Parts of seconds help nobody.
            Some(time) => {
                let seconds = Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0));
                write!(f, "; try again in {}", in_words(seconds))
            }
            None => Ok(()),
        }
    }
}

impl std::error::Error for ProviderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&**self.source.as_ref()?)
    }
}

/// What a handler of a client refuses with. The peer gets it as it is.
impl From<ErrorObject> for ProviderError {
    fn from(error: ErrorObject) -> Self {
        let kind = match error.code {
            USER_REJECTED => ProviderErrorKind::Refused,
            ErrorCode::InvalidParams => ProviderErrorKind::InvalidRequest,
            _ => ProviderErrorKind::Other,
        };
        Self::new(kind, error.message.clone()).with_source(error)
    }
}

/// What the peer gets ([specification]): -1 if a person said no, -32602 if the question is wrong or asks for
/// too much, and else -32603, with the text of the error.
///
/// [specification]: https://modelcontextprotocol.io/specification/2025-11-25/client/sampling#error-handling
impl From<ProviderError> for ErrorObject {
    fn from(error: ProviderError) -> Self {
        if let Some(refusal) = error.source.as_deref().and_then(|source| source.downcast_ref::<ErrorObject>()) {
            return refusal.clone();
        }
        let code = match error.kind {
            ProviderErrorKind::Refused => USER_REJECTED,
            ProviderErrorKind::InvalidRequest | ProviderErrorKind::Unsupported | ProviderErrorKind::OverBudget => {
                ErrorCode::InvalidParams
            }
            _ => ErrorCode::InternalError,
        };
        let answer = ErrorObject::new(code, error.to_string());
        match error.retry_after {
            Some(time) => answer.with_data(json!({ "retryAfterMs": time.as_millis() })),
            None => answer,
        }
    }
}
