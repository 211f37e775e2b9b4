use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::distrusted;
use super::dpop::ProofKey;
use super::scope::Scopes;
use crate::client::Credential;
use crate::error::Error;

/// How long before its end a token is not used any more. Of short lives, it is half.
const LEEWAY: Duration = Duration::from_secs(60);
/// Longer lives are as good as endless, and easier to reckon with.
const LONGEST_LIFE: f64 = 10.0 * 365.0 * 24.0 * 3600.0;

/// A token with which a server lets its client in. `Debug` does not show it.
#[derive(Clone)]
pub struct AccessToken {
    secret: Arc<str>,
    /// What it is bound to, if it is.
    key: Option<ProofKey>,
}

/// Where a token comes from, which says what is left to try if it is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was kept from earlier.
    Kept,
    /// It was got with a refresh token.
    Refreshed,
    /// Somebody, or the client itself, has just been authorized.
    Granted,
}

impl AccessToken {
    /// The token itself, for a header `Authorization: Bearer ..`, or `Authorization: DPoP ..` if it is
    /// [bound](Self::is_bound) to a key. It consists of visible ASCII characters.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether requests with this token need a [proof](Self::proof).
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.key.is_some()
    }

    /// The proof that the client has the key to which the token is bound, for a header `DPoP` beside that with the
    /// token ([RFC 9449]); `None` if it is bound to none.
    ///
    /// It is good for one request, of this method to this address. The nonce is what the server has said last in a
    /// header `DPoP-Nonce`, if it ever has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the system has no random numbers.
    ///
    /// [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449#section-7
    pub fn proof(&self, method: &str, url: &Url, nonce: Option<&str>) -> Result<Option<String>, Error> {
        self.key.as_ref().map(|key| key.proof(method, url, Some(&self.secret), nonce)).transpose()
    }

    /// What one request shows.
    pub(super) fn credential(&self, method: &str, url: &Url, nonce: Option<&str>) -> Result<Credential, Error> {
        Ok(match self.proof(method, url, nonce)? {
            Some(proof) => Credential::dpop(self.secret(), proof),
            None => Credential::bearer(self.secret()),
        })
    }
}

impl From<String> for AccessToken {
    fn from(secret: String) -> Self {
        Self { secret: secret.into(), key: None }
    }
}

impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret
    }
}

impl Eq for AccessToken {}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// What an authorization server has given, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Tokens {
    access_token: String,
    refresh_token: Option<String>,
    /// From when on it is not used any more, in seconds since 1970.
    until: Option<f64>,
    /// What was asked for, which step-ups add to.
    requested: Scopes,
    /// What was given, if that is something else.
    granted: Option<Scopes>,
    /// The key that the client has shown for them.
    #[serde(default)]
    key: Option<ProofKey>,
    /// Whether the access token is bound to it; the refresh token may be in any case.
    #[serde(default)]
    is_bound: bool,
    /// Where it came from, in this process.
    #[serde(skip, default = "kept")]
    origin: Origin,
}

fn kept() -> Origin {
    Origin::Kept
}

/// What a token endpoint answers ([RFC 6749]).
///
/// [RFC 6749]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    access_token: String,
    token_type: String,
    expires_in: Option<Value>,
    refresh_token: Option<String>,
    scope: Option<String>,
}

impl Tokens {
    /// What came in answer to an authorization with these scopes, and with a proof of this key.
    pub(super) fn granted(answer: TokenAnswer, requested: Scopes, key: Option<ProofKey>) -> Result<Self, Error> {
        Self::of(answer, requested, None, key, Origin::Granted)
    }

    /// What came in answer to the refresh token of these, and to a proof of this key.
    pub(super) fn refreshed(&self, answer: TokenAnswer, key: Option<ProofKey>) -> Result<Self, Error> {
        let (requested, refresh_token) = (self.requested.clone(), self.refresh_token.clone());
        let mut tokens = Self::of(answer, requested, refresh_token, key, Origin::Refreshed)?;
        tokens.granted = tokens.granted.or_else(|| self.granted.clone());
        Ok(tokens)
    }

    fn of(
        answer: TokenAnswer,
        requested: Scopes,
        refresh_token: Option<String>,
        key: Option<ProofKey>,
        origin: Origin,
    ) -> Result<Self, Error> {
        let TokenAnswer { access_token, token_type, expires_in, refresh_token: new, scope } = answer;
        let is_bound = key.is_some() && token_type.eq_ignore_ascii_case("dpop");
        if !is_bound && !token_type.eq_ignore_ascii_case("bearer") {
            return Err(distrusted("the authorization server gave a token of a type that was not asked for"));
        }
        if access_token.is_empty() || !access_token.bytes().all(|it| it.is_ascii_graphic()) {
            return Err(distrusted("the authorization server gave a token that no header can hold"));
        }
        let until = expires_in.as_ref().and_then(seconds).map(|life| {
            let life = life.clamp(0.0, LONGEST_LIFE);
            now() + life - LEEWAY.as_secs_f64().min(life / 2.0)
        });
        let granted = scope.map(|it| Scopes::from_text(&it));
        let refresh_token = new.or(refresh_token);
        Ok(Self { access_token, refresh_token, until, requested, granted, key, is_bound, origin })
    }

    /// What is left of them when they are of no use any more: what was asked for.
    pub(super) fn spent(&self) -> Self {
        Self { access_token: String::new(), refresh_token: None, until: Some(0.0), ..self.clone() }
    }

    pub(super) fn access_token(&self) -> AccessToken {
        let key = self.key.clone().filter(|_| self.is_bound);
        AccessToken { secret: self.access_token.as_str().into(), key }
    }

    /// The key that belongs to them.
    pub(super) fn key(&self) -> Option<&ProofKey> {
        self.key.as_ref()
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    pub(super) fn is(&self, token: &AccessToken) -> bool {
        self.access_token == token.secret()
    }

    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= now())
    }

    pub(super) fn refresh_token(&self) -> Option<&str> {
        self.refresh_token.as_deref()
    }

    /// All scopes that these are known or supposed to have.
    pub(super) fn scopes(&self) -> Scopes {
        match &self.granted {
            Some(granted) => self.requested.union(granted),
            None => self.requested.clone(),
        }
    }
}

/// A number, which some write as text.
fn seconds(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|it| it.is_finite())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(value: Value) -> TokenAnswer {
        serde_json::from_value(value).unwrap()
    }

    fn tokens(expires_in: Value) -> Tokens {
        let answer = answer(json!({ "access_token": "secret", "token_type": "bearer", "expires_in": expires_in }));
        Tokens::granted(answer, Scopes::default(), None).unwrap()
    }

    #[test]
    fn tokens_are_left_before_their_end() {
        let left = |expires_in| tokens(expires_in).until.map(|until| (until - now()).round());
        assert_eq!(left(json!(3600)), Some(3540.0));
        assert_eq!(left(json!("3600")), Some(3540.0));
        assert_eq!(left(json!(30)), Some(15.0));
        assert_eq!(left(json!(null)), None);
        assert_eq!(left(json!(1e300)), Some((LONGEST_LIFE - 60.0).round()));
        assert!(tokens(json!(0)).is_over());
        assert!(tokens(json!(-5)).is_over());
        assert!(!tokens(json!(null)).is_over());
    }

    #[test]
    fn a_refresh_token_is_kept_until_another_one_comes() {
        let first = answer(json!({
            "access_token": "a", "token_type": "Bearer", "refresh_token": "r1", "scope": "x",
        }));
        let first = Tokens::granted(first, Scopes::from_text("x y"), None).unwrap();
        let second = first.refreshed(answer(json!({ "access_token": "b", "token_type": "Bearer" })), None).unwrap();
        assert_eq!(second.refresh_token(), Some("r1"));
        assert_eq!(second.scopes(), Scopes::from_text("x y"));
        let third = answer(json!({ "access_token": "c", "token_type": "Bearer", "refresh_token": "r2" }));
        assert_eq!(second.refreshed(third, None).unwrap().refresh_token(), Some("r2"));
    }

    #[test]
    fn tokens_that_cannot_be_sent_are_refused() {
        for (token, kind) in [("a\r\nX: y", "Bearer"), ("", "Bearer"), ("\u{e9}", "Bearer"), ("a", "DPoP")] {
            let answer = answer(json!({ "access_token": token, "token_type": kind }));
            assert!(Tokens::granted(answer, Scopes::default(), None).is_err(), "{token:?} {kind}");
        }
    }

    #[test]
    fn tokens_are_not_shown() {
        assert_eq!(format!("{:?}", tokens(json!(1)).access_token()), "AccessToken(..)");
    }
}
