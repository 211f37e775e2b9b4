use std::fmt;
use std::task::{Context as TaskContext, Poll};

use tower_service::Service;

use super::{CallError, CallRequest, CallResponse, CallResult};
use crate::protocol::BoxFuture;

/// What one of the ready-made layers does with a call.
pub trait Policy {
    /// Makes the call, or does something else instead.
    fn call<S>(&self, inner: &mut S, request: CallRequest) -> BoxFuture<'static, CallResult>
    where
        S: Service<CallRequest, Response = CallResponse, Error = CallError>,
        S::Future: Send + 'static;
}

/// The service that a ready-made layer makes of another.
#[derive(Clone)]
pub struct Around<S, P> {
    pub(super) inner: S,
    pub(super) policy: P,
}

impl<S, P> Service<CallRequest> for Around<S, P>
where
    S: Service<CallRequest, Response = CallResponse, Error = CallError>,
    S::Future: Send + 'static,
    P: Policy,
{
    type Response = CallResponse;
    type Error = CallError;
    type Future = BoxFuture<'static, CallResult>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: CallRequest) -> Self::Future {
        self.policy.call(&mut self.inner, request)
    }
}

impl<S, P: fmt::Debug> fmt::Debug for Around<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Around").field(&self.policy).finish()
    }
}
