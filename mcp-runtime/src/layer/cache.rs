use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::HashMap;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::around::{Around, Policy};
use super::{CallError, CallKind, CallRequest, CallResponse, CallResult, then};
use crate::engine::digest_of_arguments;
use crate::protocol::{BoxFuture, Principal};

/// Keeps results, and gives them again to the same call with the same arguments by the same
/// [principal](Principal). For functions that only read and are slow: put it around these alone.
///
/// Errors, and tools that say that they failed, are not kept. Who is not authenticated shares what is kept with all who
/// are not; a function whose result depends on anything else about the caller, or that asks its client, must not be
/// under it.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::layer::Cache;
/// use mcp_runtime::prelude::*;
///
/// /// Look a word up.
/// #[tool(annotations(read_only))]
/// async fn look_up(_word: String) -> Option<String> {
///     None
/// }
///
/// let server = Server::new("dictionary").tools(tools![look_up].layer(Cache::new(Duration::from_secs(60))));
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    time: Duration,
    most: usize,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    results: HashMap<Key, (Instant, CallResponse)>,
    /// The oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

type Key = (CallKind, Arc<str>, [u8; 32], Option<Principal>);

impl Cache {
    /// Keeps each result for so long, and up to 16 MiB of them.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self { time, most: 16 << 20, kept: Arc::default() }
    }

    /// About how many bytes are kept; 16 MiB by default.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    fn find(&self, key: &Key) -> Option<CallResponse> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, response) = kept.results.get(key)?;
        (made.elapsed() < self.time).then(|| response.clone())
    }

    fn keep(&self, key: Key, response: CallResponse) {
        let size = size(&key, &response);
        if size > self.most {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget(&key);
        kept.bytes += size;
        kept.order.push_back(key.clone());
        kept.results.insert(key, (Instant::now(), response));
        // What is over goes, and then the oldest until the rest has room.
        while let Some(oldest) = kept.order.front()
            && (kept.bytes > self.most || kept.results.get(oldest).is_none_or(|(made, _)| made.elapsed() >= self.time))
        {
            let oldest = oldest.clone();
            kept.forget(&oldest);
        }
    }
}

impl Kept {
    fn forget(&mut self, key: &Key) {
        if let Some((_, response)) = self.results.remove(key) {
            self.bytes -= size(key, &response);
            // Most are the oldest.
            if let Some(place) = self.order.iter().position(|it| it == key) {
                self.order.remove(place);
            }
        }
    }
}

/// About how many bytes an entry takes.
fn size(key: &Key, response: &CallResponse) -> usize {
    size_of::<(Key, Instant, CallResponse)>() + 2 * size_of::<Key>() + key.1.len() + response.size()
}

impl<S> Layer<S> for Cache {
    type Service = Around<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Around { inner, policy: self.clone() }
    }
}

impl Policy for Cache {
    fn call<S>(&self, inner: &mut S, request: CallRequest) -> BoxFuture<'static, CallResult>
    where
        S: Service<CallRequest, Response = CallResponse, Error = CallError>,
        S::Future: Send + 'static,
    {
        let digest = digest_of_arguments(request.arguments.as_deref());
        let key: Key = (request.kind(), request.called.clone(), digest, request.principal());
        if let Some(response) = self.find(&key) {
            return Box::pin(std::future::ready(Ok(response)));
        }
        let cache = self.clone();
        then(inner.call(request), move |result| {
            if let Ok(response) = &result
                && !response.is_error()
            {
                cache.keep(key, response.clone());
            }
            result
        })
    }
}
