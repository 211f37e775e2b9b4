use tower_layer::Layer;
use tower_service::Service;

use super::around::{Around, Policy};
use super::{CallError, CallRequest, CallResponse, CallResult, Refusal, then};
use crate::protocol::BoxFuture;

/// Refuses results that are too large for a model to read: whoever called is told how large it was, and asks for
/// less.
///
/// ```
/// use mcp_runtime::layer::ResponseLimit;
/// use mcp_runtime::prelude::*;
///
/// let server = Server::new("logs").layer(ResponseLimit::new(64 << 10));
/// ```
#[derive(Debug, Clone)]
pub struct ResponseLimit {
    bytes: usize,
}

impl ResponseLimit {
    /// Lets results through of about so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { bytes }
    }
}

impl<S> Layer<S> for ResponseLimit {
    type Service = Around<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Around { inner, policy: self.clone() }
    }
}

impl Policy for ResponseLimit {
    fn call<S>(&self, inner: &mut S, request: CallRequest) -> BoxFuture<'static, CallResult>
    where
        S: Service<CallRequest, Response = CallResponse, Error = CallError>,
        S::Future: Send + 'static,
    {
        let limit = self.bytes;
        then(inner.call(request), move |result| match result {
            Ok(response) if response.size() > limit => {
                let size = response.size();
                let message = format!("the result has {size} bytes, and may have {limit}; ask for less");
                Err(Refusal::new(message).into())
            }
            other => other,
        })
    }
}
