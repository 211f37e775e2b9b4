//! The keys of an authorization server: fetched when they are needed, kept, and fetched anew when one is not
//! among them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::TokenError;
use super::fetch::{self, trusted, unavailable};

/// After so long they are fetched again, while those that are there still serve.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// Those that are older serve only if no others can be had.
const STALE: Duration = Duration::from_secs(20 * 60);
/// However many tokens name keys that nobody knows, so much time is between two fetches.
const PAUSE: Duration = Duration::from_secs(10);

pub(super) enum Keys {
    /// They were given.
    Fixed(Arc<JwkSet>),
    Fetched(Arc<Fetched>),
}

pub(super) enum Source {
    /// Where the metadata of the issuer says that they are.
    Issuer(String),
    Url(String),
}

/// Keys that are fetched by a task of their own: it goes on when the request that wanted them goes away, and
/// whoever needs none but those that are there does not wait for it.
pub(super) struct Fetched {
    source: Source,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    client: Option<Client>,
    url: Option<Url>,
    keys: Option<(Arc<JwkSet>, Instant)>,
    /// When the last fetch ended, and why it failed if it did.
    tried: Option<(Instant, Option<Arc<dyn std::error::Error + Send + Sync>>)>,
    /// Of the fetch that is under way: what is dropped at its end.
    fetching: Option<watch::Receiver<()>>,
}

/// Metadata of an authorization server, as far as keys are concerned.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
}

impl Keys {
    pub(super) fn of(source: Source) -> Self {
        Self::Fetched(Arc::new(Fetched { source, kept: Mutex::default() }))
    }

    /// The keys among which the one of this id is, if there is such a key.
    pub(super) async fn with(&self, id: Option<&str>) -> Result<Arc<JwkSet>, TokenError> {
        let fetched = match self {
            Self::Fixed(keys) => return Ok(keys.clone()),
            Self::Fetched(fetched) => fetched,
        };
        let end = match fetched.look(id) {
            Ok(keys) => return Ok(keys),
            Err(end) => end,
        };
        if let Some(mut end) = end {
            // Nothing is ever sent: it ends when its sender is dropped.
            _ = end.changed().await;
        }
        fetched.lock().keys_or_why_not(id)
    }

    /// Other keys than these, with none of which a token was signed that does not name its key; if they were changed.
    pub(super) async fn others(&self, than: &Arc<JwkSet>) -> Option<Arc<JwkSet>> {
        let Self::Fetched(fetched) = self else { return None };
        let end = {
            let mut kept = fetched.lock();
            fetched.fetch(&mut kept)
        };
        if let Some(mut end) = end {
            _ = end.changed().await;
        }
        let kept = fetched.lock();
        kept.keys.as_ref().map(|(keys, _)| keys.clone()).filter(|keys| **keys != **than)
    }
}

impl Fetched {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, if they serve; else the end of the fetch to wait for, if there is one.
    fn look(self: &Arc<Self>, id: Option<&str>) -> Result<Arc<JwkSet>, Option<watch::Receiver<()>>> {
        let mut kept = self.lock();
        let found = kept.keys.as_ref().filter(|(keys, _)| id.is_none_or(|id| keys.find(id).is_some()));
        let found = found.map(|(keys, since)| (keys.clone(), since.elapsed()));
        if let Some((keys, age)) = &found
            && *age < FRESH
        {
            return Ok(keys.clone());
        }
        let end = self.fetch(&mut kept);
        let failed = matches!(kept.tried, Some((_, Some(_))));
        match found {
            Some((keys, age)) if age < STALE || failed => Ok(keys),
            _ => Err(end),
        }
    }

    /// Sees to it that they are fetched, unless that ended a moment ago.
    fn fetch(self: &Arc<Self>, kept: &mut Kept) -> Option<watch::Receiver<()>> {
        if let Some(end) = kept.fetching.as_ref().filter(|end| end.has_changed().is_ok()) {
            return Some(end.clone());
        }
        if kept.tried.as_ref().is_some_and(|(ended, _)| ended.elapsed() < PAUSE) {
            return None;
        }
        let (fetching, end) = watch::channel(());
        kept.fetching = Some(end.clone());
        let this = self.clone();
        tokio::spawn(async move {
            let keys = this.keys().await;
            let mut kept = this.lock();
            let failed: Option<Arc<dyn std::error::Error + Send + Sync>> = match keys {
                Ok(keys) => {
                    kept.keys = Some((Arc::new(keys), Instant::now()));
                    None
                }
                Err(error) => {
                    if kept.keys.is_some() {
                        tracing::warn!(error = &error as &dyn std::error::Error, "the keys could not be fetched again");
                    }
                    Some(match error {
                        TokenError::Unavailable(why) => Arc::from(why),
                        error @ TokenError::Invalid(_) => Arc::new(error),
                    })
                }
            };
            kept.tried = Some((Instant::now(), failed));
            drop(kept);
            drop(fetching);
        });
        Some(end)
    }

    async fn keys(&self) -> Result<JwkSet, TokenError> {
        let (client, url) = {
            let kept = self.lock();
            (kept.client.clone(), kept.url.clone())
        };
        let client = match client {
            Some(client) => client,
            None => self.lock().client.insert(fetch::client()?).clone(),
        };
        let url = match (url, &self.source) {
            (Some(url), _) => url,
            (None, Source::Url(url)) => trusted(url)?,
            (None, Source::Issuer(issuer)) => discover(&client, issuer).await?,
        };
        self.lock().url = Some(url.clone());
        let keys = fetch::json(&client, url).await;
        if keys.is_err() {
            // Where they are is asked anew: they may not be there any more.
            self.lock().url = None;
        }
        keys
    }
}

impl Kept {
    fn keys_or_why_not(&self, id: Option<&str>) -> Result<Arc<JwkSet>, TokenError> {
        match (&self.keys, &self.tried) {
            // The key may be a new one, of which nobody can say at the moment that it is none.
            (Some((keys, _)), Some((_, Some(why)))) if id.is_some_and(|id| keys.find(id).is_none()) => {
                Err(unavailable(why.clone()))
            }
            // Old keys are better than none.
            (Some((keys, _)), _) => Ok(keys.clone()),
            (None, Some((_, Some(why)))) => Err(unavailable(why.clone())),
            (None, _) => Err(unavailable("the keys could not be fetched")),
        }
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
