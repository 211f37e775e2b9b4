//! The transport of 2024-11-05, deprecated ([specification]): one event stream on which everything comes, and a URL on it to
//! which everything goes.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::time::timeout;

use super::Shared;
use super::answer::Answer;
use super::events::{Events, Place};
use super::send::shown;
use super::session::Session;
use crate::client::wire::closed;
use crate::error::{Error, ErrorKind};

/// How long a server may take to say where messages go.
const FIRST: Duration = Duration::from_secs(10);

/// Opens the stream, if there is one.
pub(super) async fn connect(shared: &Arc<Shared>) -> Result<bool, Error> {
    let begin = async {
        let response = shared.sender.get(HeaderMap::new()).await?;
        let Answer::Events(mut events) = shared.answer(response).await? else {
            return Ok(None);
        };
        let first = events.next(&mut Place::default()).await.transpose()?;
        Ok(first.filter(|event| event.name.as_deref() == Some("endpoint")).map(|event| (event.data, events)))
    };
    let begun: Result<_, Error> = match timeout(FIRST, begin).await {
        Ok(begun) => begun,
        Err(_) => Ok(None),
    };
    let Some((endpoint, events)) = begun.unwrap_or_else(|error| {
        tracing::debug!(error = &error as &dyn std::error::Error, "it is no server of 2024-11-05 either");
        None
    }) else {
        return Ok(false);
    };
    shared.sessions.send_to(endpoint_of(shared.sender.url(), &endpoint)?);
    let (this, stop) = (shared.clone(), shared.stop.clone());
    shared.spawn(async move {
        stop.run_until_cancelled(read(&this, events)).await;
        this.incoming.end();
    });
    Ok(true)
}

/// Where messages go. It must be the same server: what is sent there is not for others.
fn endpoint_of(url: &Url, said: &str) -> Result<Url, Error> {
    let endpoint = url.join(said.trim()).map_err(|error| {
        let message = "the server wants messages to be sent to something that is no URL";
        Error::new(ErrorKind::Protocol, message).with_source(error)
    })?;
    if endpoint.origin() != url.origin() {
        let message = format!("the server wants messages to be sent to another one, {}", shown(&endpoint));
        return Err(Error::new(ErrorKind::Protocol, message));
    }
    Ok(endpoint)
}

async fn read(shared: &Shared, mut events: Events) {
    while let Some(event) = events.next(&mut Place::default()).await {
        match event {
            Ok(event) => {
                event.message().into_iter().for_each(|message| shared.incoming.hear(message, shared.anywhere()));
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the server's stream has ended");
                return;
            }
        }
    }
}

/// Sends a message; what comes of it comes on the stream.
pub(super) async fn post(shared: &Shared, message: &Value, session: &Session) -> Result<(), Error> {
    let method = message["method"].as_str().unwrap_or("an answer");
    let endpoint = session.endpoint.as_ref().ok_or_else(|| closed(method))?;
    let response = shared.post(endpoint, HeaderMap::new(), Bytes::from(message.to_string())).await?;
    // Its body says nothing.
    if response.status().is_success() {
        return Ok(());
    }
    match shared.answer(response).await? {
        Answer::Refused(refusal) => Err(refusal.into_error(method)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_to_the_same_server_only() {
        let url = Url::parse("https://example.com:8443/sse?key=1").expect("a URL");
        for (said, expected) in [
            ("/messages?id=1", "https://example.com:8443/messages?id=1"),
            ("messages", "https://example.com:8443/messages"),
            ("?id=1", "https://example.com:8443/sse?id=1"),
            ("https://example.com:8443/m", "https://example.com:8443/m"),
        ] {
            assert_eq!(endpoint_of(&url, said).expect("a URL").as_str(), expected);
        }
        for said in
            ["https://example.com/m", "http://example.com:8443/m", "//evil.example/m", "https://evil.example:8443/m"]
        {
            let error = endpoint_of(&url, said).expect_err("another server");
            assert_eq!(error.kind(), ErrorKind::Protocol, "{said}");
        }
    }
}
