use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::assertion::PrivateKey;
use super::authorize::{AuthorizationRequest, Callback};
use super::enterprise::IdentityProvider;
use super::fetch::Fetch;
use super::identity::{RegisteredClient, is_document};
use super::scope::Scopes;
use super::store::{MemoryTokens, Records, TokenStore};
use super::workload::Workload;
use super::{OAuth, redirect};
use crate::error::{Error, ErrorKind};
use crate::protocol::BoxFuture;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Ask = Arc<dyn Fn(AuthorizationRequest) -> BoxFuture<'static, Result<Callback, BoxError>> + Send + Sync>;

/// What the builder was told.
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) who: Who,
    pub(super) registered: Vec<RegisteredClient>,
    pub(super) document: Option<String>,
    /// What the document says that the client signs with.
    pub(super) key: Option<PrivateKey>,
    pub(super) redirect_uri: String,
    pub(super) scopes: Scopes,
    pub(super) ask: Option<Ask>,
    pub(super) patience: Duration,
    pub(super) records: Records,
    pub(super) anything_goes: bool,
}

/// For whom the client acts.
pub(super) enum Who {
    /// A user, who is asked.
    User,
    /// Itself.
    Client,
    /// Itself, as its platform knows it.
    Workload(Workload),
    /// A user, of whom an organization says what they may.
    Organization(IdentityProvider),
}

/// Builds an [`OAuth`].
#[must_use = "a builder does nothing until it is built"]
pub struct OAuthBuilder {
    settings: Settings,
    http: reqwest::ClientBuilder,
    any_issuer: bool,
}

impl OAuthBuilder {
    pub(super) fn new(name: String, who: Who, registered: Vec<RegisteredClient>) -> Self {
        let settings = Settings {
            name,
            who,
            registered,
            document: None,
            key: None,
            redirect_uri: "http://127.0.0.1/callback".to_owned(),
            scopes: Scopes::default(),
            ask: None,
            patience: Duration::from_secs(300),
            records: Records::in_store(MemoryTokens::default()),
            anything_goes: false,
        };
        let http = reqwest::Client::builder().no_gzip().no_brotli().no_deflate().no_zstd();
        Self { settings, http, any_issuer: false }
    }

    /// Asks the user: opens the page in a browser.
    ///
    /// If the closure returns `()`, the client waits for the browser to come back to the
    /// [redirect URI](Self::redirect_uri). If it returns a text, that is the address that the browser was sent to,
    /// with its query: so web applications do it, that have such an address themselves, and programs that let the
    /// user paste it.
    ///
    /// Without it, a server that wants authorization is an error that names the page.
    ///
    /// The closure must not call the server that is being authorized: that waits for it.
    pub fn on_authorize<F, R, H>(mut self, ask: H) -> Self
    where
        R: Into<Callback>,
        F: Future<Output = Result<R, BoxError>> + Send + 'static,
        H: Fn(AuthorizationRequest) -> F + Send + Sync + 'static,
    {
        self.settings.ask = Some(Arc::new(move |request| {
            let asked = ask(request);
            Box::pin(async move { asked.await.map(Into::into) })
        }));
        self
    }

    /// How long the user may take to decide; 5 minutes by default.
    pub fn authorization_timeout(mut self, time: Duration) -> Self {
        self.settings.patience = time;
        self
    }

    /// Where the browser is sent when the user has decided; `http://127.0.0.1/callback` by default, at a port that
    /// is free.
    ///
    /// An address of this machine without a port gets a free one, each time the same if possible; authorization
    /// servers have to take any for 127.0.0.1. With a port, it is this one. Another machine has to be at an `https`
    /// address, and the closure of [`on_authorize`](Self::on_authorize) then sees the browser come back.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.settings.redirect_uri = uri.into();
        self
    }

    /// The address of the client's metadata document, by which authorization servers know it that have not met it
    /// before ([specification]): an `https` address, with a path. The document lists the
    /// [redirect URI](Self::redirect_uri).
    ///
    /// Servers that know no such documents are asked to register the client.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration#client-id-metadata-documents
    pub fn client_id_metadata_document(mut self, url: impl Into<String>) -> Self {
        self.settings.document = Some(url.into());
        self
    }

    /// The key that the [metadata document](Self::client_id_metadata_document) names in its `jwks`, or at its `jwks_uri`:
    /// the client then shows by a signature who it is (`private_key_jwt`, [specification]). A document that names none
    /// is that of a public client.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration#client-id-metadata-documents
    pub fn client_key(mut self, key: PrivateKey) -> Self {
        self.settings.key = Some(key);
        self
    }

    /// A client that is registered already. There may be several, of different [issuers](RegisteredClient::issuer).
    pub fn registered(mut self, client: RegisteredClient) -> Self {
        self.settings.registered.push(client);
        self
    }

    /// Scopes that are always asked for, beside those that a server wants. Without any, those that the server lists
    /// are, unless it wants certain ones.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.settings.scopes = Scopes::from_iter(scopes);
        self
    }

    /// Where tokens and registrations are kept; in the memory of the process by default.
    pub fn store(mut self, store: impl TokenStore) -> Self {
        self.settings.records = Records::in_store(store);
        self
    }

    /// How requests to authorization servers are made: through which proxy, trusting which certificates. Redirections
    /// are not followed, whatever it says.
    pub fn http_client(mut self, client: reqwest::ClientBuilder) -> Self {
        self.http = client;
        self
    }

    /// Lets servers and authorization servers be at plain `http` addresses, and send the client to any address of
    /// its network. For development, in a network where everybody is trusted: others would read the tokens.
    pub fn allow_insecure_addresses(mut self) -> Self {
        self.settings.anything_goes = true;
        self
    }

    /// Lets servers choose to which authorization server a [workload](OAuth::workload) shows the tokens of its platform,
    /// and a client that is [managed by an organization](OAuth::enterprise_managed) its secret, so that neither needs an
    /// [issuer](RegisteredClient::issuer).
    ///
    /// This is dangerous: any server that the client calls can name an authorization server of its own, which then has
    /// what was shown and can use it elsewhere. It is for tests, and for programs that call only servers of one party.
    pub fn allow_any_issuer(mut self) -> Self {
        self.any_issuer = true;
        self
    }

    /// The finished authorization.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the redirect URI or the address of the metadata document cannot be one, when a
    /// key is given without such a document, when two registered clients have the same or no issuer, when one that acts
    /// for itself has neither secret nor key, when a workload, or a client with a secret or a key that an organization
    /// manages, has no issuer, when a workload has a metadata document, when the identity provider is at no `https`
    /// address, or when there is no TLS.
    pub fn build(self) -> Result<OAuth, Error> {
        let Self { settings, http, any_issuer } = self;
        let wrong = |why: String| Err(Error::new(ErrorKind::Configuration, why));
        redirect::parse(&settings.redirect_uri)?;
        if let Some(url) = settings.document.as_ref().filter(|it| !is_document(it)) {
            return wrong(format!("{url:?} is no address of a client's metadata: it needs https and a path"));
        }
        if settings.key.is_some() && settings.document.is_none() {
            return wrong("the key of the client is that of a metadata document, and there is none".to_owned());
        }
        for (at, client) in settings.registered.iter().enumerate() {
            if settings.registered.iter().skip(at + 1).any(|it| it.issuer == client.issuer) {
                return wrong(format!("a second client is registered where {:?} is: give each its issuer", client.id));
            }
            if matches!(settings.who, Who::Client) && client.is_public() {
                return wrong(format!("the client {:?} cannot act for itself without a secret or a key", client.id));
            }
            let shows_secrets = match &settings.who {
                Who::Workload(_) => true,
                Who::Organization(_) => !client.is_public(),
                Who::User | Who::Client => false,
            };
            if shows_secrets && client.issuer.is_none() && !any_issuer {
                return wrong(format!(
                    "the client {:?} would show its secrets to any authorization server that a server names: say where \
                     it is registered, with `RegisteredClient::issuer`",
                    client.id
                ));
            }
        }
        if matches!(settings.who, Who::Workload(_)) && settings.document.is_some() && !any_issuer {
            // By its document it is known everywhere, whatever issuer it was given.
            let told = "a workload with a metadata document would show its secrets to any authorization server that a \
                        server names: leave the document out, and register the client with its issuer";
            return wrong(told.to_owned());
        }
        if let Who::Organization(provider) = &settings.who {
            provider.check(settings.anything_goes)?;
        }
        Ok(OAuth::of(settings, Fetch::new(http)?))
    }
}

impl fmt::Debug for OAuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthBuilder").field("name", &self.settings.name).finish_non_exhaustive()
    }
}
