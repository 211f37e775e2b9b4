use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_layer::Layer;
use tower_service::Service;

use super::around::{Around, Policy};
use super::{CallError, CallKind, CallRequest, CallResponse, CallResult, then};
use crate::protocol::BoxFuture;

type Report = Arc<dyn Fn(&TimedCall<'_>) + Send + Sync>;

/// Says how long calls took: to the log, or to a function of yours. The time that a call waits for its client
/// counts; each round of a call that runs again is one of its own.
///
/// ```
/// use mcp_runtime::layer::Timing;
/// use mcp_runtime::prelude::*;
///
/// let server = Server::new("catalog").layer(Timing::with(|call| {
///     eprintln!("{} took {:?}{}", call.name, call.took, if call.failed { " and failed" } else { "" });
/// }));
/// ```
#[derive(Clone)]
pub struct Timing {
    report: Report,
}

/// A call that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct TimedCall<'c> {
    /// What was called.
    pub kind: CallKind,
    /// Its name.
    pub name: &'c str,
    /// How long it took.
    pub took: Duration,
    /// Whether it failed: with an error, or a tool that says so.
    pub failed: bool,
}

impl Timing {
    /// Says it to the log, with the level `info`.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|call| {
            let (took, failed) = (call.took.as_secs_f64(), call.failed);
            tracing::info!(kind = ?call.kind, name = call.name, seconds = took, failed, "a call has ended");
        })
    }

    /// Says it to a function.
    pub fn with(report: impl Fn(&TimedCall<'_>) + Send + Sync + 'static) -> Self {
        Self { report: Arc::new(report) }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timing")
    }
}

impl<S> Layer<S> for Timing {
    type Service = Around<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Around { inner, policy: self.clone() }
    }
}

impl Policy for Timing {
    fn call<S>(&self, inner: &mut S, request: CallRequest) -> BoxFuture<'static, CallResult>
    where
        S: Service<CallRequest, Response = CallResponse, Error = CallError>,
        S::Future: Send + 'static,
    {
        let (kind, name, report) = (request.kind(), request.name.clone(), self.report.clone());
        let start = Instant::now();
        then(inner.call(request), move |result| {
            let failed = result.as_ref().map_or(true, CallResponse::is_error);
            report(&TimedCall { kind, name: &name, took: start.elapsed(), failed });
            result
        })
    }
}
