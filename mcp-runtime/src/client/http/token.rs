//! Who shows servers that a client may call them.

use std::fmt;
use std::future::Future;

use reqwest::Url;

use super::send::shown;
use crate::protocol::BoxFuture;

/// What goes wrong where tokens come from.
type TokenError = Box<dyn std::error::Error + Send + Sync>;

/// Gives the tokens that a client sends over HTTP, as `Authorization: Bearer` or `Authorization: DPoP`
/// ([specification]).
///
/// It is asked before each request, so it should keep what it has got. A server that refuses a token makes it be asked
/// once more, with what the server said; if it gives another token then, the request is made again. There are three
/// such attempts at most. The time that it takes does not count as the server's: it may ask a person.
///
/// A closure that takes a [`TokenRequest`] is one. With the feature `client-oauth`, so is `oauth::OAuth`, which asks
/// authorization servers.
///
/// ```
/// use mcp_runtime::Client;
/// use mcp_runtime::client::{Credential, TokenProvider, TokenRequest};
///
/// /// Takes the token from the environment, every time anew.
/// struct FromEnvironment;
///
/// impl TokenProvider for FromEnvironment {
///     async fn token(
///         &self,
///         _: TokenRequest,
///     ) -> Result<Option<Credential>, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(std::env::var("EXAMPLE_TOKEN").ok().map(Credential::bearer))
///     }
/// }
///
/// let client = Client::http("https://mcp.example.com/mcp").token_provider(FromEnvironment);
///
/// // The same, as a closure.
/// let client = Client::http("https://mcp.example.com/mcp")
///     .token_provider(|_: TokenRequest| async { Ok::<_, std::io::Error>(std::env::var("EXAMPLE_TOKEN").ok()) });
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization
#[diagnostic::on_unimplemented(
    message = "`{Self}` gives no tokens",
    label = "not a token provider",
    note = "a closure must take `TokenRequest` and return a future of `Result<Option<String>, E>`, or of \
            `Result<Option<Credential>, E>`; \
            a provider implements `TokenProvider`"
)]
pub trait TokenProvider: Send + Sync + 'static {
    /// The token to send; `None` for none.
    ///
    /// # Errors
    ///
    /// When none can be had: the request is not made then, and ends with [`ErrorKind::Io`](crate::ErrorKind::Io), or
    /// with [`ErrorKind::Unauthorized`](crate::ErrorKind::Unauthorized) if the error is an [`Error`](crate::Error) of
    /// another kind than that.
    fn token(&self, request: TokenRequest) -> impl Future<Output = Result<Option<Credential>, TokenError>> + Send;

    /// The extensions of the protocol that it is a part of, which the client then declares to modern servers
    /// ([specification]); none by default.
    ///
    /// [specification]: https://modelcontextprotocol.io/extensions/auth/overview
    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }
}

impl<H, F, T, E> TokenProvider for H
where
    H: Fn(TokenRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Option<T>, E>> + Send,
    T: Into<Credential>,
    E: Into<TokenError>,
{
    fn token(&self, request: TokenRequest) -> impl Future<Output = Result<Option<Credential>, TokenError>> + Send {
        let token = self(request);
        async move { token.await.map(|token| token.map(Into::into)).map_err(Into::into) }
    }
}

/// What one request shows: a token, and the proof that the client has the key to which it is bound, if it is bound to
/// one ([RFC 9449]). `Debug` shows neither.
///
/// [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449#section-7.1
#[derive(Clone)]
pub struct Credential {
    pub(super) token: String,
    pub(super) proof: Option<String>,
}

impl Credential {
    /// A token that is bound to nothing. A `String` is taken for one.
    pub fn bearer(token: impl Into<String>) -> Self {
        Self { token: token.into(), proof: None }
    }

    /// A token that is bound to a key, and the proof for the one request that it was asked for.
    pub fn dpop(token: impl Into<String>, proof: impl Into<String>) -> Self {
        Self { token: token.into(), proof: Some(proof.into()) }
    }
}

impl From<String> for Credential {
    fn from(token: String) -> Self {
        Self::bearer(token)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.proof.is_some() { "Credential(DPoP ..)" } else { "Credential(Bearer ..)" })
    }
}

/// What a token is asked for.
#[derive(Clone)]
#[non_exhaustive]
pub struct TokenRequest {
    /// The URL of the server, as the client was given it.
    pub server: Url,
    /// The method of the HTTP request.
    pub method: String,
    /// Where it goes: to the URL of the server, except on servers of 2024-11-05.
    pub url: Url,
    /// What the proof of a bound token has to contain, if the server has ever said so (`DPoP-Nonce`).
    pub nonce: Option<String>,
    /// The answer of the server to the last token, if it has just refused it.
    pub refused: Option<RefusedToken>,
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("server", &shown(&self.server))
            .field("method", &self.method)
            .field("url", &shown(&self.url))
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// A token that a server did not take.
#[derive(Clone)]
#[non_exhaustive]
pub struct RefusedToken {
    /// The token, if one was sent.
    pub token: Option<String>,
    /// The status of the answer: 401, or 403 if the token is good for less than what was asked for.
    pub status: u16,
    /// What the server wants, as its `WWW-Authenticate` headers say.
    pub challenges: Vec<String>,
    /// How many tokens the same request was made again with before.
    pub attempts: u32,
}

impl fmt::Debug for RefusedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever reads the log must not get the token.
        let token = self.token.as_ref().map(|_| "..");
        f.debug_struct("RefusedToken")
            .field("token", &token)
            .field("status", &self.status)
            .field("challenges", &self.challenges)
            .field("attempts", &self.attempts)
            .finish()
    }
}

/// A [`TokenProvider`] of any type.
pub(super) trait AnyTokenProvider: Send + Sync {
    fn token_boxed(&self, request: TokenRequest) -> BoxFuture<'_, Result<Option<Credential>, TokenError>>;
    fn all_extensions(&self) -> &'static [&'static str];
}

impl<P: TokenProvider> AnyTokenProvider for P {
    fn token_boxed(&self, request: TokenRequest) -> BoxFuture<'_, Result<Option<Credential>, TokenError>> {
        Box::pin(self.token(request))
    }

    fn all_extensions(&self) -> &'static [&'static str] {
        self.extensions()
    }
}
