//! `requestState`: what a client keeps for us between rounds, and cannot read or change.
//!
//! Format, before Base64 (URL alphabet, no padding): one byte of version (6), a nonce of 12
//! bytes, AES-256-GCM-SIV ([RFC 8452]) of the [state](super::state), and its tag of 16 bytes.
//! Everything that the state is bound to is authenticated with it: server, method, name, arguments,
//! principal.
//!
//! Nonces are random, since servers that share a key know nothing of each other's: this cipher
//! derives new keys from each of them, and two that are alike show no more than whether two states are.
//!
//! [RFC 8452]: https://www.rfc-editor.org/rfc/rfc8452

use std::fmt;
use std::str::FromStr;

use aes_gcm_siv::{AeadInOut as _, Aes256GcmSiv, KeyInit as _, Nonce, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::digest;
use super::state::{Remembered, State};
use crate::protocol::{Raw, URL_SAFE_NO_PAD};

const VERSION: u8 = 6;
const NONCE: usize = 12;
const TAG: usize = 16;

/// The request that a state belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding<'a> {
    pub(crate) server: &'a str,
    pub(crate) method: &'a str,
    /// The tool, prompt or resource.
    pub(crate) name: &'a str,
    pub(crate) arguments: Option<Raw<'a>>,
    /// Who asks, where requests are authenticated.
    pub(crate) principal: Option<&'a str>,
}

impl Binding<'_> {
    /// Each part with its length before it, so that no two bindings read the same; the arguments in canonical form.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let texts = [self.server, self.method, self.name, self.principal.unwrap_or_default()].map(str::as_bytes);
        let [server, method, name, principal] = texts;
        let arguments = digest::object(self.arguments);
        let parts = [&*arguments, server, method, name, principal];
        let mut bytes = Vec::with_capacity(2 + parts.iter().map(|part| size_of::<u64>() + part.len()).sum::<usize>());
        bytes.push(VERSION);
        bytes.push(self.principal.is_some().into());
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// A key that seals the state of calls between rounds: 32 bytes that only servers know which may
/// continue each other's calls.
///
/// Make one with `openssl rand -base64 32`. It is read from Base64 or from 64 hexadecimal digits,
/// and is never printed.
///
/// ```
/// use mcp_runtime::StateKey;
///
/// let key: StateKey = "mI5/FEfCyVrX1YvjLoZDYxSmXQ7U9/2xRPz1cYfO2yM=".parse()?;
/// assert_eq!(format!("{key:?}"), "StateKey(..)");
/// assert!("a passphrase".parse::<StateKey>().is_err());
/// # Ok::<(), mcp_runtime::InvalidStateKey>(())
/// ```
#[derive(Clone)]
pub struct StateKey([u8; 32]);

impl StateKey {
    /// # Errors
    ///
    /// When the operating system has no randomness to give.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }
}

impl From<[u8; 32]> for StateKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Text that is no [`StateKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidStateKey(());

impl fmt::Display for InvalidStateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a state key is 32 bytes, written as Base64 or as 64 hexadecimal digits; \
             make one with `openssl rand -base64 32`",
        )
    }
}

impl std::error::Error for InvalidStateKey {}

impl FromStr for StateKey {
    type Err = InvalidStateKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let hex = || (text.len() == 64).then(|| from_hex(text)).flatten();
        let base64 = || {
            let text = text.trim_end_matches('=');
            let decoded = STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text));
            decoded.ok().and_then(|bytes| bytes.try_into().ok())
        };
        hex().or_else(base64).map(Self).ok_or(InvalidStateKey(()))
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateKey(..)")
    }
}

/// Seals states with the first of its keys, and opens them with any.
pub(crate) struct Seal {
    ciphers: Vec<Aes256GcmSiv>,
}

impl Seal {
    /// The first key seals, all of them open.
    pub(crate) fn new(keys: &[StateKey]) -> Self {
        Self { ciphers: keys.iter().map(|StateKey(key)| Aes256GcmSiv::new(key.into())).collect() }
    }

    /// Seals what is written, bound to these bytes. They say first what it is: those of a [`Binding`] begin with the
    /// version, what else there is with other bytes. `None` if the operating system has no randomness to give.
    pub(crate) fn seal(&self, bound: &[u8], write: impl FnOnce(&mut Vec<u8>)) -> Option<String> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let mut bytes = Vec::with_capacity(512);
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        write(&mut bytes);
        let (_, message) = bytes.split_at_mut(1 + NONCE);
        let cipher = self.ciphers.first()?;
        let tag = cipher.encrypt_inout_detached(&Nonce::from(nonce), bound, message.into()).ok()?;
        bytes.extend_from_slice(&tag);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a state if it is ours, unchanged, bound to these bytes and not expired. What was wrong
    /// is not said: that would help only whoever tampers with it.
    pub(crate) fn open_state(&self, bound: &[u8], state: &str, now: u64) -> Option<Opened> {
        let message = self.open(bound, state)?;
        let (state, remembered) = State::decode(&message)?;
        let remembered = remembered.map(|behind| message.len() - behind.len());
        (now < state.expires).then_some(Opened { state, message, remembered })
    }

    /// Opens what was sealed and bound to these bytes.
    pub(crate) fn open(&self, bound: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (&mut VERSION, rest) = bytes.split_first_mut()? else { return None };
        let (nonce, rest) = rest.split_first_chunk_mut::<NONCE>()?;
        let (message, tag) = rest.split_last_chunk_mut::<TAG>()?;
        let (nonce, tag) = (Nonce::from(*nonce), Tag::from(*tag));
        // One that does not open it leaves it as it was.
        let mut opens =
            |cipher: &Aes256GcmSiv| cipher.decrypt_inout_detached(&nonce, bound, (&mut *message).into(), &tag).is_ok();
        self.ciphers.iter().any(&mut opens).then_some(())?;
        bytes.truncate(bytes.len() - TAG);
        bytes.drain(..1 + NONCE);
        Some(bytes)
    }
}

/// A state that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) state: State,
    message: Vec<u8>,
    /// Where it is in the message.
    remembered: Option<usize>,
}

impl Opened {
    /// What a run that starts over must know, if the call can.
    pub(crate) fn remembered(&self) -> Option<Remembered> {
        Remembered::decode(self.message.get(self.remembered?..)?)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::super::journal::Memory;
    use super::super::state::Reports;
    use super::*;

    fn seal() -> Seal {
        Seal::new(&[StateKey::from([1; 32])])
    }

    fn whole() -> (State, Option<Remembered>) {
        let mut memory = Memory::default();
        memory.steps.keep("x".to_owned(), RawValue::TRUE.to_owned());
        let remembered = Remembered { memory, reports: Reports::default() };
        (State { call: [7; 16], round: 3, expires: 1_000 }, Some(remembered))
    }

    fn sealed(seal: &Seal) -> String {
        let (state, remembered) = whole();
        let remembered = remembered.as_ref().map(|it| (it.memory.known(), &it.reports));
        let remembered = remembered.as_ref().map(|(known, reports)| (known, *reports));
        seal.seal(&binding().to_bytes(), |out| state.encode(remembered, out)).expect("sealed")
    }

    fn open(seal: &Seal, binding: &Binding<'_>, sealed: &str, now: u64) -> Option<(State, Option<Remembered>)> {
        seal.open_state(&binding.to_bytes(), sealed, now).map(|opened| (opened.state, opened.remembered()))
    }

    fn binding() -> Binding<'static> {
        Binding { server: "s", method: "tools/call", name: "t", arguments: None, principal: None }
    }

    #[test]
    fn what_was_sealed_opens_until_it_expires() {
        let sealed = sealed(&seal());
        assert_eq!(open(&seal(), &binding(), &sealed, 999), Some(whole()));
        assert_eq!(open(&seal(), &binding(), &sealed, 1_000), None);
    }

    #[test]
    fn a_state_of_another_request_server_or_principal_does_not_open() {
        let sealed = sealed(&seal());
        for other in [
            Binding { server: "st", ..binding() },
            Binding { method: "prompts/get", ..binding() },
            Binding { name: "u", ..binding() },
            Binding { arguments: Some(RawValue::TRUE.into()), ..binding() },
            Binding { principal: Some(""), ..binding() },
        ] {
            assert_eq!(open(&seal(), &other, &sealed, 0), None, "{other:?}");
        }
    }

    #[test]
    fn keys_rotate() {
        let (old, new) = (StateKey::from([1; 32]), StateKey::from([2; 32]));
        let by_old = sealed(&Seal::new(std::slice::from_ref(&old)));
        let both = Seal::new(&[new.clone(), old]);
        assert_eq!(open(&both, &binding(), &by_old, 0), Some(whole()), "a previous key still opens");
        let anew = sealed(&both);
        let only_new = Seal::new(&[new]);
        assert_eq!(open(&only_new, &binding(), &anew, 0), Some(whole()), "the first key seals");
        assert_eq!(open(&only_new, &binding(), &by_old, 0), None, "a key that is gone opens nothing");
    }

    #[test]
    fn a_changed_state_does_not_open() {
        let (seal, sealed) = (seal(), sealed(&seal()));
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).expect("Base64");
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                let changed = URL_SAFE_NO_PAD.encode(changed);
                assert_eq!(open(&seal, &binding(), &changed, 0), None, "bit {bit} of {index}");
            }
            assert_eq!(open(&seal, &binding(), &URL_SAFE_NO_PAD.encode(&bytes[..index]), 0), None);
        }
        for wrong in ["", "x", "-TAMPERED", &format!("{sealed}-TAMPERED"), &format!("{sealed}A")] {
            assert_eq!(open(&seal, &binding(), wrong, 0), None, "{wrong}");
        }
    }

    /// States that earlier versions made: each opens still, or fails cleanly.
    #[test]
    fn states_of_earlier_versions_open_or_are_refused() {
        const OF_VERSION_1: &str =
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        // Sealed with the key and for the request of these tests: by another cipher, and bound to a digest of the
        // arguments.
        const OF_VERSION_2: &str = "AgkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCRvquJFZwT9lVCr3JBBJ7n71-5SJDATkQD5wnhJdXuiwOmIyzg";
        const OF_VERSION_3: &str =
            "AwkJCQkJCQkJCQkJCVWHjbUUcWKf_CM5pnB7gDWsOn8TQK5hTiYcrhFqHWlcWO1t1lYpisnw9WXWHqn7e5Xs3GvdjoKW9n0";
        // With names in rising order.
        const OF_VERSION_4: &str =
            "BAkJCQkJCQkJCQkJCdV4sWcbyzrSM0O37rbWAbXnuY-ohvITOPcwTNj-PGgYv_ptPUHpucwwUPL9hobrIL1Yl2EKiqsJzLQ";
        // With other digests of questions.
        const OF_VERSION_5: &str =
            "BQkJCQkJCQkJCQkJCbMoWl_g2zq690LFB0gCLA5SOJbl-whLNSXQtUiQf4HZojxUlKXeGB1fVPDFZ3T_mFtmRqnPVkW-BPg";
        const OF_VERSION_6: &str =
            "BgkJCQkJCQkJCQkJCVS1QxBJ1tXlvW5kRV3Kni1HT3R6fcRTlQc9Cpp9J2oo8ru7kREJU1TDjkGC1ENkeDHvIP7r4nsxrqs";
        for old in [OF_VERSION_1, OF_VERSION_2, OF_VERSION_3, OF_VERSION_4, OF_VERSION_5] {
            assert_eq!(open(&seal(), &binding(), old, 0), None, "{old}");
        }
        assert_eq!(open(&seal(), &binding(), OF_VERSION_6, 0), Some(whole()));
    }

    #[test]
    fn keys_are_read_as_they_are_made() {
        let bytes = [0xab; 32];
        let hex = "ab".repeat(32);
        for text in [&hex, &STANDARD_NO_PAD.encode(bytes), &format!("{}=\n", STANDARD_NO_PAD.encode(bytes))] {
            assert!(text.parse::<StateKey>().is_ok_and(|key| key.0 == bytes), "{text}");
        }
        for text in ["", "secret", &hex[1..], &hex.replace('a', "x"), &STANDARD_NO_PAD.encode([1; 31])] {
            assert!(text.parse::<StateKey>().is_err(), "{text}");
        }
    }
}
