//! What a tool's function may ask for. Questions go to the engine.

mod elicit;
mod error;
mod form;
mod host;
mod notify;
#[cfg(feature = "client")]
mod pass;
mod progress;
mod question;
mod report;
mod requester;
mod roots;
mod sampling;
mod step;
mod toolbox;

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

pub use elicit::{Confirm, Elicit, ElicitUrl, Elicited};
pub use error::{IntoToolError, ToolError};
pub(crate) use host::{Host, States};
pub use progress::{Progress, ProgressIter, ProgressStream, ProgressTotal, Units};
pub use question::QuestionError;
pub use report::{Log, ReportProgress};
pub use requester::Requester;
pub use roots::ListRoots;
pub(crate) use sampling::Kind;
pub use sampling::{CreateMessage, OneTurn, Prompt, Sample, SampleStep, SamplingResult, Typed, WholeAnswer};
pub(crate) use toolbox::Toolbox;

use crate::engine::Call;
use crate::protocol::{ClientCapabilities, Extensions, Implementation, Meta, Principal, RequestId};

/// The call that a tool's function runs in: it asks the client's model and its user, reports
/// progress, logs to the client, and knows who calls.
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
    host: Arc<Host>,
}

impl Context {
    pub(crate) fn new(call: Arc<Call>, host: Arc<Host>) -> Self {
        Self { call, host }
    }

    pub(crate) fn call(&self) -> &Arc<Call> {
        &self.call
    }

    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Asks the client's user to fill in a form ([specification]).
    ///
    /// The form is made from the type of the answer, a struct: each field is one of the form. Doc
    /// comments are descriptions.
    ///
    /// | field | in the form |
    /// |---|---|
    /// | `String`, and what is written as text | text; `#[schemars(length(min = 1, max = 80))]` bounds it, `email` and `url` say what it is |
    /// | integers, `f32`, `f64` | a number; `#[schemars(range(min = 1, max = 9))]` bounds it |
    /// | `bool` | yes or no |
    /// | an enum of variants without data | one of several; doc comments on the variants are what the user reads |
    /// | `Vec` or set of such an enum | some of several; `#[schemars(length(min = 1))]` says how many |
    /// | `Option` of one of these | may be left empty |
    ///
    /// `#[serde(default = "..")]` fills a field in before the user does, `#[schemars(title = "..")]`
    /// names it, `#[schemars(extend("enumNames" = [..]))]` names the choices of an enum for older clients,
    /// `#[serde(flatten)]` takes in the fields of another struct. What has no place in a
    /// form, such as a list of structs, is [`QuestionError::NotAForm`].
    ///
    /// What the user accepted was held against all that the type says before it is handed out.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Delivery {
    ///     /// Where it goes
    ///     #[schemars(length(min = 5))]
    ///     address: String,
    ///     speed: Speed,
    ///     /// For the driver
    ///     note: Option<String>,
    /// }
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// #[serde(rename_all = "lowercase")]
    /// enum Speed {
    ///     /// Tomorrow, for 10 euros
    ///     Express,
    ///     /// This week, for free
    ///     Standard,
    /// }
    ///
    /// /// Send the order.
    /// #[tool]
    /// async fn send(ctx: Context) -> Result<String> {
    ///     match ctx.elicit::<Delivery>("Where should the order go?").await? {
    ///         Elicited::Accept(delivery) => Ok(format!("on its way to {}", delivery.address)),
    ///         Elicited::Decline => Ok("not sent: the user does not want it".to_owned()),
    ///         Elicited::Cancel => Ok("not sent yet".to_owned()),
    ///     }
    /// }
    /// ```
    ///
    /// Never ask for passwords, keys or cards this way: they would pass through the client. That
    /// is what [`Context::elicit_url`] is for.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#form-mode-elicitation-requests
    pub fn elicit<T: DeserializeOwned + JsonSchema>(&self, message: impl Into<String>) -> Elicit<T> {
        Elicit::new(self.call.clone(), message.into())
    }

    /// Asks the client's user to open a page, for what must not pass through the client: signing
    /// in elsewhere, paying, handing over a key ([specification]).
    ///
    /// [`Elicited::Accept`] says that the user agreed to open it, not that they have finished
    /// there: the page tells the server. It must make sure that whoever opened it is the user of
    /// this call, and nothing about them or for them may stand in the URL.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Connect the user's calendar.
    /// #[tool]
    /// async fn connect_calendar(ctx: Context) -> Result<&'static str> {
    ///     let url = "https://example.com/connect/calendar";
    ///     match ctx.elicit_url("Sign in to your calendar", url).await? {
    ///         Elicited::Accept(()) => Ok("call again when you have signed in"),
    ///         Elicited::Decline | Elicited::Cancel => Ok("not connected"),
    ///     }
    /// }
    /// ```
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#url-mode-elicitation-requests
    pub fn elicit_url(&self, message: impl Into<String>, url: impl Into<String>) -> ElicitUrl {
        ElicitUrl::new(self.call.clone(), message.into(), url.into())
    }

    /// Asks the client's user to agree, with a form that has no fields ([specification]). True is
    /// yes; declining and dismissing are both no.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Delete everything.
    /// #[tool]
    /// async fn delete_all(ctx: Context) -> Result<&'static str> {
    ///     if !ctx.confirm("Delete all 12 files?").await? {
    ///         return Ok("nothing was deleted");
    ///     }
    ///     Ok("deleted")
    /// }
    /// ```
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#response-actions
    pub fn confirm(&self, message: impl Into<String>) -> Confirm {
        Confirm::new(self.call.clone(), message.into())
    }

    /// Asks which directories and files the client opens to the server ([specification]).
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Where may I look?
    /// #[tool]
    /// async fn places(ctx: Context) -> Result<Vec<String>> {
    ///     Ok(ctx.roots().await?.into_iter().map(|root| root.uri).collect())
    /// }
    /// ```
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/roots
    pub fn roots(&self) -> ListRoots {
        ListRoots::new(self.call.clone())
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

    /// Lets go of the HTTP connection on which the client waits for this call: it comes back for what the call
    /// says from here on ([specification]). For calls that take so long that the connection would only be a
    /// burden. Only clients of 2025-11-25 over HTTP can do so; with others this does nothing.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
    pub fn close_stream(&self) {
        if let Some(outlet) = self.call.outlet() {
            outlet.pause();
        }
    }

    /// Who calls, if whoever accepted the request found out.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        self.call.round().extensions.get().cloned()
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.call.round().request_id.clone()
    }

    /// The `_meta` of the request.
    #[must_use]
    pub fn meta(&self) -> Meta {
        self.call.round().meta()
    }

    /// What came along with the request.
    #[must_use]
    pub fn extensions(&self) -> Extensions {
        self.call.round().extensions.clone()
    }

    /// Who the client says it is. Not verified: good for logs, not for decisions.
    #[must_use]
    pub fn client_info(&self) -> Option<Implementation> {
        self.call.round().info().cloned()
    }

    /// What the client can do.
    #[must_use]
    pub fn client_capabilities(&self) -> ClientCapabilities {
        self.call.round().capabilities().clone()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("request_id", &self.request_id()).finish_non_exhaustive()
    }
}
