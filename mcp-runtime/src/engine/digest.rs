//! Digests of JSON that do not depend on how it is written: order of keys, white space, `1` or
//! `1.0`.

use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::state::number;
use crate::protocol::{Raw, Text, end_of_text, plain};

/// A digest of JSON in canonical form.
pub(crate) type Digest = [u8; 32];

/// The digest of a call's arguments; none at all count as `{}`.
pub(crate) fn arguments(raw: Option<Raw<'_>>) -> Digest {
    canonical(raw.map_or("{}", Raw::get))
}

/// The digest of JSON.
pub(crate) fn canonical(json: &str) -> Digest {
    // As much again as it takes: members are sorted behind it.
    let mut out = Vec::with_capacity(2 * json.len());
    if (Reader { rest: json }).value(&mut out, DEPTH).is_none() {
        // JSON that is deeper than parsers go, or has numbers that nobody can hold, is its own
        // canonical form. No value begins with this letter.
        out.clear();
        out.push(b'r');
        out.extend_from_slice(json.as_bytes());
    }
    blake3::hash(&out).into()
}

/// Sixteen hexadecimal digits: enough to tell the questions of one call apart.
pub(crate) fn short(raw: &RawValue) -> String {
    let [a, b, c, d, e, f, g, h, ..] = canonical(raw.get());
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' - 10 + half });
    [a, b, c, d, e, f, g, h].into_iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

/// Enough to tell the log messages of one call apart.
pub(crate) fn of_log(message: &[u8]) -> u32 {
    let digest = blake3::hash(message);
    let [a, b, c, d, ..] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// What is derived from the id of a call, for one purpose and occurrence.
pub(crate) fn derived(id: &[u8; 16], purpose: &str, occurrence: u64) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id);
    hasher.update(&occurrence.to_be_bytes());
    hasher.update(purpose.as_bytes());
    let mut derived = [0; 16];
    hasher.finalize_xof().fill(&mut derived);
    derived
}

/// As deep as serde_json reads.
const DEPTH: u32 = 128;

/// Reads JSON that a parser has found right, and writes each part of it so that no two values read
/// the same. Text and whole numbers, of which most JSON is made, are not decoded on the way.
struct Reader<'a> {
    rest: &'a str,
}

/// Where a member of an object was written: the end of its name, and its own.
struct Member {
    begin: usize,
    name: usize,
    end: usize,
}

impl Reader<'_> {
    /// `None` for what a parser does not read.
    fn value(&mut self, out: &mut Vec<u8>, depth: u32) -> Option<()> {
        match self.next()? {
            b'"' => self.text(out),
            b'{' => self.object(out, depth.checked_sub(1)?),
            b'[' => self.array(out, depth.checked_sub(1)?),
            letter @ (b'n' | b't') => self.word(out, letter, 4),
            letter @ b'f' => self.word(out, letter, 5),
            _ => self.number(out),
        }
    }

    /// What comes after white space.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.rest.as_bytes().first()? {
                b' ' | b'\t' | b'\n' | b'\r' => self.skip(1)?,
                other => return Some(*other),
            }
        }
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    fn word(&mut self, out: &mut Vec<u8>, letter: u8, length: usize) -> Option<()> {
        out.push(letter);
        self.skip(length)
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest.bytes().take_while(is_part).count();
        let digits = self.rest.get(..length)?;
        self.skip(length)?;
        if let Ok(whole) = digits.parse::<i64>() {
            absorb_whole(out, whole < 0, whole.unsigned_abs());
        } else if let Ok(whole) = digits.parse() {
            absorb_whole(out, false, whole);
        } else {
            let real: f64 = digits.parse().ok().filter(|real: &f64| real.is_finite())?;
            absorb_real(out, real);
        }
        Some(())
    }

    fn text(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let inside = self.rest.get(1..)?;
        let end = plain(inside.as_bytes());
        let plain = inside.get(..end)?;
        if inside.as_bytes().get(end) == Some(&b'"') {
            absorb_text(out, plain);
            return self.skip(end + 2);
        }
        let length = end_of_text(self.rest);
        let decoded: Text<'_> = serde_json::from_str(self.rest.get(..length)?).ok()?;
        absorb_text(out, &decoded.0);
        self.skip(length)
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: u32) -> Option<()> {
        self.skip(1)?;
        out.push(b'[');
        while self.next()? != b']' {
            self.value(out, depth)?;
            if self.next()? == b',' {
                self.skip(1)?;
            }
        }
        out.push(b']');
        self.skip(1)
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: u32) -> Option<()> {
        self.skip(1)?;
        out.push(b'{');
        let begin = out.len();
        let mut members: SmallVec<[Member; 8]> = SmallVec::new();
        let mut is_sorted = true;
        while self.next()? != b'}' {
            let begin = out.len();
            self.text(out)?;
            let name = out.len();
            // The colon.
            self.next()?;
            self.skip(1)?;
            self.value(out, depth)?;
            if self.next()? == b',' {
                self.skip(1)?;
            }
            is_sorted &= members.last().is_none_or(|last| out[last.begin..last.name] <= out[begin..name]);
            members.push(Member { begin, name, end: out.len() });
        }
        if !is_sorted {
            // Of two of one name both count, in their order: such requests are alike only if they are
            // the same.
            members.sort_by(|one, other| out[one.begin..one.name].cmp(&out[other.begin..other.name]));
            // Once more in their order, and that in place of what was there.
            let end = out.len();
            for member in members {
                out.extend_from_within(member.begin..member.end);
            }
            out.copy_within(end.., begin);
            out.truncate(end);
        }
        out.push(b'}');
        self.skip(1)
    }
}

fn absorb_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn absorb_whole(out: &mut Vec<u8>, is_negative: bool, magnitude: u64) {
    out.push(if is_negative { b'-' } else { b'#' });
    number(out, magnitude);
}

/// `1.0` is 1. Beyond 2^63 a float and an integer of the same value are not told apart by writers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the condition keeps it inside the type")]
fn absorb_real(out: &mut Vec<u8>, real: f64) {
    if real.fract() == 0.0 && real.abs() < 9.3e18 {
        return absorb_whole(out, real < 0.0, real.abs() as u64);
    }
    out.push(b'.');
    out.extend_from_slice(&real.to_bits().to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::canonical;

    #[test]
    fn writing_does_not_matter() {
        for (one, other) in [
            (r#"{"a":1,"b":[true,"x"]}"#, "{ \"b\" : [true, \"\\u0078\"], \"a\" : 1.0 }"),
            (r#"{"a":{},"\u0061b":[]}"#, "\t{\"ab\" : [ ] ,\r\n\"a\":{ } }"),
            ("100", "1e2"),
            ("-0", "0.0"),
            ("9007199254740992", "9.007199254740992E+15"),
            (r#""\ud83d\ude00\/""#, "\"\u{1f600}/\""),
        ] {
            assert_eq!(canonical(one), canonical(other), "{one} and {other}");
        }
    }

    #[test]
    fn content_does() {
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":-1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
            (r#"["ab","c"]"#, r#"["a","bc"]"#),
            ("[[1],2]", "[[1,2]]"),
            ("1.5", "1"),
            ("1e400", "1e500"),
            ("18446744073709551615", "18446744073709551614"),
            ("null", "false"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one} and {other}");
        }
    }

    #[test]
    fn what_is_deeper_than_parsers_go_is_told_apart_too() {
        let deep = |inside: &str| format!("{}{inside}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(canonical(&deep("1")), canonical(&deep("1")));
        assert_ne!(canonical(&deep("1")), canonical(&deep("2")));
        // A text whose canonical form reads like one that is too deep: its length, written before it,
        // is part of a text there.
        const LENGTH: usize = 0x43 + (0x29 << 7) + (0x20 << 14);
        let text = format!("\",{}{}{}", "[".repeat(200), " ".repeat(LENGTH - 402), "]".repeat(200));
        assert_ne!(canonical(&json!([text]).to_string()), canonical(&format!("[\"é {text}]")));
    }

    fn json() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e6..1e6_f64).prop_map(Value::from),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number,
            ".{0,5}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            let members = prop::collection::vec(("[a-c\"\\\\é]{0,2}", inner.clone()), 0..5);
            prop_oneof![
                prop::collection::vec(inner, 0..5).prop_map(Value::from),
                members.prop_map(|members| Value::Object(Map::from_iter(members))),
            ]
        })
    }

    /// The same, written differently.
    fn rewritten(value: &Value) -> String {
        match value {
            Value::Array(items) => {
                format!("[ {}]", items.iter().map(rewritten).collect::<Vec<_>>().join(" ,\n"))
            }
            Value::Object(members) => {
                let escaped = |name: &str| name.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
                let member = |(name, value): (&String, &Value)| format!("\"{}\" :{}", escaped(name), rewritten(value));
                format!("{{\t{} }}", members.iter().rev().map(member).collect::<Vec<_>>().join(","))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #[test]
        fn values_are_alike_if_and_only_if_their_digests_are(one in json(), other in json()) {
            prop_assert_eq!(canonical(&one.to_string()), canonical(&rewritten(&one)));
            if one != other {
                prop_assert_ne!(canonical(&one.to_string()), canonical(&other.to_string()));
            }
        }

        #[test]
        fn no_text_is_too_much(text in r#"[\[\]{}",:\\0-9.eEtfn é-]{0,20}"#) {
            _ = canonical(&text);
        }
    }
}
