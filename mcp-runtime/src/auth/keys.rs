//! The keys of an authorization server: fetched when they are needed, kept, and fetched anew when one is not
//! among them.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::TokenError;
use super::fetch::{self, trusted, unavailable};

/// After so long they are fetched again.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// However many tokens name keys that nobody knows, they are not fetched more often.
const PAUSE: Duration = Duration::from_secs(10);

pub(super) enum Keys {
    /// They were given.
    Fixed(Arc<JwkSet>),
    Fetched {
        source: Source,
        kept: Mutex<Kept>,
    },
}

pub(super) enum Source {
    /// Where the metadata of the issuer says that they are.
    Issuer(String),
    Url(String),
}

#[derive(Default)]
pub(super) struct Kept {
    client: Option<Client>,
    url: Option<Url>,
    keys: Option<(Arc<JwkSet>, Instant)>,
    tried: Option<Instant>,
}

/// Metadata of an authorization server, as far as keys are concerned.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
}

impl Keys {
    pub(super) fn of(source: Source) -> Self {
        Self::Fetched { source, kept: Mutex::default() }
    }

    /// The keys among which the one of this id is, if there is such a key.
    pub(super) async fn with(&self, id: Option<&str>) -> Result<Arc<JwkSet>, TokenError> {
        let (source, kept) = match self {
            Self::Fixed(keys) => return Ok(keys.clone()),
            Self::Fetched { source, kept } => (source, kept),
        };
        // Whoever comes meanwhile waits for the same answer.
        let mut kept = kept.lock().await;
        let is_known = |keys: &JwkSet| id.is_none_or(|id| keys.find(id).is_some());
        if let Some((keys, since)) = &kept.keys
            && since.elapsed() < FRESH
            && is_known(keys)
        {
            return Ok(keys.clone());
        }
        if kept.tried.is_none_or(|tried| tried.elapsed() >= PAUSE) {
            kept.tried = Some(Instant::now());
            match kept.fetch(source).await {
                Ok(keys) => kept.keys = Some((Arc::new(keys), Instant::now())),
                // Old keys are better than none.
                Err(error) if kept.keys.is_some() => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the keys could not be fetched again");
                }
                Err(error) => return Err(error),
            }
        }
        match &kept.keys {
            Some((keys, _)) => Ok(keys.clone()),
            None => Err(unavailable("the keys could not be fetched a moment ago")),
        }
    }
}

impl Kept {
    async fn fetch(&mut self, source: &Source) -> Result<JwkSet, TokenError> {
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(fetch::client()?),
        };
        let url = match (&self.url, source) {
            (Some(url), _) => url,
            (None, Source::Url(url)) => self.url.insert(trusted(url)?),
            (None, Source::Issuer(issuer)) => self.url.insert(discover(client, issuer).await?),
        };
        fetch::json(client, url.clone()).await
    }
}

/// Finds where the keys of an issuer are, in its metadata ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/authorization-server-discovery#authorization-server-metadata-discovery
async fn discover(client: &Client, issuer: &str) -> Result<Url, TokenError> {
    let base = trusted(issuer)?;
    let path = base.path().trim_end_matches('/').to_owned();
    let places = [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
        format!("{path}/.well-known/openid-configuration"),
    ];
    let mut problem = unavailable("the issuer has no metadata");
    for place in places {
        let mut url = base.clone();
        url.set_path(&place);
        match fetch::json::<Metadata>(client, url).await {
            Ok(metadata) if metadata.issuer != issuer => {
                problem = unavailable(format!("the metadata of `{issuer}` are those of `{}`", metadata.issuer));
            }
            Ok(Metadata { jwks_uri: Some(url), .. }) => return trusted(&url),
            Ok(_) => problem = unavailable(format!("the metadata of `{issuer}` name no keys (`jwks_uri`)")),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

/// Whether a key is one that signs.
pub(super) fn signs(key: &Jwk) -> bool {
    matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature))
}
