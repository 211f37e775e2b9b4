//! Streamable HTTP: one endpoint for both eras. Modern requests say all that is to be known of them; legacy
//! ones belong to a session.

mod answer;
mod authorization;
mod check;
mod driver;
mod events;
mod exchange;
mod legacy;
mod listener;
mod modern;
mod outlet;
mod post;
mod reading;
mod session;
mod settings;
#[cfg(feature = "http-sse")]
mod sse_2024;
mod stream;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

pub use self::authorization::Authorization;
pub use self::events::{EventStore, StoredEvent};
pub use crate::transport::http::HttpBody;

use self::answer::Answer;
use self::session::Sessions;
use self::settings::Settings;
use super::ReadyServer;
use crate::protocol::BoxFuture;
use crate::transport::http::{Active, Foreign, Said};

/// A server over Streamable HTTP ([specification]): a [`tower` service](Service) that answers requests to one
/// URL, of modern and of legacy clients. Made by [`ReadyServer::http`]; clones are the same server, with the same
/// sessions.
///
/// It serves [by itself](Self::serve), or as part of something bigger, such as a route of axum:
/// `Router::new().route_service("/mcp", server.http())`.
///
/// What a program has put into the extensions of a request, as middleware does, tools take as
/// [`Extension<T>`](crate::Extension); so they do its `http::HeaderMap`, `http::Uri` and `http::Method`. A
/// [`Principal`](crate::Principal) there is who asks.
///
/// By default it can be called from this machine only; [`allow_host`](Self::allow_host) says by which other names.
///
/// ```no_run
/// use mcp_runtime::prelude::*;
///
/// /// Add two integers.
/// #[tool]
/// fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let server = Server::new("calculator").tools(tools![add]).build()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// server.http().serve(listener).await?;
/// # Ok(())
/// # }
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
#[derive(Clone)]
#[must_use = "a service answers nothing until it is served"]
pub struct StreamableHttp {
    endpoint: Arc<Endpoint>,
}

/// An answer that is on its way.
type Answering = BoxFuture<'static, Result<Response<HttpBody>, Infallible>>;

/// What serves the requests to one URL.
struct Endpoint {
    ready: ReadyServer,
    settings: Settings,
    sessions: Arc<Sessions>,
    #[cfg(feature = "http-sse")]
    inputs: Arc<sse_2024::Inputs>,
}

impl ReadyServer {
    /// The server as an HTTP service. Sessions belong to the service and its clones: one is made, once.
    ///
    /// Without a [state key](crate::Server::state_key), it warns in the log that calls cannot be continued by another
    /// process.
    pub fn http(&self) -> StreamableHttp {
        if self.is_key_made_up {
            tracing::warn!(
                "no state key was given: calls that wait for their client can only be continued by this process; \
                 give all servers behind one address the same `Server::state_key`, or `MCP_STATE_KEY`"
            );
        }
        let settings = Settings::new(self.limits.message_bytes);
        StreamableHttp {
            endpoint: Arc::new(Endpoint {
                ready: self.clone(),
                settings,
                sessions: Arc::default(),
                #[cfg(feature = "http-sse")]
                inputs: Arc::default(),
            }),
        }
    }
}

impl Endpoint {
    /// Lets requests through of those who may call.
    async fn admit(&self, authorization: &Authorization, parts: &mut Parts) -> Result<(), Answer> {
        if let Some(metadata) = authorization.metadata(&parts.uri) {
            return Err(match parts.method {
                Method::GET => metadata,
                // They are there for everybody, pages as well.
                Method::OPTIONS => settings::preflight(&parts.headers)
                    .with(http::header::ACCESS_CONTROL_ALLOW_ORIGIN, http::HeaderValue::from_static("*")),
                _ => Answer::not_allowed(),
            });
        }
        match parts.method {
            // Browsers ask without a token whether they may ask with one.
            Method::OPTIONS => Ok(()),
            _ => authorization.admit(parts).await,
        }
    }

    async fn route<B>(self: &Arc<Self>, mut parts: Arc<Parts>, body: B, has_cors: bool) -> Answer
    where
        B: Body + Send,
        B::Data: Buf,
        B::Error: fmt::Display,
    {
        let mut said = Said::of(&parts.headers);
        if let Err(foreign) = self.settings.callers.check(&parts.uri, &said) {
            let message = match foreign {
                Foreign::Host => {
                    "the server is not called by this host; it must be told with `StreamableHttp::allow_host`"
                }
                Foreign::Origin => {
                    "pages of this origin may not call the server; it must be told with `StreamableHttp::allow_origin`"
                }
            };
            return Answer::refused(StatusCode::FORBIDDEN, message);
        }
        if let Some(authorization) = &self.settings.authorization {
            // What most requests do not wait for is apart, here and below: a request is small to hand on then.
            if let Err(answer) = Box::pin(self.admit(authorization, Arc::make_mut(&mut parts))).await {
                return answer;
            }
            said = Said::of(&parts.headers);
        }
        #[cfg(feature = "http-sse")]
        if self.settings.has_sse {
            match (sse_2024::place(&parts.uri), &parts.method) {
                (Some(sse_2024::Place::Stream), &Method::GET) => return sse_2024::open(self, parts),
                (Some(sse_2024::Place::Messages), &Method::POST) => {
                    return Box::pin(sse_2024::post(self, &parts, body)).await;
                }
                _ => {}
            }
        }
        match parts.method {
            Method::POST => self.post(&parts, &said, body).await,
            Method::GET => legacy::get(self, &parts, &said),
            Method::DELETE => legacy::delete(self, &parts, &said),
            Method::OPTIONS if has_cors => settings::preflight(&parts.headers),
            _ => Answer::not_allowed(),
        }
    }

    /// Answers a request; `active` is what it is to its connection. Both of its halves go through many hands, and so
    /// behind pointers.
    fn answer<B>(self: Arc<Self>, request: Request<B>, active: Option<Active>) -> Answering
    where
        B: Body + Send + 'static,
        B::Data: Buf + Send,
        B::Error: fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let parts = Arc::new(parts);
        Box::pin(async move {
            let origin = self.settings.cors_origin(&parts.headers);
            let mut response = self.route(parts, body, origin.is_some()).await.into_response(active);
            if let Some(origin) = origin {
                settings::expose(origin, response.headers_mut());
            }
            Ok(response)
        })
    }
}

impl<B> Service<Request<B>> for StreamableHttp
where
    B: Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: fmt::Display,
{
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.endpoint.clone().answer(request, None)
    }
}

impl fmt::Debug for StreamableHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamableHttp").field("sessions", &self.endpoint.sessions.len()).finish_non_exhaustive()
    }
}
