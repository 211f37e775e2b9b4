use std::future::Future;
use std::sync::Arc;

use super::{ProviderError, conversation};
use crate::protocol::{BoxFuture, CreateMessageRequestParams, CreateMessageResult, ErrorObject};

/// Answers questions to a model ([specification]).
///
/// A closure or function that takes [`CreateMessageRequestParams`] is one; so is every provider in an
/// [`Arc`]. Its errors are [`ErrorObject`]s, or [`ProviderError`]s by `?`.
///
/// Dropping the future withdraws the question.
///
/// ```
/// use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult};
/// use mcp_runtime::sampling::{ProviderError, SamplingProvider};
///
/// /// A model that repeats what it is told.
/// struct Parrot;
///
/// impl SamplingProvider for Parrot {
///     async fn create_message(&self, request: CreateMessageRequestParams) -> Result<CreateMessageResult, ProviderError> {
///         Ok(CreateMessageResult::text("parrot", request.joined_text()))
///     }
/// }
///
/// // The same, as a closure.
/// let parrot = |request: CreateMessageRequestParams| async move {
///     Ok(CreateMessageResult::text("parrot", request.joined_text()))
/// };
/// # fn is_provider(_: impl SamplingProvider) {}
/// # is_provider(Parrot);
/// # is_provider(parrot);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/sampling
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot answer questions to a model",
    label = "not a sampling provider",
    note = "a closure must take `CreateMessageRequestParams` and return a future of `Result<CreateMessageResult, ErrorObject>`; \
            a provider implements `SamplingProvider`"
)]
pub trait SamplingProvider: Send + Sync + 'static {
    /// Answers one question.
    ///
    /// # Errors
    ///
    /// When there is no answer; whoever asked reads the text of the error, the log its sources, too.
    fn create_message(
        &self,
        request: CreateMessageRequestParams,
    ) -> impl Future<Output = Result<CreateMessageResult, ProviderError>> + Send;

    /// Whether it can offer the tools of a question to the model; no, unless it says otherwise. It is
    /// not given questions with tools then.
    fn supports_tools(&self) -> bool {
        false
    }
}

impl<H, F> SamplingProvider for H
where
    H: Fn(CreateMessageRequestParams) -> F + Send + Sync + 'static,
    F: Future<Output = Result<CreateMessageResult, ErrorObject>> + Send,
{
    fn create_message(
        &self,
        request: CreateMessageRequestParams,
    ) -> impl Future<Output = Result<CreateMessageResult, ProviderError>> + Send {
        let answer = self(request);
        async move { Ok(answer.await?) }
    }
}

/// A provider that is shared.
impl<P: SamplingProvider> SamplingProvider for Arc<P> {
    fn create_message(
        &self,
        request: CreateMessageRequestParams,
    ) -> impl Future<Output = Result<CreateMessageResult, ProviderError>> + Send {
        P::create_message(self, request)
    }

    fn supports_tools(&self) -> bool {
        P::supports_tools(self)
    }
}

/// A [`SamplingProvider`] of any type.
pub(crate) trait AnyProvider: Send + Sync {
    /// Answers one question, if it can be one. Why it failed, if it did, is logged.
    fn create_message_boxed(
        &self,
        request: CreateMessageRequestParams,
    ) -> BoxFuture<'_, Result<CreateMessageResult, ProviderError>>;
    fn has_tools(&self) -> bool;
}

impl<P: SamplingProvider> AnyProvider for P {
    fn create_message_boxed(
        &self,
        request: CreateMessageRequestParams,
    ) -> BoxFuture<'_, Result<CreateMessageResult, ProviderError>> {
        Box::pin(async move {
            let answer = match conversation::check(&request.messages) {
                Ok(()) => self.create_message(request).await,
                Err(error) => Err(error),
            };
            if let Err(error) = &answer {
                let kind = error.kind();
                tracing::warn!(?kind, error = error as &dyn std::error::Error, "a question to the model failed");
            }
            answer
        })
    }

    fn has_tools(&self) -> bool {
        self.supports_tools()
    }
}
