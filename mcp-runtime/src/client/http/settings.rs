//! What a client over HTTP is told before it connects.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, Url};

use super::send::Sender;
use super::token::{AnyTokenProvider, TokenProvider, TokenRequest};
use crate::client::ClientBuilder;
use crate::error::{Error, ErrorKind};
use crate::transport::http::headers;

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(30);
/// How often a connection on which nothing happens is tried.
const TRIED: Duration = Duration::from_secs(30);
/// How often a request is sent on to another path of the same server.
const REDIRECTS: usize = 5;

#[derive(Default)]
pub(in crate::client) struct Settings {
    headers: Vec<(String, String)>,
    token: Option<Arc<dyn AnyTokenProvider>>,
    client: Option<reqwest::Client>,
}

impl ClientBuilder {
    /// Sends a header with each HTTP request, such as the key of an API; several of one name are all sent. Only
    /// [`Client::http`](crate::Client::http) has use for it. What a header says is secret: it is in no log.
    ///
    /// ```
    /// # use mcp_runtime::Client;
    /// let client = Client::http("https://mcp.example.com/mcp").header("X-Api-Key", "secret");
    /// ```
    ///
    /// Headers that are the protocol's own, or HTTP's, cannot be set: `Accept`, `Content-Type`, `Host`, `Last-Event-ID`
    /// and all that begin with `Mcp-`, for example. Such a header, and one that is none, makes
    /// [`connect`](Self::connect) fail with [`ErrorKind::Configuration`].
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.http.headers.push((name.into(), value.into()));
        self
    }

    /// Sends this token with each HTTP request, as `Authorization: Bearer`. One that has to be renewed now and then comes
    /// from a [provider](Self::token_provider).
    ///
    /// ```
    /// # use mcp_runtime::Client;
    /// let client = Client::http("https://mcp.example.com/mcp").bearer("secret");
    /// ```
    pub fn bearer(self, token: impl Into<String>) -> Self {
        let token = token.into();
        self.token_provider(move |_: TokenRequest| {
            let token = token.clone();
            async move { Ok::<_, std::convert::Infallible>(Some(token)) }
        })
    }

    /// Asks for a token before each HTTP request, and again when the server has refused it.
    pub fn token_provider(mut self, provider: impl TokenProvider) -> Self {
        self.http.token = Some(Arc::new(provider));
        self
    }

    /// Makes HTTP requests with this client, which has its own settings for proxies, certificates and connections.
    ///
    /// By default, one is made that trusts what the platform trusts, takes proxies from the environment, and lets no
    /// server redirect it to another one. One of your own should follow no redirects to other servers either
    /// (see `redirect::Policy` of reqwest): whatever it is told to send, it would send there, too.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http.client = Some(client);
        self
    }
}

impl Settings {
    /// The extensions that tokens come by.
    pub(in crate::client) fn extensions(&self) -> &'static [&'static str] {
        self.token.as_ref().map_or(&[], |token| token.all_extensions())
    }

    /// What sends requests to this URL.
    pub(in crate::client) fn sender(self, url: &str) -> Result<Sender, Error> {
        let wrong = |message: String| Error::new(ErrorKind::Configuration, message);
        // The URL itself may hold secrets.
        let url =
            Url::parse(url).map_err(|error| wrong("the URL of the server is none".to_owned()).with_source(error))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong(format!(
                "the URL of a server begins with `https://` or `http://`, not `{}:`",
                url.scheme()
            )));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|error| {
                wrong(format!("`{}` is not the name of a header", name.escape_debug())).with_source(error)
            })?;
            if is_own(&parsed) {
                return Err(wrong(format!(
                    "the header `{name}` is the protocol's own, or that of HTTP; it cannot be set"
                )));
            }
            if parsed == AUTHORIZATION && self.token.is_some() {
                return Err(wrong(
                    "there are both a token and a header `Authorization`; only one can be sent".to_owned(),
                ));
            }
            let mut value = HeaderValue::from_str(&value).map_err(|error| {
                wrong(format!("what the header `{name}` says is not allowed there")).with_source(error)
            })?;
            value.set_sensitive(true);
            headers.append(parsed, value);
        }
        let client = match self.client {
            Some(client) => client,
            None => client()?,
        };
        Ok(Sender::new(url, client, headers, self.token))
    }
}

/// Whether only the protocol may say it.
fn is_own(name: &HeaderName) -> bool {
    let of_http = [ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING];
    of_http.contains(name) || *name == headers::LAST_EVENT_ID || name.as_str().starts_with("mcp-")
}

fn client() -> Result<reqwest::Client, Error> {
    // Also where another crate of the program has it unpack what is compressed.
    reqwest::Client::builder()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .user_agent(concat!("mcp-runtime/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::custom(stay))
        .referer(false)
        .connect_timeout(CONNECT)
        .tcp_keepalive(TRIED)
        .http2_keep_alive_interval(TRIED)
        .http2_keep_alive_while_idle(true)
        .build()
        .map_err(|error| Error::new(ErrorKind::Configuration, "no HTTP client can be made").with_source(error))
}

/// Goes on to another path of the same server, with the same request; to nowhere else.
fn stay(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let repeats = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let is_same = attempt.previous().iter().all(|previous| previous.origin() == attempt.url().origin());
    match repeats && is_same && attempt.previous().len() <= REDIRECTS {
        true => attempt.follow(),
        false => attempt.stop(),
    }
}
