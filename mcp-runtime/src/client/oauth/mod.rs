//! Authorizes clients at servers over HTTP, with OAuth 2.1 ([specification]).
//!
//! ```no_run
//! use mcp_runtime::Client;
//! use mcp_runtime::client::oauth::OAuth;
//!
//! # fn open_browser(_: &str) -> std::io::Result<()> { Ok(()) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), mcp_runtime::Error> {
//! let oauth = OAuth::builder("Weather desk")
//!     .on_authorize(|page| async move {
//!         open_browser(page.url())?;
//!         Ok(())
//!     })
//!     .build()?;
//! let client = Client::http("https://mcp.example.com/mcp").token_provider(oauth).connect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization

mod address;
mod assertion;
mod authorization_server;
mod authorize;
mod builder;
mod challenge;
mod dpop;
mod enterprise;
mod fetch;
mod flow;
mod grant;
mod identity;
mod provider;
mod random;
mod redirect;
mod refusal;
mod resource;
mod scope;
mod store;
mod token;
mod workload;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::DropGuard;
use tracing::Instrument as _;
pub use url::Url;

pub use assertion::{PrivateKey, SigningAlgorithm};
pub use authorize::{AuthorizationRequest, Callback};
pub use builder::OAuthBuilder;
pub use challenge::Challenge;
pub use enterprise::{IdentityAssertion, IdentityProvider};
pub use identity::RegisteredClient;
pub use store::{MemoryTokens, Secret, TokenStore};
pub use token::AccessToken;
pub use workload::AssertionRequest;

use crate::error::{Error, ErrorKind};
use builder::{Settings, Who};
use fetch::Fetch;
use flow::Flows;
use workload::Workload;

/// Gets tokens for servers that want them, and keeps them fresh ([specification]).
///
/// A server that wants a token says so when it refuses a request. The client then finds out from the server's
/// metadata who gives tokens for it, gets known there, and asks: the user, in a browser
/// ([`OAuthBuilder::on_authorize`]), or nobody, if it [acts for itself](OAuth::client_credentials). What it gets it
/// keeps, by server and authorization server ([`OAuthBuilder::store`]), and refreshes before it ends. If a server
/// wants more scopes for a request, the user is asked again, for those and the ones before.
///
/// Clones share all this; one `OAuth` is enough for all clients of a program. Requests to one server that need a
/// token at the same time wait for the same one, so that nobody is asked twice.
///
/// # Who the client is
///
/// In this order: a client that is [registered](OAuthBuilder::registered) at the authorization server; the
/// [metadata document](OAuthBuilder::client_id_metadata_document), where the authorization server takes such; or one
/// that the authorization server registers when it is asked, under the name given here. That registration is kept too,
/// and used nowhere else.
///
/// # Tokens that only this client can use
///
/// If a server takes tokens that are bound to a key ([RFC 9449], DPoP), and its authorization server does not say that
/// it cannot make such, the client makes a key (P-256, ES256), asks for a token that is bound to it, and shows with each
/// request that it has the key. Whoever finds such a token cannot use it. The key is kept with the tokens in the
/// [store](OAuthBuilder::store), for as long as they can be refreshed.
///
/// # What is not trusted
///
/// Everything that a server says about tokens comes from whoever runs it. Metadata have to be about the server that
/// was asked, and about the authorization server that was named, character for character. Addresses have to be
/// `https`, except those of this machine, to which only servers at this machine may send the client. Redirections to
/// other origins are not followed; answers are bounded to 256 KiB and 30 seconds. Authorization servers have to
/// protect codes (PKCE with S256). What comes back from the browser has to carry the `state` of the request and, where
/// it was announced, the right `iss`. Tokens and secrets appear neither in errors, nor in the log, nor in `Debug`.
///
/// [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization
#[derive(Clone)]
pub struct OAuth {
    flows: Arc<Flows>,
    _open: Arc<DropGuard>,
}

impl OAuth {
    /// Authorizes for a user. The name is what authorization servers show the user when they register the client.
    pub fn builder(name: impl Into<String>) -> OAuthBuilder {
        OAuthBuilder::new(name.into(), Who::User, Vec::new())
    }

    /// Authorizes for the client itself ([extension]): there is no user, and nobody is asked. The client shows a
    /// secret or signs with a key.
    ///
    /// ```
    /// use mcp_runtime::client::oauth::{OAuth, RegisteredClient};
    ///
    /// # fn main() -> Result<(), mcp_runtime::Error> {
    /// let client = RegisteredClient::new("nightly-report").secret("s3cr3t").issuer("https://login.example.com");
    /// let oauth = OAuth::client_credentials(client).scopes(["reports:read"]).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [extension]: https://modelcontextprotocol.io/extensions/auth/oauth-client-credentials
    pub fn client_credentials(client: RegisteredClient) -> OAuthBuilder {
        OAuthBuilder::new(client.id.clone(), Who::Client, vec![client])
    }

    /// Authorizes for a workload that its platform knows, such as a pod of Kubernetes or a job of a CI system
    /// ([RFC 7523]): what the platform says of it stands for a secret, and nobody is asked.
    ///
    /// The closure is asked for a JWT of the platform each time a token is needed; if it has none, or the authorization
    /// server does not believe it, the request fails. It must not call the server that is being authorized.
    ///
    /// The client needs an [issuer](RegisteredClient::issuer): the JWT is shown to no other authorization server,
    /// whatever a server names (but see [`OAuthBuilder::allow_any_issuer`]).
    ///
    /// ```
    /// use mcp_runtime::client::oauth::{AssertionRequest, OAuth, RegisteredClient};
    ///
    /// # fn main() -> Result<(), mcp_runtime::Error> {
    /// let client = RegisteredClient::new("nightly-report").issuer("https://login.example.com");
    /// let oauth = OAuth::workload(client, |_: AssertionRequest| async {
    ///     Ok(tokio::fs::read_to_string("/var/run/secrets/tokens/mcp").await?)
    /// });
    /// let oauth = oauth.build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [RFC 7523]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
    pub fn workload<F, H>(client: RegisteredClient, assertion: H) -> OAuthBuilder
    where
        F: Future<Output = Result<String, Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
        H: Fn(AssertionRequest) -> F + Send + Sync + 'static,
    {
        OAuthBuilder::new(client.id.clone(), Who::Workload(Workload::new(assertion)), vec![client])
    }

    /// Authorizes for a user whose organization decides which servers they may use ([extension]): its identity
    /// provider, where the user has logged in, is asked for what stands for them at the server's authorization server
    /// (an ID-JAG), at which the client is registered. The user is not asked again.
    ///
    /// A client with a secret or a key needs an [issuer](RegisteredClient::issuer): it is shown to no other
    /// authorization server, whatever a server names (but see [`OAuthBuilder::allow_any_issuer`]).
    ///
    /// ```
    /// use mcp_runtime::client::oauth::{IdentityProvider, OAuth, RegisteredClient};
    ///
    /// # async fn id_token() -> std::io::Result<String> { Ok(String::new()) }
    /// # fn main() -> Result<(), mcp_runtime::Error> {
    /// let acme = RegisteredClient::new("weather-desk-at-acme").secret("0p3n");
    /// let acme = IdentityProvider::new("https://acme.idp.example.com", acme, || async { Ok(id_token().await?) });
    /// let client = RegisteredClient::new("weather-desk").secret("s3cr3t").issuer("https://login.example.com");
    /// let oauth = OAuth::enterprise_managed(client, acme).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [extension]: https://modelcontextprotocol.io/extensions/auth/enterprise-managed-authorization
    pub fn enterprise_managed(client: RegisteredClient, provider: IdentityProvider) -> OAuthBuilder {
        OAuthBuilder::new(client.id.clone(), Who::Organization(provider), vec![client])
    }

    fn of(settings: Settings, fetch: Fetch) -> Self {
        let flows = Flows::new(settings, fetch);
        let open = Arc::new(flows.closed.clone().drop_guard());
        Self { flows: Arc::new(flows), _open: open }
    }

    /// A token for a request to this server: before it is sent, without a challenge, or when the server has refused
    /// it, with what it said. `None` if there is none, or none would help: then the request is sent without one, or
    /// stays refused.
    ///
    /// A client over HTTP asks this by itself, as its [provider](crate::client::TokenProvider). It is here for whoever
    /// makes requests of their own.
    ///
    /// Whoever drops the future does not stop what it has begun: a user may be about to agree, and a refresh token may
    /// have been used already. What comes of it is kept for the next request. Dropping all clones of the `OAuth` stops
    /// waiting for users.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unauthorized`]: the user or the authorization server said no, nobody can be asked, or the server
    ///   does not accept what it was given.
    /// - [`ErrorKind::Protocol`]: what the server or the authorization server says is not to be trusted.
    /// - [`ErrorKind::Configuration`]: the registered client does not fit the authorization server.
    /// - [`ErrorKind::Timeout`]: the user did not decide, or an authorization server did not answer, in time.
    /// - [`ErrorKind::Io`]: an authorization server cannot be reached, or the store of tokens.
    /// - [`ErrorKind::Closed`]: all clones were dropped while a user was asked.
    ///
    /// # Panics
    ///
    /// When it is not called within a tokio runtime.
    pub async fn token(&self, server: &Url, challenge: Option<&Challenge>) -> Result<Option<AccessToken>, Error> {
        match challenge {
            None => {
                if let Ok(token) = self.flows.good_token(server) {
                    return Ok(token);
                }
            }
            Some(challenge) if challenge.status() == 401 || challenge.wants_more_scopes() => {}
            Some(_) => return Ok(None),
        }
        let turn = self.flows.turn(server).lock_owned().await;
        let (flows, server, challenge) = (self.flows.clone(), server.clone(), challenge.cloned());
        let work = async move {
            let _turn = turn;
            match challenge {
                None => flows.renew(&server).await,
                Some(challenge) => flows.answer(&server, &challenge).await,
            }
        };
        // A task of its own, so that it goes on when the request is dropped.
        tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| {
            Err(refused("the closure given to `on_authorize`, or the store of tokens, panicked").with_source(error))
        })
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth").field("name", &self.flows.settings.name).finish_non_exhaustive()
    }
}

/// Somebody says no.
fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unauthorized, message)
}

/// Somebody says what cannot be right.
fn distrusted(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message)
}
