use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::HashMap;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::around::{Around, Policy};
use super::{CallError, CallKind, CallRequest, CallResponse, CallResult, then};
use crate::engine::canonical_object;
use crate::protocol::{BoxFuture, Principal};

/// Keeps results, and gives them again to the same call with the same arguments by the same
/// [principal](Principal). For functions that only read and are slow: put it around these alone.
///
/// Errors, tools that say that they failed, and what came of asking the client are not kept. Where more is known of a
/// caller than the principal ([`Extensions`](crate::Extensions)), as over HTTP with its headers, nothing is, until
/// [`key`](Self::key) says for whom a result is the same. Who is not authenticated shares what is kept with all who are not.
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
#[derive(Clone)]
pub struct Cache {
    time: Duration,
    most: usize,
    audience: Option<Arc<Audience>>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    results: HashMap<Key, (Instant, CallResponse)>,
    /// The oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

/// What is called, with which arguments in canonical form, and by whom.
type Key = (CallKind, Arc<str>, Arc<[u8]>, For);

/// Says for whom the result of a call is the same.
type Audience = dyn Fn(&CallRequest) -> Option<String> + Send + Sync;

/// For whom a result is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum For {
    Principal(Option<Principal>),
    Key(String),
}

impl Cache {
    /// Keeps each result for so long, and up to 16 MiB of them.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self { time, most: 16 << 20, audience: None, kept: Arc::default() }
    }

    /// About how many bytes are kept; 16 MiB by default.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Says for whom the result of a call is the same, instead of for its principal: calls with the same arguments and
    /// the same key get the same result. What has no key is not kept.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::layer::Cache;
    ///
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// let by_tenant = Cache::new(Duration::from_secs(60))
    ///     .key(|call| call.context().extensions().get::<Tenant>().map(|tenant| tenant.0.clone()));
    /// let for_everyone = Cache::new(Duration::from_secs(60)).key(|_| Some(String::new()));
    /// ```
    #[must_use]
    pub fn key(mut self, key: impl Fn(&CallRequest) -> Option<String> + Send + Sync + 'static) -> Self {
        self.audience = Some(Arc::new(key));
        self
    }

    /// For whom the result of a call may be kept, if for anybody.
    fn audience(&self, request: &CallRequest) -> Option<For> {
        match &self.audience {
            Some(key) => key(request).map(For::Key),
            None if request.context().extensions().has_only::<Principal>() => Some(For::Principal(request.principal())),
            None => {
                tracing::debug!(
                    name = request.name(),
                    "more is known of the caller than `Cache` goes by; see its `key`"
                );
                None
            }
        }
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
    let audience = match &key.3 {
        For::Principal(_) => 0,
        For::Key(key) => 2 * key.len(),
    };
    size_of::<(Key, Instant, CallResponse)>()
        + 2 * size_of::<Key>()
        + key.1.len()
        + key.2.len()
        + audience
        + response.size()
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("time", &self.time).field("most", &self.most).finish_non_exhaustive()
    }
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
        let arguments = canonical_object(request.arguments.as_deref().map(Into::into)).into();
        let Some(audience) = self.audience(&request) else { return Box::pin(inner.call(request)) };
        let key: Key = (request.kind(), request.called.clone(), arguments, audience);
        if let Some(response) = self.find(&key) {
            return Box::pin(std::future::ready(Ok(response)));
        }
        let (cache, made) = (self.clone(), request.context().call().clone());
        then(inner.call(request), move |result| {
            if let Ok(response) = &result
                && !response.is_error()
                && !made.has_asked()
            {
                cache.keep(key, response.clone());
            }
            result
        })
    }
}
