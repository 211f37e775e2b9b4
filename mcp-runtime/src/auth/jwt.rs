use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind as JwtErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::keys::{Keys, Source, signs};
use super::{AccessToken, TokenError, TokenVerifier};

/// Verifies tokens that are signed by their issuer: JSON Web Tokens ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)).
///
/// A token must be signed with one of the issuer's keys, which are fetched when they are needed and anew when
/// they were changed; it must name the issuer and this server as its audience, and be valid now. Only signatures
/// that nobody but the issuer can make are accepted: RSA, elliptic curves and Ed25519, never shared secrets or
/// `none`.
///
/// The principal is the issuer and the subject, as `issuer#subject`; of a token that has no subject, the client, as
/// `issuer?client_id=client`. Scopes are those of `scope`, or `scp`.
///
/// ```
/// use mcp_runtime::auth::JwtVerifier;
///
/// let verifier = JwtVerifier::new("https://login.example.com", "https://mcp.example.com/mcp");
/// ```
pub struct JwtVerifier {
    issuer: String,
    audiences: Vec<String>,
    leeway: Duration,
    keys: Keys,
}

/// Signatures that are made with a key which only the issuer has.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

impl JwtVerifier {
    /// Verifies tokens of this issuer for this audience, which is the URL of the server. Where the keys are is
    /// asked of the issuer, which must be reached over HTTPS, unless it is on this machine.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        // Where another crate brought a second one, nothing could be verified if none was chosen.
        _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let issuer = issuer.into();
        let keys = Keys::of(Source::Issuer(issuer.clone()));
        Self { issuer, audiences: vec![audience.into()], leeway: Duration::from_secs(60), keys }
    }

    /// Fetches the keys from this URL (`jwks_uri`), instead of asking the issuer where they are.
    #[must_use]
    pub fn keys_at(mut self, url: impl Into<String>) -> Self {
        self.keys = Keys::of(Source::Url(url.into()));
        self
    }

    /// Takes these keys, a JSON Web Key Set, instead of fetching any.
    ///
    /// # Errors
    ///
    /// When they are no such set.
    pub fn keys(mut self, keys: Value) -> Result<Self, serde_json::Error> {
        let keys: JwkSet = serde_json::from_value(keys)?;
        self.keys = Keys::Fixed(Arc::new(keys));
        Ok(self)
    }

    /// Also accepts tokens for this audience: another name of the same server.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// How far the clocks of the issuer and of this machine may be apart; 60 seconds by default.
    #[must_use]
    pub fn leeway(mut self, time: Duration) -> Self {
        self.leeway = time;
        self
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_audience(&self.audiences);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }
}

impl TokenVerifier for JwtVerifier {
    async fn verify(&self, token: &str) -> Result<AccessToken, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Invalid("the token is no signed JSON Web Token"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Invalid("the token is not signed with a public-key algorithm"));
        }
        let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if !matches!(kind.trim_start_matches("application/"), "jwt" | "at+jwt") {
            return Err(TokenError::Invalid("the token is not an access token"));
        }
        let keys = self.keys.with(header.kid.as_deref()).await?;
        match self.verify_with(token, &header, &keys) {
            Err(refused) if header.kid.is_none() && refused.is_of_key => match self.keys.others(&keys).await {
                Some(keys) => self.verify_with(token, &header, &keys).map_err(Refused::into_error),
                None => Err(refused.into_error()),
            },
            verified => verified.map_err(Refused::into_error),
        }
    }
}

/// Why a token is not accepted.
struct Refused {
    error: TokenError,
    /// No key fits; another one might.
    is_of_key: bool,
}

impl Refused {
    fn into_error(self) -> TokenError {
        self.error
    }
}

impl JwtVerifier {
    fn verify_with(&self, token: &str, header: &Header, keys: &JwkSet) -> Result<AccessToken, Refused> {
        let error = TokenError::Invalid("the token is signed with a key that its issuer does not have");
        let mut refused = Refused { error, is_of_key: true };
        for key in keys.keys.iter().filter(|key| may_have_signed(key, header)) {
            let Ok(key) = DecodingKey::from_jwk(key) else { continue };
            match decode::<Map<String, Value>>(token, &key, &self.validation(header.alg)) {
                Ok(token) => {
                    return self.accept(token.claims).map_err(|error| Refused { error, is_of_key: false });
                }
                Err(error) => {
                    let is_of_key = matches!(error.kind(), JwtErrorKind::InvalidSignature);
                    refused = Refused { error: TokenError::Invalid(what_is_wrong(error.kind())), is_of_key };
                }
            }
        }
        Err(refused)
    }

    fn accept(&self, claims: Map<String, Value>) -> Result<AccessToken, TokenError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let client = text("client_id").or_else(|| text("azp")).map(str::to_owned);
        let principal = match (text("sub"), &client) {
            (Some(subject), _) => format!("{}#{subject}", self.issuer),
            // A client that acts for itself, which is nobody else, even if somebody is called like it.
            (None, Some(client)) => format!("{}?client_id={client}", self.issuer),
            (None, None) => return Err(TokenError::Invalid("the token names nobody")),
        };
        let mut token = AccessToken::new(principal).scopes(scopes(&claims));
        if let Some(client) = client {
            token = token.client(client);
        }
        Ok(token.claims(claims))
    }
}

/// The scopes of a token, by either of their names.
pub(super) fn scopes(claims: &Map<String, Value>) -> Vec<String> {
    let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect();
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::String(scopes)) => words(scopes),
        Some(Value::Array(scopes)) => scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Whether a key is the one that a token names, and of its algorithm.
fn may_have_signed(key: &Jwk, header: &Header) -> bool {
    let named = header.kid.is_none() || header.kid == key.common.key_id;
    let algorithm = key.common.key_algorithm.map(|it| it.to_string());
    named && signs(key) && algorithm.is_none_or(|it| it == format!("{:?}", header.alg))
}

fn what_is_wrong(error: &JwtErrorKind) -> &'static str {
    match error {
        JwtErrorKind::ExpiredSignature => "the token has expired",
        JwtErrorKind::ImmatureSignature => "the token is not valid yet",
        JwtErrorKind::InvalidAudience => "the token is for another audience",
        JwtErrorKind::InvalidIssuer => "the token is of another issuer",
        JwtErrorKind::MissingRequiredClaim(_) => "the token does not say its issuer, its audience or when it expires",
        _ => "the token is not signed by its issuer",
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}
