use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::protocol::{BoxFuture, Extensions, Principal};

/// What a token says that was verified: whom it was given to, and what it allows. The token itself is not kept:
/// it is good for this server only, and must not be handed on.
///
/// Middleware that verifies tokens by itself puts one into the extensions of the request.
///
/// ```
/// use mcp_runtime::auth::AccessToken;
///
/// let token = AccessToken::new("ada").scopes(["catalog:read", "catalog:write"]);
/// assert!(token.has_scope("catalog:read"));
/// assert!(!token.has_scope("catalog"));
/// assert_eq!(token.principal().as_str(), "ada");
/// ```
#[derive(Clone)]
pub struct AccessToken {
    principal: Principal,
    client: Option<Arc<str>>,
    scopes: Arc<[String]>,
    claims: Arc<Map<String, Value>>,
}

impl AccessToken {
    /// A token of this principal, which allows nothing that needs a scope.
    pub fn new(principal: impl Into<Arc<str>>) -> Self {
        Self { principal: Principal::new(principal), client: None, scopes: Arc::default(), claims: Arc::default() }
    }

    /// What it allows; instead of what it did before.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The client that it was given to, by its id there.
    #[must_use]
    pub fn client(mut self, id: impl Into<Arc<str>>) -> Self {
        self.client = Some(id.into());
        self
    }

    /// All else that it says.
    #[must_use]
    pub fn claims(mut self, claims: Map<String, Value>) -> Self {
        self.claims = Arc::new(claims);
        self
    }

    /// Whom it was given to.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The id of the client that it was given to, if it says that.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Whether it allows something.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|it| it == scope)
    }

    /// Everything that it allows.
    pub fn granted(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(|scope| &**scope)
    }

    /// Something else that it says.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }
}

impl fmt::Debug for AccessToken {
    /// Without what only its owner should read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("principal", &self.principal)
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// The scopes of the token of a request, if it has one that was verified.
pub(crate) fn granted(extensions: &Extensions) -> Option<Vec<String>> {
    let token: &AccessToken = extensions.get()?;
    Some(token.granted().map(str::to_owned).collect())
}

/// Why a token is not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenError {
    /// It is not worth anything here; the text says why, and whoever sent it reads it.
    Invalid(&'static str),
    /// Nobody can say at the moment; the log has the reason, whoever sent it does not.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(reason) => f.write_str(reason),
            Self::Unavailable(_) => f.write_str("the token cannot be verified at the moment"),
        }
    }
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(_) => None,
            Self::Unavailable(source) => Some(&**source),
        }
    }
}

/// Says what a token is worth.
///
/// It must find out that the token was issued for this very server, by somebody who is trusted, and has not
/// expired ([specification]).
///
/// A closure that takes the token is one:
///
/// ```
/// use mcp_runtime::auth::{AccessToken, TokenError, TokenVerifier};
///
/// let verifier = |token: String| async move {
///     match &*token {
///         "secret" => Ok(AccessToken::new("ada")),
///         _ => Err(TokenError::Invalid("nobody has such a token")),
///     }
/// };
/// # fn is_verifier(_: impl TokenVerifier) {}
/// # is_verifier(verifier);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#token-handling
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot verify tokens",
    label = "not a token verifier",
    note = "a closure must take a `String` and return a future of `Result<AccessToken, TokenError>`"
)]
pub trait TokenVerifier: Send + Sync + 'static {
    /// Verifies a token as it stands in the header `Authorization`, after `Bearer`.
    ///
    /// # Errors
    ///
    /// When it is worth nothing, or nobody can say.
    fn verify(&self, token: &str) -> impl Future<Output = Result<AccessToken, TokenError>> + Send;
}

impl<V, F> TokenVerifier for V
where
    V: Fn(String) -> F + Send + Sync + 'static,
    F: Future<Output = Result<AccessToken, TokenError>> + Send,
{
    fn verify(&self, token: &str) -> impl Future<Output = Result<AccessToken, TokenError>> + Send {
        self(token.to_owned())
    }
}

/// A verifier of any type.
pub(crate) trait AnyVerifier: Send + Sync {
    fn verify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<AccessToken, TokenError>>;
}

impl<V: TokenVerifier> AnyVerifier for V {
    fn verify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(TokenVerifier::verify(self, token))
    }
}
