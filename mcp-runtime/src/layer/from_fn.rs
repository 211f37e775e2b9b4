use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{CallError, CallRequest, CallResponse, CallResult, CallService};
use crate::protocol::BoxFuture;

/// A layer that is one function: it gets the call and what comes next.
///
/// ```
/// use mcp_runtime::layer::{CallRequest, CallResult, Next, from_fn};
/// use mcp_runtime::prelude::*;
///
/// /// Asks the user before anything is done.
/// async fn ask_first(request: CallRequest, next: Next) -> CallResult {
///     let question = format!("May the model call `{}`?", request.name());
///     if !request.context().confirm(question).await? {
///         return Err("the user does not want it".into());
///     }
///     next.run(request).await
/// }
///
/// /// Delete everything.
/// #[tool]
/// fn delete_all() {}
///
/// let server = Server::new("files").tools(tools![delete_all].layer(from_fn(ask_first)));
/// ```
pub fn from_fn<F, R>(function: F) -> FromFn<F>
where
    F: Fn(CallRequest, Next) -> R + Send + Sync + 'static,
    R: Future<Output = CallResult> + Send + 'static,
{
    FromFn { function: Arc::new(function) }
}

/// Made by [`from_fn`].
pub struct FromFn<F> {
    function: Arc<F>,
}

impl<F> Clone for FromFn<F> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone() }
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

/// What comes after a layer: others, and the function.
#[derive(Debug)]
#[non_exhaustive]
pub struct Next;

impl Next {
    /// Goes on with the call.
    ///
    /// # Errors
    ///
    /// Those of what comes next; what a tool says of its failure is a result.
    pub async fn run(self, request: CallRequest) -> CallResult {
        CallService.call(request).await
    }
}

impl<F: Send + Sync + 'static> Layer<CallService> for FromFn<F> {
    type Service = Self;

    fn layer(&self, _: CallService) -> Self {
        self.clone()
    }
}

impl<F, R> Service<CallRequest> for FromFn<F>
where
    F: Fn(CallRequest, Next) -> R + Send + Sync + 'static,
    R: Future<Output = CallResult> + Send + 'static,
{
    type Response = CallResponse;
    type Error = CallError;
    type Future = BoxFuture<'static, CallResult>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: CallRequest) -> Self::Future {
        Box::pin((self.function)(request, Next))
    }
}
