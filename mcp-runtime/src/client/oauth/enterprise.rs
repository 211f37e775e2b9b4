//! Organizations whose identity provider decides which servers may be used ([extension]).
//!
//! [extension]: https://modelcontextprotocol.io/extensions/auth/enterprise-managed-authorization

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde::Deserialize;
use url::Url;

use super::address::Guard;
use super::authorization_server::AuthorizationServer;
use super::fetch::{Fetch, Form};
use super::grant::request;
use super::identity::RegisteredClient;
use super::scope::Scopes;
use super::{distrusted, refused};
use crate::error::{Error, ErrorKind};
use crate::protocol::BoxFuture;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// The identity provider of an organization, where the users of the client have logged in
/// ([specification]). `Debug` shows nothing of who they are.
///
/// [specification]: https://modelcontextprotocol.io/extensions/auth/enterprise-managed-authorization
#[derive(Clone)]
pub struct IdentityProvider {
    issuer: String,
    client: RegisteredClient,
    user: Arc<dyn Fn() -> BoxFuture<'static, Result<IdentityAssertion, BoxError>> + Send + Sync>,
}

/// Who a user is, as the identity provider has said when they logged in. `Debug` does not show it.
#[derive(Clone)]
#[non_exhaustive]
pub enum IdentityAssertion {
    /// An ID token of OpenID Connect. A `String` is taken for one.
    IdToken(String),
    /// An assertion of SAML 2.0, in Base64 for URLs.
    Saml(String),
}

impl From<String> for IdentityAssertion {
    fn from(id_token: String) -> Self {
        Self::IdToken(id_token)
    }
}

impl fmt::Debug for IdentityAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdToken(_) => "IdToken(..)",
            Self::Saml(_) => "Saml(..)",
        })
    }
}

/// What stands for a user at the authorization server of an MCP server (an ID-JAG).
pub(super) struct Assertion {
    pub(super) assertion: String,
    /// What it is good for, if the identity provider gives less than was asked for.
    pub(super) scopes: Option<Scopes>,
}

/// What an identity provider answers ([RFC 8693]).
///
/// [RFC 8693]: https://www.rfc-editor.org/rfc/rfc8693#section-2.2.1
#[derive(Deserialize)]
struct ExchangeAnswer {
    access_token: String,
    issued_token_type: String,
    scope: Option<String>,
}

impl IdentityProvider {
    /// The one of this issuer, at which the client is registered for the login of its users. Where it takes requests,
    /// its metadata say.
    ///
    /// The closure says who the user is. It is asked for each token, and should renew what has ended.
    pub fn new<R, F, H>(issuer: impl Into<String>, client: RegisteredClient, user: H) -> Self
    where
        R: Into<IdentityAssertion>,
        F: Future<Output = Result<R, BoxError>> + Send + 'static,
        H: Fn() -> F + Send + Sync + 'static,
    {
        let user = move || -> BoxFuture<'static, Result<IdentityAssertion, BoxError>> {
            let user = user();
            Box::pin(async move { user.await.map(Into::into) })
        };
        Self { issuer: issuer.into(), client, user: Arc::new(user) }
    }

    /// Whether it can be one.
    pub(super) fn check(&self, anything_goes: bool) -> Result<Guard, Error> {
        let wrong = |error: BoxError| {
            let told = format!("the identity provider \"{}\" is at no address for secrets", self.issuer.escape_debug());
            Error::new(ErrorKind::Configuration, told).with_source(error)
        };
        let url = Url::parse(&self.issuer).map_err(|error| wrong(error.into()))?;
        Guard::of(&url, anything_goes).map_err(|error| wrong(error.into()))
    }

    /// Asks for what the authorization server of a resource believes ([specification]).
    ///
    /// [specification]: https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/stable/enterprise-managed-authorization.mdx
    pub(super) async fn assertion(
        &self,
        fetch: &Fetch,
        guard: Guard,
        audience: &str,
        resource: &str,
        scopes: &Scopes,
    ) -> Result<Assertion, Error> {
        let told = "it is not known who the user is: they have to log in at the identity provider";
        let user = (self.user)().await.map_err(|error| refused(told).with_source(error))?;
        let (subject, kind) = match user {
            IdentityAssertion::IdToken(token) => (token, "urn:ietf:params:oauth:token-type:id_token"),
            IdentityAssertion::Saml(assertion) => (assertion, "urn:ietf:params:oauth:token-type:saml2"),
        };
        let server = AuthorizationServer::discover(fetch, guard, &self.issuer).await?;
        let client = self.client.at(&server)?;
        let mut form = Form::default();
        form.field("grant_type", TOKEN_EXCHANGE)
            .field("requested_token_type", ID_JAG)
            .field("audience", audience)
            .field("resource", resource)
            .field("subject_token", subject)
            .field("subject_token_type", kind);
        if !scopes.is_empty() {
            form.field("scope", scopes.to_string());
        }
        tracing::debug!(issuer = %self.issuer, resource, %scopes, "asking the identity provider");
        let answer: ExchangeAnswer =
            request(fetch, &server, &client, &form, None).await.map_err(|failure| failure.into_error())?;
        if answer.issued_token_type != ID_JAG {
            return Err(distrusted("the identity provider gave something else than what was asked for"));
        }
        Ok(Assertion { assertion: answer.access_token, scopes: answer.scope.map(|it| Scopes::from_text(&it)) })
    }
}

impl fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, client, .. } = self;
        f.debug_struct("IdentityProvider").field("issuer", issuer).field("client", client).finish_non_exhaustive()
    }
}
