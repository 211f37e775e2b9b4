//! What a server answers to one HTTP request.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

use super::events::Events;
use super::send::shown;
use crate::client::incoming::LONGEST;
use crate::client::wire::refused;
use crate::error::{Error, ErrorKind};
use crate::protocol::ErrorObject;
use crate::transport::http::headers;

pub(super) enum Answer {
    /// A message, or a batch of them.
    Message(Bytes),
    Events(Events),
    /// The server has taken what it was sent, and has nothing to say.
    Nothing,
    Refused(Refusal),
}

/// An answer with a status that says no.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The error, if it is one of the protocol.
    pub(super) error: Option<ErrorObject>,
    pub(super) retry_after: Option<Duration>,
    /// The message with the error.
    pub(super) said: Option<Bytes>,
    message: String,
}

/// How much is read of an answer that says no.
const LONGEST_REFUSAL: usize = 1 << 20;

impl Answer {
    /// Reads an answer, up to the end or up to the first event.
    pub(super) async fn read(response: Response, has_token: bool) -> Result<Self, Error> {
        let (status, url) = (response.status(), response.url().clone());
        if !status.is_success() {
            return Refusal::read(response, has_token).await.map(Self::Refused);
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(Self::Nothing);
        }
        if let Some(encoding) = response.headers().get(CONTENT_ENCODING).filter(|it| *it != "identity") {
            let message = format!(
                "the server at {} has compressed its answer ({}), which it was not asked to do",
                shown(&url),
                encoding.to_str().unwrap_or("?").escape_debug()
            );
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        match media_type(response.headers()).as_deref() {
            Some(headers::EVENT_STREAM) => Ok(Self::Events(Events::of(response))),
            Some(headers::JSON) => collect(response, LONGEST).await.map(Self::Message),
            other => {
                let (what, body) = (other.unwrap_or("something").to_owned(), collect(response, 1).await);
                if matches!(&body, Ok(body) if body.is_empty()) {
                    return Ok(Self::Nothing);
                }
                let message = format!(
                    "the server at {} answered with {}, which is no message; is it the URL of an MCP endpoint?",
                    shown(&url),
                    what.escape_debug()
                );
                Err(Error::new(ErrorKind::Protocol, message))
            }
        }
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The whole body, unless it is longer than this.
async fn collect(mut response: Response, most: usize) -> Result<Bytes, Error> {
    let too_long = || Error::new(ErrorKind::Protocol, format!("the server sent an answer of more than {most} bytes"));
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(too_long());
    }
    let lost = |error: reqwest::Error| {
        Error::new(ErrorKind::Io, "the connection to the server was lost").with_source(error.without_url())
    };
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(lost)? {
        if body.len() + piece.len() > most {
            return Err(too_long());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// The error that a message without a request is.
pub(super) fn error_in(body: &[u8]) -> Option<ErrorObject> {
    #[derive(Deserialize)]
    struct Said {
        error: ErrorObject,
    }
    serde_json::from_slice(body).ok().map(|Said { error }| error)
}

impl Refusal {
    async fn read(response: Response, has_token: bool) -> Result<Self, Error> {
        let (status, url, headers) = (response.status(), response.url().clone(), response.headers().clone());
        let retry_after = retry_after(&headers);
        // What cannot be read is not needed.
        let body = collect(response, LONGEST_REFUSAL).await.unwrap_or_default();
        let error = error_in(&body);
        let cure = cure(status, &url, &headers, retry_after, has_token);
        let mut message = format!("the server at {} answered with status {status}", shown(&url));
        let is_text = matches!(media_type(&headers).as_deref(), Some(headers::JSON | "text/plain"));
        let said = String::from_utf8_lossy(body.get(..body.len().min(200)).unwrap_or_default());
        if is_text && !said.trim().is_empty() {
            message.push_str(&format!(" (\"{}\")", said.trim().escape_debug()));
        }
        if let Some(cure) = cure {
            message.push_str(&format!(": {cure}"));
        }
        let said = error.is_some().then_some(body);
        Ok(Self { status, error, retry_after, said, message })
    }

    /// Whether another attempt may help, some time later.
    pub(super) fn may_pass(&self) -> bool {
        self.status.is_server_error() || matches!(self.status.as_u16(), 408 | 425 | 429)
    }

    pub(super) fn into_error(self, method: &str) -> Error {
        let error = match self.error {
            Some(error) => refused(method, error),
            None => Error::new(ErrorKind::Http, self.message),
        };
        error.with_status(self.status.as_u16())
    }
}

/// What can be done about a status.
fn cure(
    status: StatusCode,
    url: &Url,
    headers: &HeaderMap,
    retry_after: Option<Duration>,
    has_token: bool,
) -> Option<String> {
    let later = || match retry_after {
        Some(time) => format!("try again in {} seconds", time.as_secs()),
        None => "try again later".to_owned(),
    };
    Some(match status.as_u16() {
        300..=399 => {
            let location = headers.get(LOCATION).and_then(|location| url.join(location.to_str().ok()?).ok());
            match location {
                Some(location) => format!("it redirects to {}; use that URL, if you trust it", shown(&location)),
                None => "it redirects to nowhere".to_owned(),
            }
        }
        401 if has_token => "it does not accept the token; get another one".to_owned(),
        401 => "it wants to know who calls; give a token, with `ClientBuilder::bearer` or \
                `ClientBuilder::token_provider`"
            .to_owned(),
        403 if has_token => "whoever has this token may not do that".to_owned(),
        403 => "it does not allow that to whoever calls; it may want a token, or to be called by another host name"
            .to_owned(),
        404 => "there is nothing at this path; see which one the server has, often it is `/mcp`".to_owned(),
        405 => "no messages are taken at this path; see which one the server has, often it is `/mcp`".to_owned(),
        408 | 425 | 429 | 503 => later(),
        413 => "the message is longer than it allows".to_owned(),
        500..=599 => "it has failed, or what stands before it; its log may say why".to_owned(),
        _ => return None,
    })
}

/// After which time to try again: in seconds, or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
