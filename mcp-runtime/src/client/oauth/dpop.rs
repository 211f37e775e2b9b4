//! Tokens that are bound to a key, and proofs of having it ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::address::without_query;
use super::random::random_text;
use crate::error::{Error, ErrorKind};

/// How it signs. All who know such proofs know this algorithm.
pub(super) const ALGORITHM: &str = "ES256";

/// A key that tokens are bound to. It is kept with them, and has no other use.
#[derive(Clone)]
pub(super) struct ProofKey(Arc<EcdsaKeyPair>);

impl ProofKey {
    /// A new one.
    pub(super) fn new() -> Result<Self, Error> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map(|pair| Self(Arc::new(pair)))
            .map_err(|error| Error::new(ErrorKind::Io, "no key can be made").with_source(error))
    }

    /// The one that was kept as this text.
    fn read(text: &str) -> Option<Self> {
        let der = URL_SAFE_NO_PAD.decode(text).ok()?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok().map(|pair| Self(Arc::new(pair)))
    }

    /// What others see of it: a JSON Web Key, whose members stand in the order of [RFC 7638].
    ///
    /// [RFC 7638]: https://www.rfc-editor.org/rfc/rfc7638#section-3
    fn public(&self) -> Value {
        // <https://www.secg.org/sec1-v2.pdf>, section 2.3.3: a byte that says how the two coordinates are written.
        let point = self.0.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at(point.len() / 2);
        let [x, y] = [x, y].map(|it| URL_SAFE_NO_PAD.encode(it));
        json!({ "crv": "P-256", "kty": "EC", "x": x, "y": y })
    }

    /// Its name, which binds the code of an authorization to it ([RFC 9449]).
    ///
    /// [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449#section-10
    pub(super) fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.public().to_string()))
    }

    /// The proof that whoever makes this request has the key ([RFC 9449]). It is good once.
    ///
    /// [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449#section-4.2
    pub(super) fn proof(
        &self,
        method: &str,
        url: &Url,
        token: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<String, Error> {
        let header = json!({ "typ": "dpop+jwt", "alg": ALGORITHM, "jwk": self.public() });
        let mut claims = json!({
            "jti": random_text()?,
            "htm": method,
            "htu": without_query(url),
            "iat": SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        });
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let signed = [header, claims].map(|it| URL_SAFE_NO_PAD.encode(it.to_string())).join(".");
        let signature = self
            .0
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|error| Error::new(ErrorKind::Io, "the key of the token does not sign").with_source(error))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Serialize for ProofKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let der = self.0.to_pkcs8v1().map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(der))
    }
}

impl<'de> Deserialize<'de> for ProofKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error must not repeat what it was.
        Self::read(&String::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("this is no key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_as_it_is() {
        let key = ProofKey::new().unwrap();
        let kept = serde_json::to_string(&key).unwrap();
        let again: ProofKey = serde_json::from_str(&kept).unwrap();
        assert_eq!(again.thumbprint(), key.thumbprint());
        assert_ne!(ProofKey::new().unwrap().thumbprint(), key.thumbprint());
        assert!(serde_json::from_str::<ProofKey>("\"AAAA\"").is_err());
    }

    #[test]
    fn a_proof_is_about_an_address_without_its_query() {
        let key = ProofKey::new().unwrap();
        let url = "https://mcp.example/mcp?tenant=2#a".parse().unwrap();
        let proof = key.proof("POST", &url, None, None).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["htu"], "https://mcp.example/mcp");
        assert!(claims.get("ath").is_none() && claims.get("nonce").is_none());
    }
}
