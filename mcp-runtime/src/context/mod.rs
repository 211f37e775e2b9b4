//! What a tool's function may ask for. Questions go to the engine.

mod error;
mod question;
mod report;
mod requester;
mod step;

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use error::{IntoToolError, ToolError};
pub use question::{CreateMessage, Prompt, QuestionError, Sample, SamplingResult};
pub use report::{Log, ReportProgress};
pub use requester::Requester;

use crate::engine::Call;
use crate::protocol::{ClientCapabilities, CreateMessageRequestParams, Extensions, Implementation, Meta, RequestId};

/// The call that a tool's function runs in: it asks the client's model, reports progress, logs
/// to the client, and knows who calls.
///
/// A function gets it by taking a parameter of this type, or of `&Context`, at any place; it
/// appears in no schema. What it awaits travels as the client's protocol version has it; the
/// function does not see which that is.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Summarize a text.
/// #[tool]
/// async fn summarize(text: String, ctx: Context) -> Result<String> {
///     ctx.info("asking the model").await;
///     let answer = ctx.sample(format!("Summarize: {text}")).max_tokens(200).await?;
///     Ok(answer.text()?.to_owned())
/// }
/// ```
///
/// What it returns about the request is a snapshot of the current round: between two questions
/// the client may have sent a new request that continues the call. Once the call has ended,
/// every question resolves to an error and reports go nowhere, so that a task which outlives its
/// call cannot hang.
pub struct Context {
    call: Arc<Call>,
}

impl Context {
    pub(crate) fn new(call: Arc<Call>) -> Self {
        Self { call }
    }

    /// Asks the client's model ([specification]).
    ///
    /// The builder is a future: await it, or hand it to `join!`, `select!` or `timeout`. Several
    /// questions that wait at the same time reach the client together.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/sampling
    pub fn sample(&self, prompt: impl Into<Prompt>) -> Sample {
        Sample::new(self.call.clone(), prompt.into())
    }

    /// Asks the client's model with all parameters of the specification ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#createmessagerequestparams
    pub fn create_message(&self, params: CreateMessageRequestParams) -> CreateMessage {
        CreateMessage::new(self.call.clone(), params)
    }

    /// A token that is cancelled when the call ends, be it by a result or because the client no
    /// longer wants it. The function's own future is simply dropped then; the token is for tasks
    /// that it spawned and for functions that block.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// #[tool]
    /// async fn watch(ctx: Context) {
    ///     let cancelled = ctx.cancelled();
    ///     tokio::spawn(async move { cancelled.cancelled().await });
    /// }
    /// ```
    #[must_use]
    pub fn cancelled(&self) -> CancellationToken {
        self.call.cancelled().clone()
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.call.round().request_id.clone()
    }

    /// The `_meta` of the request.
    #[must_use]
    pub fn meta(&self) -> Meta {
        self.call.round().meta.clone()
    }

    /// What came along with the request.
    #[must_use]
    pub fn extensions(&self) -> Extensions {
        self.call.round().extensions.clone()
    }

    /// Who the client says it is. Not verified: good for logs, not for decisions.
    #[must_use]
    pub fn client_info(&self) -> Option<Implementation> {
        self.call.round().client_info.clone()
    }

    /// What the client can do.
    #[must_use]
    pub fn client_capabilities(&self) -> ClientCapabilities {
        self.call.round().capabilities.clone()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("request_id", &self.request_id()).finish_non_exhaustive()
    }
}
