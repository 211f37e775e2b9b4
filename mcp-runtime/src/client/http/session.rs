//! The session of a legacy client ([specification]), and how a new one is made of what is known of the old one.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::legacy::{self, Attempt};
use super::{Shared, is};
use crate::client::wire::{closed, refused};
use crate::error::{Error, ErrorKind};
use crate::protocol::{InitializeResult, Method};
use crate::transport::http::headers;

/// How long it may take to begin a session anew.
const RENEWAL: Duration = Duration::from_secs(60);
/// How long a subscription waits for the stream on which changes are told.
const LISTENING: Duration = Duration::from_secs(2);

/// What a legacy request belongs to.
#[derive(Clone, Default)]
pub(super) struct Session {
    /// Which one it is: each has another number.
    pub(super) number: u64,
    /// How the server calls it, if it does.
    pub(super) id: Option<HeaderValue>,
    /// Where messages go, on a server of 2024-11-05.
    pub(super) endpoint: Option<Url>,
}

pub(super) struct Sessions {
    state: Mutex<State>,
    /// Who begins one anew does so alone.
    renewing: tokio::sync::Mutex<()>,
    /// Whether it is known if the server tells of changes by itself.
    is_listening: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    session: Session,
    /// The messages that have made it what it is.
    initialize: Option<Value>,
    set_level: Option<Value>,
    standalone: Option<AbortHandle>,
}

impl Default for Sessions {
    fn default() -> Self {
        let (is_listening, _) = watch::channel(false);
        Self { state: Mutex::default(), renewing: tokio::sync::Mutex::default(), is_listening }
    }
}

impl Sessions {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn current(&self) -> Session {
        self.with(|state| state.session.clone())
    }

    /// Another session has begun.
    pub(super) fn begin(&self, id: Option<HeaderValue>) {
        self.with(|state| {
            let (number, endpoint) = (state.session.number + 1, state.session.endpoint.take());
            state.session = Session { number, id, endpoint };
        });
    }

    /// Messages go there from now on.
    pub(super) fn send_to(&self, endpoint: Url) {
        self.with(|state| state.session.endpoint = Some(endpoint));
    }

    /// The session, which is over now.
    pub(super) fn take(&self) -> Session {
        self.with(|state| std::mem::take(&mut state.session))
    }

    /// Notes what a session that follows this one must be told.
    pub(super) fn note(&self, message: &Value) {
        self.with(|state| {
            if is(message, Method::Initialize) {
                state.initialize = Some(message.clone());
            } else if is(message, Method::LoggingSetLevel) {
                state.set_level = Some(message.clone());
            }
        });
    }

    /// What reads the stream of what belongs to no request; what has read it before is done.
    pub(super) fn stands(&self, standalone: AbortHandle) {
        let before = self.with(|state| state.standalone.replace(standalone));
        before.iter().for_each(AbortHandle::abort);
    }

    /// It is known whether the server tells of changes.
    pub(super) fn is_listening(&self) {
        self.is_listening.send_replace(true);
    }

    /// Waits until changes are heard, if they are ever.
    pub(super) async fn listens(&self) {
        let mut is_listening = self.is_listening.subscribe();
        let known = is_listening.wait_for(|known| *known);
        // Some servers say nothing at all before there is something to say.
        let _ = timeout(LISTENING, known).await;
    }
}

impl Session {
    /// The headers of requests that belong to it.
    pub(super) fn headers(&self, shared: &Shared) -> HeaderMap {
        let mut all = HeaderMap::new();
        if self.endpoint.is_some() {
            return all;
        }
        if let Some(id) = &self.id {
            all.insert(&headers::SESSION_ID, id.clone());
        }
        if let Some(version) = shared.incoming.version() {
            all.insert(&headers::PROTOCOL_VERSION, HeaderValue::from_static(version.as_str()));
        }
        all
    }
}

/// Begins a session in the place of one that the server does not know any more, unless somebody has.
pub(super) async fn renew(shared: &Arc<Shared>, lost: u64) -> Result<(), Error> {
    let this = shared.clone();
    // It is not given up half done, whoever stops waiting for it.
    let renewal = tokio::spawn(async move {
        let _turn = this.sessions.renewing.lock().await;
        match this.sessions.current().number == lost {
            true => timeout(RENEWAL, begin_anew(&this)).await,
            false => Ok(Ok(())),
        }
    });
    match renewal.await {
        Ok(Ok(renewed)) => renewed,
        Ok(Err(_)) => Err(Error::new(ErrorKind::Timeout, "the server did not begin a new session in time")),
        Err(_) => Err(closed(Method::Initialize.as_str())),
    }
}

async fn begin_anew(shared: &Arc<Shared>) -> Result<(), Error> {
    let method = Method::Initialize.as_str();
    let (initialize, set_level) = shared.sessions.with(|state| (state.initialize.clone(), state.set_level.clone()));
    let initialize = initialize.ok_or_else(|| closed(method))?;
    tracing::info!("the server does not know the session any more; a new one begins");
    let answer = ask(shared, initialize, &Session::default()).await?;
    let InitializeResult { protocol_version, .. } = crate::client::decode(method, &answer)?;
    if shared.incoming.version().is_none_or(|version| version.as_str() != protocol_version) {
        let message = format!("the server began a new session, but wants to speak `{protocol_version}` now");
        return Err(Error::new(ErrorKind::Protocol, message));
    }
    let initialized = json!({ "jsonrpc": "2.0", "method": Method::NotificationsInitialized.as_str() });
    legacy::send(shared.clone(), initialized).await;
    let session = shared.sessions.current();
    let watched = shared.incoming.changes().watched().into_iter().map(
        |uri| json!({ "jsonrpc": "2.0", "method": Method::ResourcesSubscribe.as_str(), "params": { "uri": uri } }),
    );
    for message in set_level.into_iter().chain(watched) {
        if let Err(error) = ask(shared, message, &session).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the new session is not all that the old one was");
        }
    }
    // Nobody has told what happened between the two.
    shared.incoming.changes().missed();
    Ok(())
}

/// Makes a request and waits.
async fn ask(shared: &Arc<Shared>, mut message: Value, session: &Session) -> Result<String, Error> {
    let method = message["method"].as_str().unwrap_or_default().to_owned();
    let id = shared.incoming.next_id();
    message["id"] = json!(id);
    let outcome = shared.incoming.wait(id, None).ok_or_else(|| closed(&method))?;
    let attempted = legacy::attempt(shared, id, &message, session).await;
    shared.incoming.give_up(id);
    if let Attempt::Lost { .. } = attempted? {
        return Err(Error::new(ErrorKind::Closed, "the server has lost the session that it had just begun"));
    }
    let answer = outcome.await.map_err(|_| closed(&method))??;
    answer.map(|answer| answer.get().to_owned()).map_err(|error| refused(&method, error))
}
