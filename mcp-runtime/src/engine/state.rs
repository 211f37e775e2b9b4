//! What `requestState` says, as bytes. Pure; [`seal`](super::seal) keeps it secret and whole.
//!
//! Numbers are little-endian base 128 (LEB128) unless a size is given; text and JSON stand with
//! their length before them:
//!
//! - when it expires, in seconds since 1970
//! - the call (16 bytes), its round
//! - whether it remembers (1 byte, 0 or 1); if it does:
//!   - the highest progress that was reported (8 bytes, IEEE 754, big endian)
//!   - the log messages that were sent: their number, and a digest of each (4 bytes)
//!   - answers and results of steps: their number, and of each the key and the value, JSON
//!   - what the client was asked: the number of questions, and of each the key and what it is about

use serde_json::value::RawValue;

use super::journal::Memory;

/// Names a call for as long as anything is remembered of it; not to be guessed.
pub(crate) type CallId = [u8; 16];

/// What is inside a state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) call: CallId,
    pub(crate) round: u32,
    /// In seconds since 1970.
    pub(crate) expires: u64,
    /// What a run that starts over must know; `None` for a call that cannot.
    pub(crate) remembered: Option<Remembered>,
}

/// What a run that starts over must know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) memory: Memory,
    pub(crate) reports: Reports,
}

/// What the client has heard of a call already.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reports {
    pub(crate) progress: f64,
    /// Digests of log messages.
    pub(crate) logs: Vec<u32>,
}

impl Default for Reports {
    fn default() -> Self {
        Self { progress: f64::NEG_INFINITY, logs: Vec::new() }
    }
}

impl State {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        number(&mut out, self.expires);
        out.extend_from_slice(&self.call);
        number(&mut out, self.round.into());
        let Some(Remembered { memory, reports }) = &self.remembered else {
            out.push(0);
            return out;
        };
        out.push(1);
        out.extend_from_slice(&reports.progress.to_be_bytes());
        number(&mut out, reports.logs.len() as u64);
        reports.logs.iter().for_each(|digest| out.extend_from_slice(&digest.to_be_bytes()));
        number(&mut out, memory.records().len() as u64);
        for record in memory.records() {
            text(&mut out, &record.key);
            text(&mut out, record.value.get());
        }
        number(&mut out, memory.open.len() as u64);
        for (key, about) in &memory.open {
            text(&mut out, key);
            text(&mut out, about);
        }
        out
    }

    /// `None` for bytes that no state has.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let expires = rest.number()?;
        let call = rest.fixed()?;
        let round = rest.number()?.try_into().ok()?;
        let remembered = match rest.fixed::<1>()? {
            [0] => None,
            [1] => Some(rest.remembered()?),
            _ => return None,
        };
        rest.0.is_empty().then_some(Self { call, round, expires, remembered })
    }
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed()?;
            let bits = u64::from(byte & 0x7f);
            // Nothing may be lost at the upper end.
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number of things that take at least one byte each.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(taken).ok()
    }

    fn remembered(&mut self) -> Option<Remembered> {
        let progress = f64::from_be_bytes(self.fixed()?);
        let logs = (0..self.count()?).map(|_| self.fixed().map(u32::from_be_bytes)).collect::<Option<_>>()?;
        let mut memory = Memory::default();
        for _ in 0..self.count()? {
            let (key, value) = (self.text()?.to_owned(), self.text()?.to_owned());
            memory.keep(key, RawValue::from_string(value).ok()?);
        }
        for _ in 0..self.count()? {
            memory.open.push((self.text()?.to_owned(), self.text()?.to_owned()));
        }
        Some(Remembered { memory, reports: Reports { progress, logs } })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn memory(records: &[(String, i64)], open: Vec<(String, String)>) -> Memory {
        let mut memory = Memory::default();
        memory.open = open;
        for (key, value) in records {
            memory.keep(key.clone(), RawValue::from_string(value.to_string()).expect("JSON"));
        }
        memory
    }

    fn state() -> impl Strategy<Value = State> {
        let remembered = (
            prop::collection::vec((".*", any::<i64>()), 0..5),
            prop::collection::vec((".*", ".*"), 0..5),
            prop::collection::vec(any::<u32>(), 0..5),
            prop::num::f64::NORMAL,
        )
            .prop_map(|(records, open, logs, progress)| Remembered {
                memory: memory(&records, open),
                reports: Reports { progress, logs },
            });
        (any::<CallId>(), any::<u32>(), any::<u64>(), prop::option::of(remembered))
            .prop_map(|(call, round, expires, remembered)| State { call, round, expires, remembered })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(state in state()) {
            prop_assert_eq!(State::decode(&state.encode()), Some(state));
        }

        #[test]
        fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(state) = State::decode(&bytes) {
                prop_assert_eq!(State::decode(&state.encode()), Some(state));
            }
        }

        #[test]
        fn part_of_a_state_is_none(state in state(), cut in any::<prop::sample::Index>()) {
            let bytes = state.encode();
            prop_assert_eq!(State::decode(&bytes[..cut.index(bytes.len())]), None);
        }
    }

    #[test]
    fn a_state_without_a_memory_is_small() {
        let state = State { call: [1; 16], round: 1, expires: 1_800_000_000, remembered: None };
        assert_eq!(state.encode().len(), 5 + 16 + 1 + 1);
    }
}
