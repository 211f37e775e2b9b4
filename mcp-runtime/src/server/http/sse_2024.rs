//! The HTTP transport of 2024-11-05 ([specification], deprecated): one event stream for everything that a server
//! says, and one endpoint for what its client says. It is a connection of lines, of which each goes its own way.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Buf, Bytes};
use futures_util::stream;
use http::request::Parts;
use http::{StatusCode, Uri};
use http_body::Body;
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf, duplex, split,
};
use tokio::time::timeout;

use super::answer::Answer;
use super::session::lock;
use super::{Endpoint, StreamableHttp};
use crate::codec::{Incoming, parse};
use crate::protocol::{ErrorObject, Method, Params, Principal, text};
use crate::registry::{Entry, Registry};
use crate::transport::http::sse;

/// What of either direction waits to be read.
const BUFFER: usize = 64 << 10;

/// The ways in, by the id of their session.
pub(super) type Inputs = Mutex<HashMap<String, Input>>;

#[derive(Clone)]
pub(super) struct Input {
    principal: Option<Principal>,
    writer: Arc<tokio::sync::Mutex<WriteHalf<DuplexStream>>>,
}

impl StreamableHttp {
    /// Also serves clients of 2024-11-05 and their deprecated transport, at `/sse` and `/messages` beside
    /// [`path`](Self::path); as part of another service, both paths have to lead here, too.
    pub fn deprecated_sse(self) -> Self {
        self.set(|settings| settings.has_sse = true)
    }
}

/// What a path means here.
pub(super) enum Place {
    Stream,
    Messages,
}

pub(super) fn place(uri: &Uri) -> Option<Place> {
    match uri.path().rsplit('/').next() {
        Some("sse") => Some(Place::Stream),
        Some("messages") => Some(Place::Messages),
        _ => None,
    }
}

/// Ends the session with its stream.
struct Session {
    endpoint: Arc<Endpoint>,
    id: String,
    lines: BufReader<ReadHalf<DuplexStream>>,
    first: Option<Vec<u8>>,
    _place: crate::server::room::Place,
}

impl Drop for Session {
    fn drop(&mut self) {
        lock(&self.endpoint.inputs).remove(&self.id);
    }
}

/// Begins a session: its stream, which says first where messages are sent to.
pub(super) fn open(endpoint: &Arc<Endpoint>, parts: Arc<Parts>) -> Answer {
    let busy = || Answer::busy("the server is busy; try again later");
    let Some(place) = endpoint.settings.streams.take() else { return busy() };
    let mut random = [0; 32];
    if lock(&endpoint.inputs).len() >= endpoint.settings.sessions.most || getrandom::fill(&mut random).is_err() {
        return busy();
    }
    let id = URL_SAFE_NO_PAD.encode(random);
    let path = parts.uri.path().strip_suffix("sse").unwrap_or("/");
    let first = format!("event: endpoint\ndata: {path}messages?sessionId={id}\n\n").into_bytes();
    let (ours, theirs) = duplex(BUFFER);
    let (reader, writer) = split(ours);
    let extensions = endpoint.ready.extensions.clone().with_request(parts);
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let input = Input { principal: extensions.get().cloned(), writer };
    lock(&endpoint.inputs).insert(id.clone(), input);
    let ready = endpoint.ready.clone();
    tokio::spawn(async move {
        if let Err(error) = ready.serve_with(theirs, extensions).await {
            tracing::debug!(%error, "a session ended");
        }
    });
    let lines = BufReader::new(reader);
    let session = Session { endpoint: endpoint.clone(), id, lines, first: Some(first), _place: place };
    Answer::events(Box::pin(stream::unfold(session, |mut session| async move {
        let bytes = match session.first.take() {
            Some(first) => first,
            None => session.next().await?,
        };
        Some((Bytes::from(bytes), session))
    })))
}

impl Session {
    async fn next(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let keep_alive = self.endpoint.settings.keep_alive;
            // What was read of a line so far stays in it.
            match timeout(keep_alive, self.lines.read_until(b'\n', &mut line)).await {
                Err(_) if line.is_empty() => return Some(sse::KEEP_ALIVE.to_vec()),
                Err(_) => {}
                Ok(Ok(read)) if read > 0 => {
                    let mut out = b"event: message\n".to_vec();
                    sse::event(&mut out, None, |out| out.extend_from_slice(line.trim_ascii_end()));
                    return Some(out);
                }
                Ok(_) => return None,
            }
        }
    }
}

/// Takes a message for a session.
pub(super) async fn post<B>(endpoint: &Arc<Endpoint>, parts: &Parts, body: B) -> Answer
where
    B: Body + Send,
    B::Data: Buf,
    B::Error: fmt::Display,
{
    let pairs = parts.uri.query().unwrap_or_default().split('&');
    let id = pairs.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == "sessionId");
    let input = id.and_then(|(_, id)| lock(&endpoint.inputs).get(id).cloned());
    let principal: Option<&Principal> = parts.extensions.get();
    let Some(input) = input.filter(|input| input.principal.as_ref() == principal) else {
        return Answer::refused(
            StatusCode::NOT_FOUND,
            "there is no such session (any more); begin a new one at `/sse`",
        );
    };
    let body = match endpoint.read(body).await {
        Ok(body) => body,
        Err(why) => return endpoint.unread(why),
    };
    if body.trim_ascii_start().starts_with(b"[") {
        return Answer::refused(StatusCode::BAD_REQUEST, "batches are not served over this transport");
    }
    if let Ok(Incoming::Request { id, method, params }) = parse(&body)
        && needs_scopes(Method::from_name(&method), params.as_ref(), &endpoint.offering().registry)
    {
        let error = ErrorObject::invalid_request("what needs scopes is not served over this transport");
        return Answer::error(StatusCode::FORBIDDEN, Some(&id), &error);
    }
    // A message is a line; JSON has its line breaks between its parts only.
    let mut line: Vec<u8> = body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
    line.push(b'\n');
    let write = async { input.writer.lock().await.write_all(&line).await };
    match timeout(endpoint.settings.body_time, write).await {
        Ok(Ok(())) => Answer::empty(StatusCode::ACCEPTED),
        other => {
            // It may have half of a message.
            if let Some((_, id)) = id {
                lock(&endpoint.inputs).remove(id);
            }
            match other {
                Ok(_) => Answer::refused(StatusCode::NOT_FOUND, "the session has ended"),
                Err(_) => Answer::busy("the client does not read what it is told; the session has ended"),
            }
        }
    }
}

/// Whether a request is about something for which a token must allow more. Who listens on the stream and who sends
/// messages may have different tokens.
fn needs_scopes(method: Option<Method>, params: Option<&Params<'_>>, registry: &Registry) -> bool {
    let name = || params.and_then(|params| params.get("name")).and_then(text);
    let has_scopes = |entry: &Arc<Entry>| !entry.scopes.is_empty();
    match method {
        Some(Method::ToolsCall) => name().and_then(|name| registry.tools.find(&name)).is_some_and(has_scopes),
        Some(Method::PromptsGet) => name().and_then(|name| registry.prompts.find(&name)).is_some_and(has_scopes),
        Some(Method::ResourcesRead | Method::ResourcesSubscribe | Method::SubscriptionsListen) => {
            registry.resources.iter().chain(registry.templates.iter()).any(has_scopes)
        }
        Some(Method::CompletionComplete) => registry.prompts.iter().chain(registry.templates.iter()).any(has_scopes),
        _ => false,
    }
}
