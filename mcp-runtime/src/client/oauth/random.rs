use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind};

/// 43 characters that nobody can guess.
pub(super) fn random_text() -> Result<String, Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| Error::new(ErrorKind::Io, "the system has no random numbers").with_source(error))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// What binds a code to whoever asked for it: the verifier is shown only to the token endpoint
/// ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)).
pub(super) struct Proof {
    pub(super) verifier: String,
    pub(super) challenge: String,
}

impl Proof {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self::of(random_text()?))
    }

    fn of(verifier: String) -> Self {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        Self { verifier, challenge }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        let proof = Proof::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
        assert_eq!(proof.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn random_texts_differ() {
        let (one, other) = (random_text().unwrap(), random_text().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
    }
}
