//! What a server over HTTP takes on, and from whom.

use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use http::{HeaderName, StatusCode};
use tokio::sync::Semaphore;

use super::answer::Answer;
use super::authorization::Authorization;
use super::events::{AnyEventStore, EventStore};
use super::{Endpoint, StreamableHttp};
use crate::server::room::Room;
use crate::transport::http::Callers;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) callers: Callers,
    pub(super) authorization: Option<Arc<Authorization>>,
    cors: bool,
    #[cfg(feature = "http-sse")]
    pub(super) has_sse: bool,
    pub(super) path: Arc<str>,
    pub(super) body_bytes: usize,
    pub(super) body_time: Duration,
    pub(super) idle_time: Duration,
    pub(super) keep_alive: Duration,
    pub(super) sessions: SessionSettings,
    /// Requests that are answered, and streams that are open, at the same time.
    pub(super) requests: Arc<Room>,
    pub(super) streams: Arc<Room>,
    pub(super) connections: Arc<Semaphore>,
}

#[derive(Clone)]
pub(super) struct SessionSettings {
    /// Whether there are any.
    pub(super) are_kept: bool,
    pub(super) most: usize,
    /// Of one principal.
    pub(super) most_of_one: usize,
    pub(super) time: Duration,
    /// How many bytes of events are kept for those who come back, of one session.
    pub(super) event_bytes: usize,
    /// Where they are kept instead.
    pub(super) store: Option<Arc<dyn AnyEventStore>>,
}

impl Settings {
    pub(super) fn new(body_bytes: usize) -> Self {
        Self {
            callers: Callers::default(),
            authorization: None,
            cors: false,
            #[cfg(feature = "http-sse")]
            has_sse: false,
            path: "/mcp".into(),
            body_bytes,
            body_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(60),
            keep_alive: Duration::from_secs(15),
            sessions: SessionSettings {
                are_kept: true,
                most: 10_000,
                most_of_one: 1_000,
                time: Duration::from_secs(30 * 60),
                event_bytes: 1 << 20,
                store: None,
            },
            requests: Room::new(1024),
            streams: Room::new(10_000),
            connections: Arc::new(Semaphore::new(20_000)),
        }
    }

    /// The origin of the page that asks, if browsers are told that it may.
    pub(super) fn cors_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = self.cors.then(|| headers.get(ORIGIN)).flatten()?;
        let text = origin.to_str().ok()?;
        self.callers.has_origin(text).then(|| origin.clone())
    }
}

impl StreamableHttp {
    pub(super) fn set(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Endpoint { ready, settings, sessions, .. } = &*self.endpoint;
        let mut settings = settings.clone();
        change(&mut settings);
        let endpoint = Endpoint {
            ready: ready.clone(),
            settings,
            sessions: sessions.clone(),
            #[cfg(feature = "http-sse")]
            inputs: self.endpoint.inputs.clone(),
        };
        Self { endpoint: Arc::new(endpoint) }
    }

    /// Allows requests to this host, as the `Host` header has it: a name, or a name and a port. Without a port,
    /// every one is allowed. By default, and beside those that are allowed, a server answers to `localhost` and
    /// loopback addresses. What is called by any other name is refused with status 403, since a page on the
    /// web may have made its name resolve to this machine.
    pub fn allow_host(self, host: impl Into<String>) -> Self {
        self.set(|settings| settings.callers.hosts.push(host.into()))
    }

    /// Answers requests to any host: for a server behind a proxy that checks it.
    pub fn allow_any_host(self) -> Self {
        self.set(|settings| settings.callers.any_host = true)
    }

    /// Allows requests from pages of this origin, such as `https://app.example.com`. By default pages of this
    /// machine may call a server on it, and others are refused with status 403. Programs that are no browsers send
    /// no `Origin`.
    pub fn allow_origin(self, origin: impl Into<String>) -> Self {
        self.set(|settings| settings.callers.origins.push(origin.into()))
    }

    /// Allows requests from pages of any origin. Together with [`cors`](Self::cors), every page on the web can
    /// then use the server: do this only where callers authenticate themselves.
    pub fn allow_any_origin(self) -> Self {
        self.set(|settings| settings.callers.any_origin = true)
    }

    /// Lets browsers read the answers (CORS), for pages of the origins that were
    /// [allowed](Self::allow_origin). Off by default.
    pub fn cors(self) -> Self {
        self.set(|settings| settings.cors = true)
    }

    /// The path at which [`serve`](Self::serve) answers; `/mcp` by default. As part of another service, the path
    /// is that one's business.
    pub fn path(self, path: impl Into<Arc<str>>) -> Self {
        self.set(|settings| settings.path = path.into())
    }

    /// How long a client may take to send a request; 30 seconds by default. Then one whose body is missing is answered
    /// with status 408. One that has not sent its headers yet has up to half as much again, and its connection is closed.
    pub fn request_timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.body_time = time)
    }

    /// How long a connection may stay open on which nothing is asked and nothing answered, and one whose client
    /// takes nothing of what it is sent; 60 seconds by default. Over HTTP/2 that is the whole connection, not one of
    /// its requests.
    pub fn idle_timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.idle_time = time)
    }

    /// How long nothing may be said on a response before a comment is sent that keeps it open; 15 seconds by
    /// default. A call that takes longer is answered with an event stream for that. A call that says more than its
    /// client reads waits for so long, and then goes on without telling it.
    pub fn keep_alive(self, time: Duration) -> Self {
        self.set(|settings| settings.keep_alive = time)
    }

    /// How many requests may be answered at the same time; 1,024 by default. More get status 503, and `Retry-After`.
    /// One is over when its outcome is there, also if its client is slow to read it.
    pub fn max_requests(self, requests: usize) -> Self {
        self.set(|settings| settings.requests = Room::new(requests))
    }

    /// How many event streams may be open that tell of changes; 10,000 by default. More get status 503.
    pub fn max_streams(self, streams: usize) -> Self {
        self.set(|settings| settings.streams = Room::new(streams))
    }

    /// How many connections [`serve`](Self::serve) has open at the same time; 20,000 by default. More wait.
    pub fn max_connections(self, connections: usize) -> Self {
        let connections = connections.min(Semaphore::MAX_PERMITS);
        self.set(|settings| settings.connections = Arc::new(Semaphore::new(connections)))
    }

    /// How many sessions of legacy clients there may be; 10,000 by default. One more is refused with status 503.
    pub fn max_sessions(self, sessions: usize) -> Self {
        self.set(|settings| settings.sessions.most = sessions)
    }

    /// How many of them one [principal](crate::Principal) may have, where requests are authenticated; 1,000 by
    /// default. One more is refused with status 503.
    pub fn max_sessions_per_principal(self, sessions: usize) -> Self {
        self.set(|settings| settings.sessions.most_of_one = sessions)
    }

    /// How long a session of a legacy client lasts while nothing comes from it and no stream of it is open; 30
    /// minutes by default. Then it is gone, with its calls.
    pub fn session_timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.sessions.time = time)
    }

    /// How many bytes of events are kept for the clients of one session that lost their connection, and come back
    /// for the rest; 1 MiB by default.
    pub fn max_event_bytes(self, bytes: usize) -> Self {
        self.set(|settings| settings.sessions.event_bytes = bytes)
    }

    /// Where events are kept for the clients of sessions that lost their connection; in memory by default.
    pub fn event_store(self, store: impl EventStore) -> Self {
        self.set(|settings| settings.sessions.store = Some(Arc::new(store)))
    }

    /// Serves legacy clients without sessions: any server behind one address takes any of their requests.
    /// What a server asks its client in the middle of a call then has no way to it, and neither have changes.
    pub fn without_sessions(self) -> Self {
        self.set(|settings| settings.sessions.are_kept = false)
    }
}

/// What a browser is told before it asks for a page of another origin.
pub(super) fn preflight(asked: &HeaderMap) -> Answer {
    const KNOWN: &str = "content-type, accept, authorization, mcp-protocol-version, mcp-method, mcp-name, \
                         mcp-session-id, last-event-id, traceparent, tracestate";
    // Arguments stand in headers of their own.
    let wanted = asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|names| names.to_str().ok());
    let arguments = wanted.flat_map(|names| names.split(',')).map(str::trim);
    let arguments: Vec<&str> = arguments.filter(|name| name.to_ascii_lowercase().starts_with("mcp-param-")).collect();
    let headers = [&[KNOWN], &*arguments].concat().join(", ");
    let headers = HeaderValue::from_str(&headers).unwrap_or(HeaderValue::from_static(KNOWN));
    Answer::empty(StatusCode::NO_CONTENT)
        .with(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, DELETE"))
        .with(ACCESS_CONTROL_ALLOW_HEADERS, headers)
        .with(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"))
}

/// Lets pages of that origin read an answer.
pub(super) fn expose(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("mcp-session-id, www-authenticate"));
    headers.append(VARY, HeaderValue::from(HeaderName::from_static("origin")));
}
