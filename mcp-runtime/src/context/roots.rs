use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use serde_json::{Map, Value};

use super::question::{Asking, QuestionError};
use crate::engine::Call;
use crate::protocol::{ClientCapabilities, ListRootsResult, Method, Root};

/// A question for the client's roots. Made by [`Context::roots`](crate::Context::roots).
///
/// Dropping it withdraws the question.
#[must_use = "a question is asked when it is awaited"]
pub struct ListRoots {
    asking: Asking,
    key: Option<String>,
}

impl ListRoots {
    pub(super) fn new(call: Arc<Call>) -> Self {
        Self { asking: Asking::new(call, Method::RootsList), key: None }
    }

    /// Names the question, where a call asks it more than once.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl Future for ListRoots {
    type Output = Result<Vec<Root>, QuestionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { asking, key } = self.get_mut();
        let no_params = Map::<String, Value>::new();
        asking.poll_result(missing_roots, &no_params, key, cx).map_ok(|result: ListRootsResult| result.roots)
    }
}

impl fmt::Debug for ListRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListRoots").finish_non_exhaustive()
    }
}

pub(super) fn missing_roots(declared: &ClientCapabilities) -> Option<ClientCapabilities> {
    declared.roots.is_none().then(ClientCapabilities::only_roots)
}
