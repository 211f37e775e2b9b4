//! Requests to addresses that somebody else has named: bounded in bytes and time, and never led elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, LOCATION};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode, redirect};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::address::{Guard, without_query};
use super::distrusted;
use super::dpop::ProofKey;
use crate::error::{Error, ErrorKind};
use crate::protocol::ProtocolVersion;

/// How long an exchange may take, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may be. Tokens with many claims have a few thousand bytes.
const MAX_BYTES: usize = 256 << 10;
/// How often a document may have moved within its origin.
const MAX_REDIRECTS: usize = 3;

/// Asks servers and authorization servers.
#[derive(Debug, Clone)]
pub(super) struct Fetch {
    client: Client,
    /// What authorization servers want to find in the next proof, by their origins.
    nonces: Arc<Mutex<HashMap<String, String>>>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Whether it says what has to be in the next proof.
    pub(super) has_nonce: bool,
    body: Vec<u8>,
}

impl Answer {
    /// The body, if it is a JSON object.
    pub(super) fn object(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(Value::is_object)
    }
}

/// The fields of a form.
#[derive(Clone, Default)]
pub(super) struct Form(Vec<(&'static str, String)>);

impl Form {
    pub(super) fn field(&mut self, name: &'static str, value: impl Into<String>) -> &mut Self {
        self.0.push((name, value.into()));
        self
    }

    fn encode(&self) -> String {
        Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// Name and password for a header.
pub(super) struct Basic<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

impl Fetch {
    pub(super) fn new(client: ClientBuilder) -> Result<Self, Error> {
        let client = client
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("mcp-runtime/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "this program cannot make requests over HTTP").with_source(error)
            })?;
        Ok(Self { client, nonces: Arc::default() })
    }

    /// A document of metadata. It may have moved, but not to another origin.
    pub(super) async fn document(&self, guard: Guard, url: &Url) -> Result<Answer, Error> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            // A redirection to the same origin may still have a password in it.
            guard.check(&url, "a document of metadata")?;
            let request = self.client.get(url.clone());
            let request = request.header("mcp-protocol-version", ProtocolVersion::LATEST.as_str());
            let response = send(request, &url).await?;
            if !response.status().is_redirection() {
                return read(response, &url).await;
            }
            let target = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
            let target = target.and_then(|it| url.join(it).ok());
            url = match target {
                Some(target) if target.origin() == url.origin() => target,
                _ => {
                    let told = format!("{} leads to another origin, which is not followed", without_query(&url));
                    return Err(distrusted(told));
                }
            };
        }
        Err(distrusted(format!("{} has moved too often", without_query(&url))))
    }

    fn nonces(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an endpoint answers to a form, and to the proof of a key.
    pub(super) async fn form(
        &self,
        url: &Url,
        form: &Form,
        basic: Option<Basic<'_>>,
        key: Option<&ProofKey>,
    ) -> Result<Answer, Error> {
        let mut request = self.client.post(url.clone());
        if let Some(Basic { name, password }) = basic {
            request = request.basic_auth(name, Some(password));
        }
        let origin = url.origin().ascii_serialization();
        if let Some(key) = key {
            let nonce = self.nonces().get(&origin).cloned();
            request = request.header("dpop", key.proof("POST", url, None, nonce.as_deref())?);
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.encode());
        let response = send(request, url).await?;
        if let Some(nonce) = response.headers().get("dpop-nonce").and_then(|it| it.to_str().ok()) {
            self.nonces().insert(origin, nonce.to_owned());
        }
        read(response, url).await
    }

    /// What an endpoint answers to a JSON object.
    pub(super) async fn json(&self, url: &Url, body: &Value) -> Result<Answer, Error> {
        let request = self.client.post(url.clone()).header("content-type", "application/json").body(body.to_string());
        read(send(request, url).await?, url).await
    }
}

async fn send(request: RequestBuilder, url: &Url) -> Result<Response, Error> {
    let request = request.header(ACCEPT, "application/json").timeout(TIMEOUT);
    request.send().await.map_err(|error| failed(error, url))
}

async fn read(mut response: Response, url: &Url) -> Result<Answer, Error> {
    let (status, mut body) = (response.status(), Vec::new());
    let has_nonce = response.headers().contains_key("dpop-nonce");
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(error, url))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(distrusted(format!("what {} answers is longer than {MAX_BYTES} bytes", without_query(url))));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, has_nonce, body })
}

/// The address may have a query, which the error of the library would show.
fn failed(error: reqwest::Error, url: &Url) -> Error {
    let (kind, what) = if error.is_timeout() {
        (ErrorKind::Timeout, "did not answer in time")
    } else {
        (ErrorKind::Io, "could not be asked")
    };
    Error::new(kind, format!("{} {what}", without_query(url))).with_source(error.without_url())
}
