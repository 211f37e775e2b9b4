//! Clients that show who they are with a signature ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523)).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;

use super::random::random_text;
use crate::error::{Error, ErrorKind};

/// How long a signature is good for, in seconds. It is used at once.
const LIFE: u64 = 120;

/// How a [`PrivateKey`] signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// ECDSA with the curve P-256 and SHA-256.
    Es256,
    /// ECDSA with the curve P-384 and SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl SigningAlgorithm {
    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
        }
    }
}

/// A key with which a client shows who it is (`private_key_jwt`). `Debug` does not show it.
#[derive(Clone)]
pub struct PrivateKey {
    algorithm: SigningAlgorithm,
    id: Option<String>,
    key: EncodingKey,
}

impl PrivateKey {
    /// A key from a text in PEM: PKCS #8 (`BEGIN PRIVATE KEY`), or PKCS #1 for RSA.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when that is no private key for this algorithm.
    pub fn from_pem(algorithm: SigningAlgorithm, pem: &str) -> Result<Self, Error> {
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| {
            let told = format!("this is no private key for {}: give one in PKCS #8", algorithm.as_str());
            Error::new(ErrorKind::Configuration, told).with_source(source)
        };
        let key = match algorithm {
            SigningAlgorithm::Es256 | SigningAlgorithm::Es384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            SigningAlgorithm::Rs256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let key = Self { algorithm, id: None, key: key.map_err(|error| wrong(error.into()))? };
        // Whether it is one of this algorithm shows when it signs.
        key.sign(b"").map_err(wrong)?;
        Ok(key)
    }

    /// The name of the key (`kid`), for authorization servers that know several of the client.
    #[must_use]
    pub fn key_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    pub(super) fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// A signature that this client talks to this authorization server, now.
    pub(super) fn assertion(&self, client_id: &str, issuer: &str) -> Result<String, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut header = json!({ "typ": "JWT", "alg": self.algorithm.as_str() });
        if let Some(id) = &self.id {
            header["kid"] = id.as_str().into();
        }
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": issuer,
            "iat": now,
            "exp": now + LIFE,
            "jti": random_text()?,
        });
        let signed = [header, claims].map(|it| URL_SAFE_NO_PAD.encode(it.to_string())).join(".");
        let signature = self.sign(signed.as_bytes()).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the private key of the client does not sign").with_source(error)
        })?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Names the implementation: `jsonwebtoken::encode` takes the one that the process has chosen, and panics if
    /// there are two.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let algorithm = match self.algorithm {
            SigningAlgorithm::Es256 => Algorithm::ES256,
            SigningAlgorithm::Es384 => Algorithm::ES384,
            SigningAlgorithm::Rs256 => Algorithm::RS256,
        };
        Ok((DEFAULT_PROVIDER.signer_factory)(&algorithm, &self.key)?.try_sign(message)?)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("algorithm", &self.algorithm).field("id", &self.id).finish_non_exhaustive()
    }
}
