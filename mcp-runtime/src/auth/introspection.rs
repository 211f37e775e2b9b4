use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Client;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::fetch::{self, trusted, unavailable};
use super::jwt::scopes;
use super::{AccessToken, TokenError, TokenVerifier};

/// Asks the authorization server what a token is worth
/// ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)): for tokens that say nothing by themselves.
///
/// The server must answer that the token is active, and name this server as its audience. The principal is the
/// issuer (the endpoint, if none is named) and the subject, as `issuer#subject`; of a token that has none, the name
/// of the user or the client, as `issuer?username=name` or `issuer?client_id=client`.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::auth::IntrospectionVerifier;
///
/// let endpoint = "https://login.example.com/introspect";
/// let verifier = IntrospectionVerifier::new(endpoint, "https://mcp.example.com/mcp")
///     .credentials("catalog-server", "a secret")
///     .keep(Duration::from_secs(30));
/// ```
pub struct IntrospectionVerifier {
    endpoint: String,
    audience: String,
    credentials: Option<(String, String)>,
    keep: Duration,
    client: OnceCell<Client>,
    /// What was answered of late, by the digest of the token.
    kept: Mutex<HashMap<[u8; 32], (AccessToken, Instant)>>,
}

/// So many answers are kept at most.
const KEPT: usize = 10_000;

#[derive(Deserialize)]
struct Introspection {
    active: bool,
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl IntrospectionVerifier {
    /// Asks at this endpoint, which must be reached over HTTPS unless it is on this machine, for tokens of this
    /// audience, which is the URL of the server.
    pub fn new(endpoint: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            audience: audience.into(),
            credentials: None,
            keep: Duration::ZERO,
            client: OnceCell::new(),
            kept: Mutex::default(),
        }
    }

    /// With which id and secret it asks.
    #[must_use]
    pub fn credentials(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials = Some((id.into(), secret.into()));
        self
    }

    /// How long an answer is kept, though no longer than the token is valid; not at all by default. A token that
    /// was revoked meanwhile is accepted for so long.
    #[must_use]
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = time;
        self
    }

    fn find(&self, digest: &[u8; 32]) -> Option<AccessToken> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(digest).filter(|(_, until)| Instant::now() < *until).map(|(token, _)| token.clone())
    }

    fn remember(&self, digest: [u8; 32], token: AccessToken, expires: Option<u64>) {
        let left = expires.map(|expires| Duration::from_secs(expires.saturating_sub(now())));
        let keep = left.map_or(self.keep, |left| left.min(self.keep));
        if keep.is_zero() {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            let now = Instant::now();
            kept.retain(|_, (_, until)| now < *until);
            if kept.len() >= KEPT {
                kept.clear();
            }
        }
        kept.insert(digest, (token, Instant::now() + keep));
    }

    fn accept(&self, answer: Introspection) -> Result<(AccessToken, Option<u64>), TokenError> {
        let Introspection { active, claims } = answer;
        if !active {
            return Err(TokenError::Invalid("the token is not valid (any more)"));
        }
        let expires = claims.get("exp").and_then(Value::as_u64);
        if expires.is_some_and(|expires| expires <= now()) {
            return Err(TokenError::Invalid("the token has expired"));
        }
        let is_audience = |value: &Value| value.as_str() == Some(&*self.audience);
        let is_for_us = match claims.get("aud") {
            Some(Value::Array(audiences)) => audiences.iter().any(is_audience),
            Some(audience) => is_audience(audience),
            None => false,
        };
        if !is_for_us {
            return Err(TokenError::Invalid("the token is for another audience"));
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let issuer = text("iss").unwrap_or(&self.endpoint);
        // Nobody is taken for somebody of the same name of another kind.
        let principal = match (text("sub"), text("username"), text("client_id")) {
            (Some(subject), ..) => format!("{issuer}#{subject}"),
            (None, Some(name), _) => format!("{issuer}?username={name}"),
            (None, None, Some(client)) => format!("{issuer}?client_id={client}"),
            (None, None, None) => return Err(TokenError::Invalid("the token names nobody")),
        };
        let mut token = AccessToken::new(principal).scopes(scopes(&claims));
        if let Some(client) = text("client_id") {
            token = token.client(client);
        }
        Ok((token.claims(claims), expires))
    }
}

impl TokenVerifier for IntrospectionVerifier {
    async fn verify(&self, token: &str) -> Result<AccessToken, TokenError> {
        let digest = Sha256::digest(token).into();
        if let Some(token) = self.find(&digest) {
            return Ok(token);
        }
        let client = self.client.get_or_try_init(|| async { fetch::client() }).await?;
        let form = [("token", token), ("token_type_hint", "access_token")];
        let mut request = client.post(trusted(&self.endpoint)?).form(&form);
        if let Some((id, secret)) = &self.credentials {
            request = request.basic_auth(id, Some(secret));
        }
        let answer = fetch::read(request.send().await.map_err(unavailable)?).await?;
        let (token, expires) = self.accept(answer)?;
        self.remember(digest, token.clone(), expires);
        Ok(token)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

impl fmt::Debug for IntrospectionVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionVerifier").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
