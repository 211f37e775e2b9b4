//! What stands around calls of tools, prompts and resources: [`tower`] layers.
//!
//! A layer sees each call before its function does, and each result before the client does. Anything that
//! implements [`tower_layer::Layer`] will do: one of [`tower`], one of those here, or a closure by way of
//! [`from_fn`]. [`Server::layer`](crate::Server::layer) puts one around everything, and
//! [`Tools::layer`](crate::Tools::layer) around some tools. The first one that was given is the outermost.
//!
//! ```
//! use std::time::Duration;
//!
//! use mcp_runtime::layer::{RateLimit, Timing};
//! use mcp_runtime::prelude::*;
//!
//! /// Search the catalog.
//! #[tool]
//! fn search(_words: String) -> Vec<String> {
//!     Vec::new()
//! }
//!
//! let server = Server::new("catalog")
//!     .layer(Timing::new())
//!     .tools(tools![search].layer(RateLimit::new(10, Duration::from_secs(1))));
//! ```
//!
//! A layer stands inside of the call: its future is dropped when the call is cancelled, waits as the function
//! waits while the client is asked, and is entered anew with it where a call [runs again](crate::rounds). What a
//! function says meanwhile (progress, logs, questions) goes to the client past the layers. The `timeout` and the
//! `concurrency` of a tool hold for its layers too.
//!
//! [`tower`]: https://docs.rs/tower

mod around;
mod cache;
mod from_fn;
mod rate;
mod size;
mod timing;

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tower_layer::Layer;
use tower_service::Service;

pub use around::Around;
pub use cache::Cache;
pub use from_fn::{FromFn, Next, from_fn};
pub use rate::RateLimit;
pub use size::ResponseLimit;
pub use timing::{TimedCall, Timing};

use crate::context::{Context, ToolError};
use crate::engine::{Finished, Kind};
use crate::protocol::{
    BoxFuture, CallToolResult, ErrorObject, GetPromptResult, Principal, ReadResourceResult, ServerResult,
};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
}

impl CallKind {
    pub(crate) fn of(kind: &Kind) -> Self {
        match kind.noun {
            "tool" => Self::Tool,
            "prompt" => Self::Prompt,
            _ => Self::Resource,
        }
    }
}

/// A call on its way to its function.
pub struct CallRequest {
    kind: &'static Kind,
    name: Arc<str>,
    called: Arc<str>,
    arguments: Option<Box<RawValue>>,
    context: Context,
    inner: Inner,
}

/// Enters the function.
pub(crate) type Inner = Box<dyn FnOnce(Option<Box<RawValue>>) -> BoxFuture<'static, Finished> + Send>;

/// What came of a call: a result, or the error that the client gets instead.
pub type CallResult = Result<CallResponse, CallError>;

/// A result on its way to the client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CallResponse {
    /// Of a tool; one that failed is a result too.
    Tool(CallToolResult),
    /// Of a prompt.
    Prompt(GetPromptResult),
    /// Of a resource.
    Resource(ReadResourceResult),
}

/// What went wrong. An [`ErrorObject`] is what the client gets, and a [`Refusal`] is what it reads. Anything else is
/// said as an error of the function would be: by a tool to the model, by others with the code -32603, and not at all
/// where the server [masks errors](crate::Server::mask_errors).
pub type CallError = Box<dyn std::error::Error + Send + Sync>;

/// An error that is made to be read by whoever calls, masked or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl CallRequest {
    /// What is called.
    #[must_use]
    pub fn kind(&self) -> CallKind {
        CallKind::of(self.kind)
    }

    /// The name of the tool, the prompt or the resource.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URI of a resource, and the name of anything else.
    #[must_use]
    pub fn called(&self) -> &str {
        &self.called
    }

    /// The arguments as they came, a JSON object. Of a resource they are what its template makes of the URI.
    #[must_use]
    pub fn arguments(&self) -> Option<&str> {
        self.arguments.as_deref().map(RawValue::get)
    }

    /// One of the arguments, if it is there and of this type.
    #[must_use]
    pub fn argument<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let arguments: serde_json::Map<String, serde_json::Value> = serde_json::from_str(self.arguments()?).ok()?;
        serde_json::from_value(arguments.get(name)?.clone()).ok()
    }

    /// Replaces the arguments.
    pub fn set_arguments(&mut self, arguments: Box<RawValue>) {
        self.arguments = Some(arguments);
    }

    /// The call itself: who calls, with which metadata, and how to ask and tell the client something.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Who is authenticated at the other end, if somebody is.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        self.context.extensions().get().cloned()
    }

    /// A call of nobody, whose function is this one.
    #[cfg(feature = "testing")]
    pub(crate) fn detached<F>(
        kind: &'static Kind,
        name: &str,
        arguments: Option<Box<RawValue>>,
        context: Context,
        function: impl FnOnce(serde_json::Value) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = CallResult> + Send + 'static,
    {
        let name = Arc::<str>::from(name);
        let inner: Inner = Box::new(move |arguments| {
            let arguments = arguments.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            let future = function(arguments);
            Box::pin(async move {
                match future.await {
                    Ok(response) => Ok(response.finished()),
                    Err(error) => ToolError::from(error).into_outcome(kind, false),
                }
            })
        });
        Self { kind, called: name.clone(), name, arguments, context, inner }
    }

    /// How an error of this call is said to the client.
    fn failed(&self) -> impl Fn(CallError) -> Finished + Send + use<> {
        let (kind, mask) = (self.kind, self.context.host().mask_errors);
        move |error: CallError| match error.downcast::<ErrorObject>() {
            Ok(error) => Err(*error),
            Err(error) => match error.downcast::<Refusal>() {
                Ok(refusal) => (kind.failed)(refusal.0),
                Err(error) => ToolError::from(error).into_outcome(kind, mask),
            },
        }
    }
}

impl fmt::Debug for CallRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallRequest").field("kind", &self.kind()).field("called", &self.called).finish_non_exhaustive()
    }
}

impl CallResponse {
    /// Whether a tool says that it failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Tool(result) if result.is_error)
    }

    /// All text in it.
    #[must_use]
    pub fn joined_text(&self) -> String {
        match self {
            Self::Tool(result) => result.joined_text(),
            Self::Prompt(result) => result.joined_text(),
            Self::Resource(result) => result.joined_text(),
        }
    }

    /// About how many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Tool(result) => result.size(),
            Self::Prompt(result) => result.size(),
            Self::Resource(result) => result.size(),
        }
    }

    fn finished(self) -> ServerResult {
        match self {
            Self::Tool(result) => ServerResult::CallTool(result),
            Self::Prompt(result) => ServerResult::GetPrompt(Arc::new(result)),
            Self::Resource(result) => ServerResult::ReadResource(Arc::new(result)),
        }
    }

    fn of(finished: Finished) -> CallResult {
        match finished? {
            ServerResult::CallTool(result) => Ok(Self::Tool(result)),
            ServerResult::GetPrompt(result) => Ok(Self::Prompt(Arc::unwrap_or_clone(result))),
            ServerResult::ReadResource(result) => Ok(Self::Resource(Arc::unwrap_or_clone(result))),
            // A function has none.
            other => Err(format!("a result of another kind: {other:?}").into()),
        }
    }
}

/// The innermost service, which enters the function. A layer gets it, or what other layers made of it.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct CallService;

impl Service<CallRequest> for CallService {
    type Response = CallResponse;
    type Error = CallError;
    type Future = BoxFuture<'static, CallResult>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: CallRequest) -> Self::Future {
        let future = (request.inner)(request.arguments);
        Box::pin(async move { CallResponse::of(future.await) })
    }
}

/// A layer of any type, around the innermost service.
#[derive(Clone)]
pub(crate) struct AnyLayer {
    around: Arc<dyn Fn(CallRequest) -> BoxFuture<'static, CallResult> + Send + Sync>,
    /// On how many servers, one on the other, its own is mounted.
    depth: usize,
}

impl AnyLayer {
    pub(crate) fn new<L, S>(layer: &L) -> Self
    where
        L: Layer<CallService, Service = S>,
        S: Service<CallRequest, Response = CallResponse, Future: Send> + Clone + Send + Sync + 'static,
        S::Error: Into<CallError>,
    {
        let service = layer.layer(CallService);
        let around = move |request| -> BoxFuture<'static, CallResult> {
            let mut service = service.clone();
            Box::pin(async move {
                poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
                service.call(request).await.map_err(Into::into)
            })
        };
        Self { around: Arc::new(around), depth: 0 }
    }

    /// The same, of a server that is mounted so deep. It knows names as that server does.
    pub(crate) fn at(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }
}

impl fmt::Debug for AnyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyLayer")
    }
}

/// A call and all that is around it; the first layer is the outermost.
pub(crate) struct Layered {
    pub(crate) kind: &'static Kind,
    pub(crate) name: Arc<str>,
    pub(crate) called: Arc<str>,
    pub(crate) arguments: Option<Box<RawValue>>,
    /// Makes a context for each layer.
    pub(crate) context: Box<dyn Fn() -> Context + Send>,
    pub(crate) enter: Inner,
}

impl Layered {
    pub(crate) fn run(self, layers: &[AnyLayer]) -> BoxFuture<'static, Finished> {
        let Self { kind, name, called, arguments, context, enter } = self;
        let mut inner = enter;
        for AnyLayer { around, depth } in layers.iter().rev() {
            let (layer, context) = (around.clone(), context());
            let (name, called) = (context.host().inner_name(&name, *depth), context.host().inner(&called, *depth));
            inner = Box::new(move |arguments| {
                let request = CallRequest { kind, name, called, arguments, context, inner };
                let failed = request.failed();
                let future = layer(request);
                Box::pin(async move {
                    match future.await {
                        Ok(response) => Ok(response.finished()),
                        Err(error) => failed(error),
                    }
                })
            });
        }
        inner(arguments)
    }
}

/// Waits for a result and looks at it.
fn then<F, T>(future: F, look: T) -> BoxFuture<'static, CallResult>
where
    F: Future<Output = CallResult> + Send + 'static,
    T: FnOnce(CallResult) -> CallResult + Send + 'static,
{
    Box::pin(async move { look(future.await) })
}
