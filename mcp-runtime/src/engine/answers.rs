//! The answers that begin a round, by which a request that comes again is told from one with other answers.

use std::fmt;
use std::sync::Arc;

use super::digest;
use super::state::CallId;
use crate::protocol::Raw;

/// The answers that a client sent with a [`Ticket`](super::Ticket). Two are equal if they say the same, however it
/// is written: order of members, white space, escapes.
#[derive(Clone)]
pub struct Answers(Kept);

/// Almost no request comes again, so answers are kept as they came, and looked at only when one does.
#[derive(Clone)]
enum Kept {
    Whole { call: CallId, json: Arc<str> },
    Digest([u8; 16]),
}

impl Answers {
    /// Those to questions of a call; none at all count as `{}`.
    pub(crate) fn new(call: CallId, json: Option<Raw<'_>>) -> Self {
        /// Of longer ones the digest is kept.
        const LONGEST: usize = 1 << 10;
        let json = json.map_or("{}", Raw::get);
        Self(if json.len() <= LONGEST {
            Kept::Whole { call, json: json.into() }
        } else {
            Kept::Digest(digest::answers(&call, json))
        })
    }

    /// Tells the answers to one call apart, for a store outside of the process: the same answers to another call have
    /// another digest. It tells nobody what they are who does not know the [`Ticket`](super::Ticket) too.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        match &self.0 {
            Kept::Whole { call, json } => digest::answers(call, json),
            Kept::Digest(digest) => *digest,
        }
    }

    /// About how many bytes of memory they take.
    pub(super) fn size(&self) -> usize {
        let json = if let Kept::Whole { json, .. } = &self.0 { json.len() } else { 0 };
        size_of::<Self>() + json
    }
}

impl PartialEq for Answers {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kept::Whole { call, json }, Kept::Whole { call: of, json: others }) if (call, json) == (of, others) => {
                true
            }
            _ => self.digest() == other.digest(),
        }
    }
}

impl Eq for Answers {}

/// Answers with this [`digest`](Self::digest): one that was stored, or that tries a store.
impl From<[u8; 16]> for Answers {
    fn from(digest: [u8; 16]) -> Self {
        Self(Kept::Digest(digest))
    }
}

/// What a client answered is not printed.
impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers(..)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn answers(call: u8, json: &str) -> Answers {
        let json: Box<RawValue> = serde_json::from_str(json).expect("JSON");
        Answers::new([call; 16], Some((&*json).into()))
    }

    #[test]
    fn answers_are_the_same_if_they_say_the_same_to_the_same_call() {
        let long = format!("{:?}", "x".repeat(2_000));
        let pad = " ".repeat(2_000);
        for (one, other) in [
            (r#"{"a":{"b":1,"c":2}}"#.to_owned(), r#"{ "a": {"c":2.0, "\u0062":1} }"#.to_owned()),
            ("{}".to_owned(), format!("{{{pad}}}")),
            (format!("[{long}]"), format!("[ {long}]")),
        ] {
            assert_eq!(answers(1, &one), answers(1, &other));
            assert_eq!(answers(1, &one), answers(1, &other).digest().into());
            assert_ne!(answers(1, &one), answers(2, &other));
            assert_ne!(answers(1, &one), answers(2, &one));
            assert_ne!(answers(1, &one), answers(1, r#"{"a":1}"#));
        }
        assert_eq!(Answers::new([1; 16], None), answers(1, "{}"));
    }

    #[test]
    fn they_are_not_printed() {
        assert!(!format!("{:?}", answers(1, r#"{"a":"secret"}"#)).contains("secret"));
    }
}
