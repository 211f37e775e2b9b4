//! One HTTP request: with all that goes with each of them, and again with another token.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::watch;

use super::token::{AnyTokenProvider, Credential, RefusedToken, TokenRequest};
use crate::error::{Error, ErrorKind};
use crate::transport::http::headers;

/// How often a request is made again with another token.
const MOST_TOKENS: u32 = 3;
/// The proof of a bound token, and what servers want to find in the next one ([RFC 9449]).
///
/// [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449#section-9
const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Sends requests to one server.
pub(in crate::client) struct Sender {
    url: Url,
    client: reqwest::Client,
    headers: HeaderMap,
    token: Option<Arc<dyn AnyTokenProvider>>,
    /// What the server wants to find in the next proof.
    nonce: Mutex<Option<String>>,
    /// How many requests wait for a token.
    asking: watch::Sender<usize>,
}

/// As long as it is there, somebody is asked for a token.
struct Asking<'a>(&'a watch::Sender<usize>);

impl<'a> Asking<'a> {
    fn begin(asking: &'a watch::Sender<usize>) -> Self {
        asking.send_modify(|asking| *asking += 1);
        Self(asking)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|asking| *asking -= 1);
    }
}

impl Sender {
    pub(super) fn new(
        url: Url,
        client: reqwest::Client,
        headers: HeaderMap,
        token: Option<Arc<dyn AnyTokenProvider>>,
    ) -> Self {
        Self { url, client, headers, token, nonce: Mutex::default(), asking: watch::Sender::new(0) }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether requests say who calls.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some() || self.headers.contains_key(AUTHORIZATION)
    }

    /// Sends one message.
    pub(super) async fn post(&self, url: &Url, mut headers: HeaderMap, message: Bytes) -> Result<Response, Error> {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(headers::JSON));
        self.send(Method::POST, url, headers, message).await
    }

    /// Asks for an event stream.
    pub(super) async fn get(&self, mut headers: HeaderMap) -> Result<Response, Error> {
        headers.insert(ACCEPT, HeaderValue::from_static(headers::EVENT_STREAM));
        self.send(Method::GET, &self.url, headers, Bytes::new()).await
    }

    /// Ends what the headers name.
    pub(super) async fn delete(&self, headers: HeaderMap) -> Result<Response, Error> {
        self.send(Method::DELETE, &self.url, headers, Bytes::new()).await
    }

    async fn send(&self, method: Method, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Response, Error> {
        let Some(provider) = self.token.as_deref() else {
            return self.send_with(None, method, url, headers, body).await;
        };
        let mut credential = self.ask(provider, &method, url, None).await?;
        let mut attempts = 0;
        loop {
            let response =
                self.send_with(credential.as_ref(), method.clone(), url, headers.clone(), body.clone()).await?;
            self.note_nonce(&response);
            if !wants_another_token(&response) {
                return Ok(response);
            }
            let said = response.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenges = said.filter_map(|it| it.to_str().ok()).map(str::to_owned).collect();
            let status = response.status().as_u16();
            let token = credential.as_ref().map(|it| it.token.clone());
            let refused = RefusedToken { token, status, challenges, attempts };
            let another = self.ask(provider, &method, url, Some(refused)).await?;
            // The last refusal is only for the provider to say why there is no end to it.
            match another {
                Some(another) if attempts < MOST_TOKENS && is_worth_a_try(&another, credential.as_ref(), &response) => {
                    (credential, attempts) = (Some(another), attempts + 1);
                }
                _ => return Ok(response),
            }
        }
    }

    fn note_nonce(&self, response: &Response) {
        if let Some(nonce) = response.headers().get(DPOP_NONCE).and_then(|it| it.to_str().ok()) {
            *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce.to_owned());
        }
    }

    async fn ask(
        &self,
        provider: &dyn AnyTokenProvider,
        method: &Method,
        url: &Url,
        refused: Option<RefusedToken>,
    ) -> Result<Option<Credential>, Error> {
        let _asking = Asking::begin(&self.asking);
        let (server, method, url) = (self.url.clone(), method.to_string(), url.clone());
        let nonce = self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = TokenRequest { server, method, url, nonce, refused };
        provider.token_boxed(request).await.map_err(|error| {
            let told = format!("there is no token for {}", shown(&self.url));
            match error.downcast::<Error>() {
                Ok(error) => error.of_token(&told),
                Err(error) => Error::new(ErrorKind::Io, told).with_source(error),
            }
        })
    }

    /// Ready when nobody is asked for a token, who may have to ask a person. `None` if that is so already.
    pub(super) fn asks(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let mut asking = self.asking.subscribe();
        let is_asked = *asking.borrow() > 0;
        is_asked.then_some(async move { _ = asking.wait_for(|asking| *asking == 0).await })
    }

    async fn send_with(
        &self,
        credential: Option<&Credential>,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, Error> {
        let mut all = self.headers.clone();
        all.extend(headers);
        if let Some(Credential { token, proof }) = credential {
            let scheme = if proof.is_some() { "DPoP" } else { "Bearer" };
            all.insert(AUTHORIZATION, secret(&format!("{scheme} {token}"))?);
            if let Some(proof) = proof {
                all.insert(DPOP, secret(proof)?);
            }
        }
        let mut request = self.client.request(method, url.clone()).headers(all);
        if !body.is_empty() {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| {
            let what = if error.is_connect() { "could not be reached" } else { "did not answer a request" };
            Error::new(ErrorKind::Io, format!("the server at {} {what}", shown(url))).with_source(error.without_url())
        })?;
        // A client of the user's own may have been led away.
        if response.url().origin() != url.origin() {
            let message = format!("the server at {} redirected to another one, {}", shown(url), shown(response.url()));
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        Ok(response)
    }
}

fn secret(text: &str) -> Result<HeaderValue, Error> {
    let told = "the token has characters that no header can have";
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::new(ErrorKind::Configuration, told))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether what comes after this refusal may be taken: another token, or a proof with what the server has just said.
fn is_worth_a_try(another: &Credential, before: Option<&Credential>, refusal: &Response) -> bool {
    let is_another = before.is_none_or(|before| before.token != another.token);
    is_another || (another.proof.is_some() && refusal.headers().contains_key(DPOP_NONCE))
}

/// Whether the server might answer otherwise to somebody else.
fn wants_another_token(response: &Response) -> bool {
    let asks_for_more = |said: &HeaderValue| said.to_str().is_ok_and(|said| said.contains("insufficient_scope"));
    match response.status() {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => response.headers().get_all(WWW_AUTHENTICATE).iter().any(asks_for_more),
        _ => false,
    }
}

/// A URL without what may be secret.
pub(super) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}
