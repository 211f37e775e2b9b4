//! `requestState`: what a client keeps for us between rounds, and cannot read or change.
//!
//! Format, before Base64 (URL alphabet, no padding): one byte of version (1), a nonce of 24
//! bytes, and XChaCha20-Poly1305 of the payload: expiry in seconds since 1970 (8 bytes, big
//! endian), call (16), round (4). Everything the state is bound to is authenticated with it.
//! A journal for calls whose future is gone will follow the round.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use super::digest::Digest;

const VERSION: u8 = 1;
const NONCE: usize = 24;
const PAYLOAD: usize = 8 + 16 + 4;

/// The request that a state belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding<'a> {
    pub(crate) server: &'a str,
    pub(crate) method: &'a str,
    /// The tool, prompt or resource.
    pub(crate) name: &'a str,
    pub(crate) arguments: Digest,
    /// Who asks, where requests are authenticated.
    pub(crate) principal: Option<&'a str>,
}

impl Binding<'_> {
    /// Each part with its length before it, so that no two bindings read the same.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let principal = self.principal.map_or_else(Vec::new, |principal| {
            let mut known = vec![1];
            known.extend_from_slice(principal.as_bytes());
            known
        });
        for part in [self.server.as_bytes(), self.method.as_bytes(), self.name.as_bytes(), &self.arguments, &principal]
        {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// What is inside a state that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) call: [u8; 16],
    pub(crate) round: u32,
    pub(crate) expires: u64,
}

/// Seals and opens states with a random key, made anew in every process.
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
}

impl Seal {
    /// # Errors
    ///
    /// When the operating system has no randomness to give.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { cipher: XChaCha20Poly1305::new(&key.into()) })
    }

    pub(crate) fn seal(&self, binding: &Binding<'_>, content: Opened) -> Option<String> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let mut plain = Vec::with_capacity(PAYLOAD);
        plain.extend_from_slice(&content.expires.to_be_bytes());
        plain.extend_from_slice(&content.call);
        plain.extend_from_slice(&content.round.to_be_bytes());
        let payload = Payload { msg: &plain, aad: &binding.to_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a state if it is ours, unchanged, of this request and not expired. What was wrong
    /// is not said: that would help only whoever tampers with it.
    pub(crate) fn open(&self, binding: &Binding<'_>, state: &str, now: u64) -> Option<Opened> {
        let bytes = URL_SAFE_NO_PAD.decode(state).ok()?;
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: &binding.to_bytes() };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        let (expires, rest) = plain.split_first_chunk::<8>()?;
        let (call, rest) = rest.split_first_chunk::<16>()?;
        let round = rest.first_chunk::<4>()?;
        let expires = u64::from_be_bytes(*expires);
        (now < expires).then_some(Opened { call: *call, round: u32::from_be_bytes(*round), expires })
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: Opened = Opened { call: [7; 16], round: 3, expires: 1_000 };

    fn binding() -> Binding<'static> {
        Binding { server: "s", method: "tools/call", name: "t", arguments: [1; 32], principal: None }
    }

    #[test]
    fn what_was_sealed_opens_until_it_expires() {
        let seal = Seal::random().expect("randomness");
        let state = seal.seal(&binding(), CONTENT).expect("sealed");
        assert_eq!(seal.open(&binding(), &state, 999), Some(CONTENT));
        assert_eq!(seal.open(&binding(), &state, 1_000), None);
    }

    #[test]
    fn a_state_of_another_request_server_or_principal_does_not_open() {
        let seal = Seal::random().expect("randomness");
        let state = seal.seal(&binding(), CONTENT).expect("sealed");
        for other in [
            Binding { server: "st", ..binding() },
            Binding { method: "prompts/get", ..binding() },
            Binding { name: "u", ..binding() },
            Binding { arguments: [2; 32], ..binding() },
            Binding { principal: Some(""), ..binding() },
        ] {
            assert_eq!(seal.open(&other, &state, 0), None, "{other:?}");
        }
        assert_eq!(Seal::random().expect("randomness").open(&binding(), &state, 0), None, "another key");
    }

    #[test]
    fn a_changed_state_does_not_open() {
        let seal = Seal::random().expect("randomness");
        let state = seal.seal(&binding(), CONTENT).expect("sealed");
        let bytes = URL_SAFE_NO_PAD.decode(&state).expect("Base64");
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                assert_eq!(seal.open(&binding(), &URL_SAFE_NO_PAD.encode(changed), 0), None, "bit {bit} of {index}");
            }
            assert_eq!(seal.open(&binding(), &URL_SAFE_NO_PAD.encode(&bytes[..index]), 0), None);
        }
        for wrong in ["", "x", "-TAMPERED", &format!("{state}-TAMPERED"), &format!("{state}A")] {
            assert_eq!(seal.open(&binding(), wrong, 0), None, "{wrong}");
        }
    }
}
