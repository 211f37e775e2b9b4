//! What `requestState` says, as bytes. Pure; [`seal`](super::seal) keeps it secret and whole.
//!
//! Numbers are little-endian base 128 (LEB128) unless a size is given; text and JSON stand with
//! their length before them:
//!
//! - when it expires, in milliseconds since 1970
//! - the call (16 bytes), its round
//! - whether it remembers (1 byte, 0 or 1); if it does:
//!   - the highest progress that was reported (8 bytes, IEEE 754, big endian)
//!   - the log messages that were sent: their number, and a digest of each (4 bytes)
//!   - answers: their number, and of each the key and the value, JSON; results of steps likewise
//!   - what the client was asked last: the number of questions, and of each the key and what it is
//!     about; questions whose answers no run has taken likewise
//!   - questions that were given up: their number, and the key of each
//!   - how many rounds in a row were given answers and did not take them

use serde_json::value::RawValue;

use super::journal::{Known, Memory, Records};

/// Names a call for as long as anything is remembered of it; not to be guessed.
pub(crate) type CallId = [u8; 16];

/// What every state says.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct State {
    pub(crate) call: CallId,
    pub(crate) round: u32,
    /// In milliseconds since 1970.
    pub(crate) expires: u64,
}

/// What a run that starts over must know.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Remembered {
    pub(crate) memory: Memory,
    pub(crate) reports: Reports,
}

/// What the client has heard of a call already.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
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
    /// Writes it after what is there, with what a run that starts over must know: nothing for a call
    /// that cannot.
    pub(crate) fn encode(&self, remembered: Option<(&Known<'_>, &Reports)>, out: &mut Vec<u8>) {
        number(out, self.expires);
        out.extend_from_slice(&self.call);
        number(out, self.round.into());
        out.push(remembered.is_some().into());
        let Some((known, reports)) = remembered else { return };
        out.extend_from_slice(&reports.progress.to_be_bytes());
        number(out, reports.logs.len() as u64);
        reports.logs.iter().for_each(|digest| out.extend_from_slice(&digest.to_be_bytes()));
        pairs(out, known.answers.iter().map(|(key, answer)| (*key, [*answer])));
        pairs(out, known.steps.iter().map(|(key, result)| (key, [result.get()])));
        pairs(out, known.open.iter().map(|(key, about)| (*key, *about)));
        pairs(out, known.untaken.iter().map(|(key, about)| (key.as_str(), [about.as_str()])));
        number(out, known.given_up.len() as u64);
        known.given_up.iter().for_each(|key| text(out, [*key]));
        number(out, known.fruitless.into());
    }

    /// It, and the bytes of what it remembers: most calls wait, and need no memory. `None` for bytes
    /// that no state has.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, Option<&[u8]>)> {
        let mut rest = Rest(bytes);
        let expires = rest.number()?;
        let call = rest.fixed()?;
        let round = rest.number()?.try_into().ok()?;
        let remembered = match rest.fixed::<1>()? {
            [0] if rest.0.is_empty() => None,
            [1] => Some(rest.0),
            _ => return None,
        };
        Some((Self { call, round, expires }, remembered))
    }
}

impl Remembered {
    /// `None` for bytes that no memory has.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let remembered = rest.remembered()?;
        rest.0.is_empty().then_some(remembered)
    }
}

/// Little-endian base 128.
pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A text, in one piece or several.
fn text<const N: usize>(out: &mut Vec<u8>, pieces: [&str; N]) {
    number(out, pieces.iter().map(|piece| piece.len() as u64).sum());
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

/// Texts under their keys.
fn pairs<'p, const N: usize>(out: &mut Vec<u8>, pairs: impl ExactSizeIterator<Item = (&'p str, [&'p str; N])>) {
    number(out, pairs.len() as u64);
    for (key, value) in pairs {
        text(out, [key]);
        text(out, value);
    }
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
        let memory = Memory {
            answers: self.records()?,
            steps: self.records()?,
            open: self.pairs()?,
            untaken: self.pairs()?,
            given_up: (0..self.count()?).map(|_| self.text().map(str::to_owned)).collect::<Option<_>>()?,
            fruitless: self.number()?.try_into().ok()?,
        };
        Some(Remembered { memory, reports: Reports { progress, logs } })
    }

    fn pairs(&mut self) -> Option<Vec<(String, String)>> {
        (0..self.count()?).map(|_| Some((self.text()?.to_owned(), self.text()?.to_owned()))).collect()
    }

    fn records(&mut self) -> Option<Records> {
        let mut records = Records::default();
        for (key, value) in self.pairs()? {
            records.keep(key, RawValue::from_string(value).ok()?);
        }
        Some(records)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(records: &[(String, i64)]) -> Records {
        let mut kept = Records::default();
        for (key, value) in records {
            kept.keep(key.clone(), RawValue::from_string(value.to_string()).expect("JSON"));
        }
        kept
    }

    fn memory() -> impl Strategy<Value = Memory> {
        let values = || prop::collection::vec((".*", any::<i64>()), 0..5);
        let pairs = || prop::collection::vec((".*", ".*"), 0..5);
        let given_up = prop::collection::vec(".*", 0..5);
        (values(), values(), pairs(), pairs(), given_up, any::<u32>()).prop_map(
            |(answers, steps, open, untaken, given_up, fruitless)| Memory {
                answers: records(&answers),
                steps: records(&steps),
                open,
                untaken,
                given_up,
                fruitless,
            },
        )
    }

    /// A state, and what it remembers.
    type Whole = (State, Option<Remembered>);

    fn encode((state, remembered): &Whole) -> Vec<u8> {
        let mut bytes = Vec::new();
        let remembered = remembered.as_ref().map(|it| (it.memory.known(), &it.reports));
        state.encode(remembered.as_ref().map(|(known, reports)| (known, *reports)), &mut bytes);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Whole> {
        let (state, remembered) = State::decode(bytes)?;
        match remembered {
            Some(bytes) => Some((state, Some(Remembered::decode(bytes)?))),
            None => Some((state, None)),
        }
    }

    fn whole() -> impl Strategy<Value = Whole> {
        let remembered = (memory(), prop::collection::vec(any::<u32>(), 0..5), prop::num::f64::NORMAL)
            .prop_map(|(memory, logs, progress)| Remembered { memory, reports: Reports { progress, logs } });
        (any::<CallId>(), any::<u32>(), any::<u64>(), prop::option::of(remembered))
            .prop_map(|(call, round, expires, remembered)| (State { call, round, expires }, remembered))
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(whole in whole()) {
            prop_assert_eq!(decode(&encode(&whole)), Some(whole));
        }

        #[test]
        fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(whole) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&whole)), Some(whole));
            }
        }

        #[test]
        fn part_of_a_state_is_none(whole in whole(), cut in any::<prop::sample::Index>()) {
            let bytes = encode(&whole);
            prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())]), None);
        }
    }

    #[test]
    fn a_state_without_a_memory_is_small() {
        let state = State { call: [1; 16], round: 1, expires: 1_800_000_000_000 };
        assert_eq!(encode(&(state, None)).len(), 6 + 16 + 1 + 1);
    }
}
