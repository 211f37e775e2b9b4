//! Workloads that show what their platform says of them ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)).

use std::future::Future;
use std::sync::Arc;

use super::refused;
use super::scope::Scopes;
use crate::error::Error;
use crate::protocol::BoxFuture;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a platform has to say of a workload, as [`OAuth::workload`](super::OAuth::workload) asks for it.
#[derive(Debug, Clone)]
pub struct AssertionRequest {
    pub(super) audience: String,
    pub(super) resource: String,
    pub(super) scopes: Scopes,
}

impl AssertionRequest {
    /// The authorization server that has to believe it: the token's `aud`.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The MCP server that the workload wants to call, as its metadata name it.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The scopes that will be asked for; none leaves them to the authorization server.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter()
    }
}

/// Where the assertions of a workload come from.
#[derive(Clone)]
pub(super) struct Workload(Arc<dyn Fn(AssertionRequest) -> BoxFuture<'static, Result<String, BoxError>> + Send + Sync>);

impl Workload {
    pub(super) fn new<F, H>(assertion: H) -> Self
    where
        F: Future<Output = Result<String, BoxError>> + Send + 'static,
        H: Fn(AssertionRequest) -> F + Send + Sync + 'static,
    {
        Self(Arc::new(move |request| Box::pin(assertion(request))))
    }

    pub(super) async fn assertion(&self, request: AssertionRequest) -> Result<String, Error> {
        (self.0)(request)
            .await
            .map_err(|error| refused("the workload has no token to show who it is").with_source(error))
    }
}
