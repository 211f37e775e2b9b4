//! JSON in a form that does not depend on how it is written (order of keys, white space, `1` or `1.0`), and digests
//! of that.
//!
//! Where a client must not find two things with one digest, that is SipHash-2-4 of 128 bits, and the id of a call is the
//! key, which no client knows. Elsewhere, where nobody gains by confusing things, it is SipHash-1-3 of 64 bits, without a
//! key.

use std::borrow::Cow;

use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::state::{CallId, number};
use crate::protocol::{Raw, Text, end_of_text, plain};
use crate::siphash;

/// An object, such as a call's arguments, in canonical form; none at all counts as `{}`.
pub(crate) fn object(raw: Option<Raw<'_>>) -> Cow<'_, [u8]> {
    canonical(raw.map_or("{}", Raw::get))
}

/// JSON in canonical form.
pub(crate) fn canonical(json: &str) -> Cow<'_, [u8]> {
    if end_of_canonical(json.as_bytes(), 0, DEPTH) == Some(json.len()) {
        return json.as_bytes().into();
    }
    let mut writer = Writer::new(json);
    if writer.value(DEPTH).is_some() {
        return writer.finish();
    }
    // JSON that is deeper than parsers go, or has numbers that nobody can hold, is its own
    // canonical form. No value begins with this letter.
    [b"r", json.as_bytes()].concat().into()
}

/// Tells the answers to a call apart.
pub(super) fn answers(call: &CallId, json: &str) -> [u8; 16] {
    siphash::long(call, &canonical(json))
}

/// Sixteen hexadecimal digits: enough to tell the questions of one call apart, and the same in all of its runs.
pub(crate) fn short(raw: &RawValue) -> [u8; 16] {
    let digest = siphash::short(&canonical(raw.get()));
    std::array::from_fn(|place| b"0123456789abcdef"[(digest >> (60 - 4 * place)) as usize % 16])
}

/// Enough to tell the log messages of one call apart.
pub(crate) fn of_log(message: &[u8]) -> u32 {
    (siphash::short(message) >> 32) as u32
}

/// What is derived from the id of a call, for one purpose and occurrence.
pub(crate) fn derived(id: &CallId, purpose: &str, occurrence: u64) -> [u8; 16] {
    let mut message = Vec::with_capacity(8 + purpose.len());
    message.extend_from_slice(&occurrence.to_be_bytes());
    message.extend_from_slice(purpose.as_bytes());
    siphash::long(id, &message)
}

/// As deep as serde_json reads.
const DEPTH: u32 = 128;

/// Writes JSON that a parser has found right in its canonical form, in which no two values read the same: without
/// white space, names in falling order, whole numbers as digits, texts as they are, or after a backslash and their length
/// where they would need escapes. Most of a message has that form already, and is copied in long runs or not at all:
/// falling is the order in which questions and content are written, `type` before `text`, `role` before `content`.
struct Writer<'a> {
    json: &'a str,
    at: usize,
    /// What has the canonical form from here up to `at`, and is not copied yet.
    run: usize,
    out: Vec<u8>,
}

/// Where a value ends that begins there and has its canonical form throughout, as most have that software writes.
fn end_of_canonical(json: &[u8], mut at: usize, depth: u32) -> Option<usize> {
    let past_text = |at: usize| {
        let inside = json.get(at..)?.strip_prefix(b"\"")?;
        let end = plain(inside);
        (*inside.get(end)? == b'"').then_some(at + end + 2)
    };
    match *json.get(at)? {
        b'"' => past_text(at),
        b'{' => {
            let depth = depth.checked_sub(1)?;
            at += 1;
            if *json.get(at)? == b'}' {
                return Some(at + 1);
            }
            let mut before: &[u8] = &[u8::MAX; 2];
            loop {
                let end = past_text(at)?;
                let name = json.get(at..end)?;
                // Most differ in their first letter, which stands behind the quote.
                let first = (name.get(1), before.get(1));
                if first.0 > first.1 || (first.0 == first.1 && name > before) || *json.get(end)? != b':' {
                    return None;
                }
                before = name;
                at = end_of_canonical(json, end + 1, depth)?;
                match *json.get(at)? {
                    b',' => at += 1,
                    b'}' => return Some(at + 1),
                    _ => return None,
                }
            }
        }
        b'[' => {
            let depth = depth.checked_sub(1)?;
            at += 1;
            if *json.get(at)? == b']' {
                return Some(at + 1);
            }
            loop {
                at = end_of_canonical(json, at, depth)?;
                match *json.get(at)? {
                    b',' => at += 1,
                    b']' => return Some(at + 1),
                    _ => return None,
                }
            }
        }
        b'n' | b't' => Some(at + 4),
        b'f' => Some(at + 5),
        _ => end_of_whole(json, at),
    }
}

/// Where a whole number ends that begins there and has few enough digits to be written in one way only.
fn end_of_whole(json: &[u8], at: usize) -> Option<usize> {
    /// Fewer digits than these are fewer than any integer has.
    const FEW: usize = 18;
    let rest = json.get(at..)?;
    let sign = usize::from(rest.first() == Some(&b'-'));
    let digits = rest[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_whole = !matches!(rest.get(sign + digits), Some(b'.' | b'e' | b'E'));
    // A zero has no sign.
    let is_zero = rest.get(sign) == Some(&b'0');
    (is_whole && (1..=FEW).contains(&digits) && !(is_zero && sign == 1)).then_some(at + sign + digits)
}

/// Where a member of an object is written: the end of its name, and its own.
struct Member {
    begin: usize,
    name: usize,
    end: usize,
}

impl<'a> Writer<'a> {
    fn new(json: &'a str) -> Self {
        Self { json, at: 0, run: 0, out: Vec::new() }
    }

    /// All that was written.
    fn finish(mut self) -> Cow<'a, [u8]> {
        if self.out.is_empty() {
            return self.json.as_bytes()[self.run..self.at].into();
        }
        self.copy();
        self.out.into()
    }

    /// Copies what has the canonical form.
    fn copy(&mut self) {
        if self.out.capacity() == 0 {
            // As much again as it takes: members are sorted behind it.
            self.out.reserve_exact(2 * self.json.len());
        }
        self.out.extend_from_slice(&self.json.as_bytes()[self.run..self.at]);
        self.run = self.at;
    }

    /// Goes past what is written otherwise.
    fn skip(&mut self, bytes: usize) {
        self.at = self.json.len().min(self.at + bytes);
        self.run = self.at;
    }

    /// How much was written.
    fn written(&self) -> usize {
        self.out.len() + self.at - self.run
    }

    /// What comes after white space, of which there is little.
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        match *self.json.as_bytes().get(self.at)? {
            b' ' | b'\t' | b'\n' | b'\r' => self.past_space(),
            other => Some(other),
        }
    }

    #[cold]
    fn past_space(&mut self) -> Option<u8> {
        self.copy();
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.skip(self.json.as_bytes()[self.at..].iter().take_while(is_space).count());
        self.json.as_bytes().get(self.at).copied()
    }

    /// `None` for what a parser does not read.
    fn value(&mut self, depth: u32) -> Option<()> {
        match self.next()? {
            b'"' => self.text(),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b'n' | b't' => self.past(4),
            b'f' => self.past(5),
            _ => self.number(),
        }
    }

    /// Goes past what has the canonical form.
    fn past(&mut self, bytes: usize) -> Option<()> {
        self.at += bytes;
        (self.at <= self.json.len()).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if let Some(end) = end_of_whole(self.json.as_bytes(), self.at) {
            return self.past(end - self.at);
        }
        let rest = &self.json.as_bytes()[self.at..];
        let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(is_part).count();
        let digits = self.json.get(self.at..self.at + length)?;
        self.copy();
        self.skip(length);
        if let Ok(whole) = digits.parse::<i64>() {
            self.whole(whole.into());
        } else if let Ok(whole) = digits.parse::<u64>() {
            self.whole(whole.into());
        } else {
            self.real(digits.parse().ok().filter(|real: &f64| real.is_finite())?);
        }
        Some(())
    }

    fn whole(&mut self, whole: i128) {
        self.out.extend_from_slice(whole.to_string().as_bytes());
    }

    /// `1.0` is 1. Beyond 2^63 a float and an integer of the same value are not told apart by writers.
    #[expect(clippy::cast_possible_truncation, reason = "the condition keeps it inside the type")]
    fn real(&mut self, real: f64) {
        if real.fract() == 0.0 && real.abs() < 9.3e18 {
            return self.whole(real as i128);
        }
        self.out.push(b'.');
        self.out.extend_from_slice(&real.to_bits().to_le_bytes());
    }

    fn text(&mut self) -> Option<()> {
        let inside = self.json.as_bytes().get(self.at + 1..)?;
        let end = plain(inside);
        if inside.get(end) == Some(&b'"') {
            return self.past(end + 2);
        }
        let length = end_of_text(&self.json[self.at..]);
        let decoded: Text<'_> = serde_json::from_str(self.json.get(self.at..self.at + length)?).ok()?;
        self.copy();
        self.skip(length);
        let text = decoded.0.as_bytes();
        if plain(text) == text.len() {
            self.out.push(b'"');
            self.out.extend_from_slice(text);
            self.out.push(b'"');
        } else {
            self.out.push(b'\\');
            number(&mut self.out, text.len() as u64);
            self.out.extend_from_slice(text);
        }
        Some(())
    }

    fn array(&mut self, depth: u32) -> Option<()> {
        self.at += 1;
        if self.next()? != b']' {
            loop {
                self.value(depth)?;
                match self.next()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.past(1)
    }

    fn object(&mut self, depth: u32) -> Option<()> {
        self.at += 1;
        let mut members: SmallVec<[Member; 8]> = SmallVec::new();
        if self.next()? != b'}' {
            loop {
                self.next()?;
                let begin = self.written();
                self.text()?;
                let name = self.written();
                // The colon.
                self.next()?;
                self.at += 1;
                self.value(depth)?;
                members.push(Member { begin, name, end: self.written() });
                match self.next()? {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        if members.len() > 1 {
            self.sort(&mut members);
        }
        self.past(1)
    }

    /// What was written of a member's name, if it was copied or is in the run.
    fn name(&self, member: &Member) -> &[u8] {
        match member.begin.checked_sub(self.out.len()) {
            None => &self.out[member.begin..member.name],
            Some(begin) => &self.json.as_bytes()[self.run + begin..][..member.name - member.begin],
        }
    }

    /// Brings the members that were written last into the order of their names.
    fn sort(&mut self, members: &mut [Member]) {
        if members.is_sorted_by(|one, other| self.name(one) >= self.name(other)) {
            return;
        }
        self.copy();
        let out = &mut self.out;
        let Some(first) = members.first() else { return };
        let (begin, end) = (first.begin, out.len());
        // Of two of one name both count, in their order: such requests are alike only if they are
        // the same.
        members.sort_by(|one, other| out[other.begin..other.name].cmp(&out[one.begin..one.name]));
        // Once more in their order, and that in place of what was there.
        for member in members {
            if out.len() > end {
                out.push(b',');
            }
            out.extend_from_within(member.begin..member.end);
        }
        out.copy_within(end.., begin);
        out.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

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
            (r#"["a","b"]"#, r#"["a\",\"b"]"#),
            (r#""\\u0001\"""#, r#""\u0001\"""#),
            (r#"["\n"]"#, r#"["\n\n"]"#),
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
        fn values_are_alike_if_and_only_if_their_canonical_forms_are(one in json(), other in json()) {
            let (as_one, again, as_other) = (one.to_string(), rewritten(&one), other.to_string());
            prop_assert_eq!(canonical(&as_one), canonical(&again));
            if one != other {
                prop_assert_ne!(canonical(&as_one), canonical(&as_other));
            }
        }

        #[test]
        fn what_is_not_written_anew_is_what_would_be_written(value in json()) {
            for json in [value.to_string(), rewritten(&value)] {
                let mut writer = Writer::new(&json);
                prop_assert!(writer.value(DEPTH).is_some());
                let written = writer.finish();
                prop_assert_eq!(canonical(&json), written.clone());
                if end_of_canonical(json.as_bytes(), 0, DEPTH) == Some(json.len()) {
                    prop_assert_eq!(&*written, json.as_bytes());
                }
            }
        }

        #[test]
        fn no_text_is_too_much(text in r#"[\[\]{}",:\\0-9.eEtfn é-]{0,20}"#) {
            _ = canonical(&text);
        }
    }
}
