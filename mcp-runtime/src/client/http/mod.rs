//! A server over HTTP, of either era ([Streamable HTTP]): requests of the modern one say it all, those of the legacy
//! one belong to a session.
//!
//! [Streamable HTTP]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http

mod answer;
mod events;
mod legacy;
mod mirror;
mod modern;
mod send;
mod session;
mod settings;
mod sse;
mod standalone;
mod token;

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Response, Url};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

pub(super) use self::settings::Settings;
pub use self::token::{Credential, RefusedToken, TokenProvider, TokenRequest};

use self::answer::{Answer, error_in};
use self::events::{Events, Place};
use self::mirror::{Mirrors, version_of};
use self::send::Sender;
use self::session::Sessions;
use super::incoming::{Incoming, Reply, Source};
use super::overheard::Speaker;
use super::wire::{Link, closed, refused};
use crate::error::{Error, ErrorKind};
use crate::protocol::{BoxFuture, Method, Tool};

/// How often something that was lost is asked for again, in vain.
const ATTEMPTS: u32 = 8;
/// How long a response may go on after the answer that it was for. Its connection is of use for the next request.
const REST: Duration = Duration::from_secs(1);
/// How long a server may take to end a session.
const FAREWELL: Duration = Duration::from_secs(3);

/// The transport of one client.
pub(super) struct Http(Arc<Shared>);

/// What its requests share.
struct Shared {
    sender: Sender,
    incoming: Arc<Incoming>,
    mirrors: Mirrors,
    sessions: Sessions,
    /// Answers what the server asks.
    reply: Reply,
    /// Requests may be given up where there is no runtime.
    runtime: Handle,
    /// Cancelled when the client is gone.
    stop: CancellationToken,
}

impl Http {
    /// Nothing is sent yet.
    pub(super) fn start(sender: Sender, incoming: &Arc<Incoming>) -> Self {
        Self(Arc::new_cyclic(|this: &Weak<Shared>| {
            let this = this.clone();
            let reply: Reply = Arc::new(move |answer| {
                if let Some(this) = this.upgrade() {
                    this.spawn(legacy::send(this.clone(), answer));
                }
            });
            Shared {
                sender,
                incoming: incoming.clone(),
                mirrors: Mirrors::default(),
                sessions: Sessions::default(),
                reply,
                runtime: Handle::current(),
                stop: CancellationToken::new(),
            }
        }))
    }
}

impl Link for Http {
    fn request(&self, id: i64, message: Value) -> Option<AbortHandle> {
        let shared = self.0.clone();
        let request = async move {
            let outcome = match version_of(&message) {
                Some(_) => modern::request(shared.clone(), id, message).await,
                None => legacy::request(shared.clone(), id, message).await,
            };
            if let Err(error) = outcome {
                shared.incoming.failed(id, error);
            }
        };
        Some(self.0.spawn(request).abort_handle())
    }

    fn send(&self, message: Value) -> Option<JoinHandle<()>> {
        Some(self.0.spawn(legacy::send(self.0.clone(), message)))
    }

    fn cancels_by_closing(&self) -> bool {
        // Only the legacy era settles a version.
        self.0.incoming.version().is_none()
    }

    fn mirrors_arguments(&self) -> bool {
        self.cancels_by_closing()
    }

    fn knows_tools(&self) -> bool {
        !self.mirrors_arguments() || self.0.mirrors.are_known()
    }

    fn learn(&self, tools: &mut Vec<Tool>) {
        if self.mirrors_arguments() {
            self.0.mirrors.learn(tools);
        }
    }

    fn hears_changes(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.sessions.listens())
    }

    fn asks(&self) -> Option<BoxFuture<'static, ()>> {
        self.0.sender.asks().map(|asks| Box::pin(asks) as _)
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.0.stop.cancel();
        Box::pin(legacy::end(self.0.clone()))
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.0.stop.cancel();
        self.0.spawn(legacy::end(self.0.clone()));
    }
}

/// What was read of an event stream.
struct Read {
    /// The request was answered.
    is_answered: bool,
    has_message: bool,
    /// Why it has ended, if that was no end.
    error: Option<Error>,
}

impl Read {
    /// Why there is no answer to this method.
    fn lost(self, method: &str) -> Error {
        match self.error {
            Some(error) => closed(method).with_source(error),
            None => closed(method),
        }
    }
}

impl Shared {
    /// Where something comes from that belongs to no request.
    fn anywhere(&self) -> Source<'_> {
        Source { about: None, reply: Some(&self.reply) }
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, work: F) -> JoinHandle<()> {
        self.runtime.spawn(work.instrument(Span::current()))
    }

    /// Sends a message.
    async fn post(&self, url: &Url, headers: HeaderMap, message: Bytes) -> Result<Response, Error> {
        self.incoming.overheard().said(Speaker::Client, &message);
        self.sender.post(url, headers, message).await
    }

    /// Reads an answer, up to the end or up to the first event.
    async fn answer(&self, response: Response) -> Result<Answer, Error> {
        let answer = Answer::read(response, self.sender.has_token()).await?;
        if let Answer::Refused(refusal) = &answer {
            refusal.said.iter().for_each(|said| self.incoming.overheard().said(Speaker::Server, said));
        }
        Ok(answer)
    }

    /// Hears what comes on a stream until the request is answered, or the stream is over.
    async fn read(&self, id: i64, mut events: Events, place: &mut Place, reply: Option<&Reply>) -> Result<Read, Error> {
        let source = Source { about: Some(id), reply };
        let mut read = Read { is_answered: false, has_message: false, error: None };
        while let Some(event) = events.next(place).await {
            let event = match event {
                Ok(event) => event,
                Err(error) if error.kind() == ErrorKind::Io => {
                    read.error = Some(error);
                    return Ok(read);
                }
                Err(error) => return Err(error),
            };
            let Some(message) = event.message() else { continue };
            self.incoming.hear(message, source);
            read.has_message = true;
            if !self.incoming.is_waiting(id) {
                read.is_answered = true;
                let rest = async {
                    while let Some(Ok(event)) = events.next(place).await {
                        event.message().into_iter().for_each(|message| self.incoming.hear(message, source));
                    }
                };
                // What comes too late is lost with its connection.
                let _ = timeout(REST, rest).await;
                break;
            }
        }
        Ok(read)
    }

    /// Hears an answer that is all there is.
    fn hear_answer(&self, id: i64, method: &str, body: &[u8], reply: Option<&Reply>) -> Result<(), Error> {
        self.incoming.hear(body, Source { about: Some(id), reply });
        if !self.incoming.is_waiting(id) {
            return Ok(());
        }
        // Some servers do not say which request they refuse.
        Err(error_in(body).map_or_else(|| unanswered(method), |error| refused(method, error)))
    }
}

fn unanswered(method: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("the server answered a request for `{method}` with something else"))
}

/// How long to wait after so many failures: up to half a minute, and not all clients for the same time.
fn backoff(failures: u32) -> Duration {
    let time = Duration::from_millis(500) * 2_u32.pow(failures.min(6));
    let mut random = [0; 1];
    // Without chance it is just the same for all.
    let _ = getrandom::fill(&mut random);
    time.min(Duration::from_secs(30)).mul_f64(0.75 + f64::from(random[0]) / 1024.0)
}

/// Whether this is the method of a message.
fn is(message: &Value, method: Method) -> bool {
    message["method"] == method.as_str()
}
