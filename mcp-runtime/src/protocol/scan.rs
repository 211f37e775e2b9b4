//! Where the parts of a JSON text are. It is held against the grammar ([RFC 8259]) on the way, and nothing is decoded:
//! of most of a message nobody wants to know more than where it is.
//!
//! [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259

use std::borrow::Cow;
use std::ops::Range;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use smallvec::SmallVec;

use super::text::{RESERVED_KEY, Text, end_in_words, is_reserved, plain, plain_behind};

/// A JSON value as it came: right, and not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    pub(crate) const NULL: Self = Self("null");
    /// An object without members.
    pub(crate) const EMPTY: Self = Self("{}");

    /// The text, without space around it.
    pub(crate) fn get(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Where it stands in one that it was read from.
    pub(crate) fn place_in(self, whole: Raw<'_>) -> Option<Range<usize>> {
        let begin = self.0.as_ptr().addr().checked_sub(whole.0.as_ptr().addr())?;
        let place = begin..begin + self.0.len();
        (place.end <= whole.0.len()).then_some(place)
    }

    /// The same, to be kept.
    pub(crate) fn to_raw_value(self) -> Box<RawValue> {
        match to_raw_value(&self) {
            Ok(kept) if kept.get().len() == self.0.len() => kept,
            // A serde_json that does it otherwise; what was found right is.
            _ => RawValue::from_string(self.0.to_owned()).unwrap_or_default(),
        }
    }
}

/// In the way in which serde_json's own `RawValue` does it, so that its writers copy what was found right, and do not look at
/// it again.
impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut raw = serializer.serialize_struct(RESERVED_KEY, 1)?;
        raw.serialize_field(RESERVED_KEY, self.0)?;
        raw.end()
    }
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(value: &'a RawValue) -> Self {
        Self(value.get())
    }
}

/// A place in a JSON text. Every function goes on from it, and has `None` for what is no JSON, or has a member whose name
/// is [reserved](is_reserved).
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The first letter of what comes next, behind space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                other => return Some(other),
            }
        }
    }

    /// Whether there is nothing more.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Each member of an object, whose value `member` goes past.
    pub(crate) fn object(&mut self, mut member: impl FnMut(Text<'a>, &mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.name()?;
            member(name, self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// A value, whole.
    pub(crate) fn value(&mut self) -> Option<Raw<'a>> {
        let first = self.peek()?;
        let begin = self.at;
        match first {
            b'{' | b'[' => self.skip()?,
            _ => self.simple(first)?,
        }
        Some(Raw(self.text.get(begin..self.at)?))
    }

    /// What `read` makes of a value, and the value.
    pub(crate) fn whole<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<(T, Raw<'a>)> {
        self.peek()?;
        let begin = self.at;
        let read = read(self)?;
        Some((read, Raw(self.text.get(begin..self.at)?)))
    }

    /// Goes past a value that has no others in it, and begins with this letter.
    fn simple(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.string().map(drop),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    /// Goes past a value. However deep it is, that takes no stack.
    fn skip(&mut self) -> Option<()> {
        // How what is open is closed, the innermost last.
        let mut open: SmallVec<[u8; 32]> = SmallVec::new();
        loop {
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    if self.peek()? != b'}' {
                        open.push(b'}');
                        self.past_name()?;
                        continue;
                    }
                    self.at += 1;
                }
                b'[' => {
                    self.at += 1;
                    if self.peek()? != b']' {
                        open.push(b']');
                        continue;
                    }
                    self.at += 1;
                }
                first => self.simple(first)?,
            }
            loop {
                let Some(close) = open.last() else { return Some(()) };
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        if *close == b'}' {
                            self.past_name()?;
                        }
                        break;
                    }
                    other if other == *close => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// The name of a member, and its colon.
    fn name(&mut self) -> Option<Text<'a>> {
        self.peek()?;
        let begin = self.at;
        let is_plain = self.string()?;
        let end = self.at;
        self.colon(begin, is_plain)?;
        match is_plain {
            true => Some(Text(Cow::Borrowed(self.text.get(begin + 1..end - 1)?))),
            false => serde_json::from_str(self.text.get(begin..end)?).ok(),
        }
    }

    fn past_name(&mut self) -> Option<()> {
        self.peek()?;
        let begin = self.at;
        let is_plain = self.string()?;
        self.colon(begin, is_plain)
    }

    /// Goes on behind a name that begins there, if it is one that a message may have.
    fn colon(&mut self, begin: usize, is_plain: bool) -> Option<()> {
        let may_be_reserved = !is_plain || self.at - begin == RESERVED_KEY.len() + 2;
        if may_be_reserved && is_reserved(self.text.get(begin..self.at)?) {
            return None;
        }
        self.expect(b':')
    }

    /// Goes past a text. Whether it stands there as it is, without escapes.
    #[inline]
    fn string(&mut self) -> Option<bool> {
        let (quote, inside) = self.text.as_bytes().get(self.at..)?.split_first()?;
        if *quote != b'"' {
            return None;
        }
        self.at += 1;
        // Most end in the first words.
        if let Some(end) = end_in_words(inside)
            && inside.get(end) == Some(&b'"')
        {
            self.at += end + 1;
            return Some(true);
        }
        self.past_text()
    }

    /// Goes past the rest of a text. Apart, so that what most texts need saves no registers.
    #[inline(never)]
    fn past_text(&mut self) -> Option<bool> {
        let inside = self.text.as_bytes().get(self.at..)?;
        let end = plain_behind(inside);
        self.at += end;
        match inside.get(end)? {
            b'"' => {
                self.at += 1;
                Some(true)
            }
            _ => self.past_escapes(),
        }
    }

    /// Goes past the rest of a text, from where something does not stand for itself.
    #[cold]
    fn past_escapes(&mut self) -> Option<bool> {
        let bytes = self.text.as_bytes();
        loop {
            match *bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(false);
                }
                b'\\' => {
                    self.at += match *bytes.get(self.at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' if bytes.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                        _ => return None,
                    };
                }
                _ => return None,
            }
            self.at += plain(bytes.get(self.at..)?);
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        // At least one.
        let digits = |mut at: usize| {
            let begin = at;
            while byte(at).is_ascii_digit() {
                at += 1;
            }
            (at > begin).then_some(at)
        };
        let mut at = self.at + usize::from(byte(self.at) == b'-');
        // One that begins with zero is zero.
        at = if byte(at) == b'0' { at + 1 } else { digits(at)? };
        if byte(at) == b'.' {
            at = digits(at + 1)?;
        }
        if matches!(byte(at), b'e' | b'E') {
            at = digits(at + 1 + usize::from(matches!(byte(at + 1), b'+' | b'-')))?;
        }
        self.at = at;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The whole text as one value.
    fn scan(text: &str) -> Option<&str> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        scanner.is_at_end().then_some(value.get())
    }

    fn agrees(text: &str) -> Result<(), TestCaseError> {
        let expected = serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get);
        prop_assert_eq!(scan(text), expected, "{}", text);
        Ok(())
    }

    #[test]
    fn a_text_is_json_or_not() {
        for json in [
            "0",
            "-0",
            "-0.0e+00",
            "10.25E-3",
            "true",
            "false",
            "null",
            "\"\"",
            "{}",
            "[]",
            " [ ] ",
            "[[],{}]",
            r#"{"a" : [1, 2.5, {"b":null}] , "" : "\u00e9\n\/"}"#,
            r#""\ud800""#,
            "\"é\u{7f}\u{1f600}\"",
            "1e999",
        ] {
            assert_eq!(scan(json), Some(json.trim()), "{json}");
        }
        for other in [
            "",
            " ",
            "-",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "tru",
            "nul",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "{",
            "}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{\"a\":1]",
            "1 2",
            "{}{}",
            "NaN",
            "'a'",
            "\u{a0}1",
        ] {
            assert_eq!(scan(other), None, "{other}");
        }
    }

    #[test]
    fn a_value_is_found_where_it_was_read() {
        let json = r#" {"a":[1],"b":[1]}"#;
        let mut places = Vec::new();
        let (members, whole) = Scanner::new(json)
            .whole(|scanner| {
                let mut members = Vec::new();
                scanner.object(|_, scanner| {
                    members.push(scanner.value()?);
                    Some(())
                })?;
                Some(members)
            })
            .expect("an object");
        places.extend(members.iter().map(|member| member.place_in(whole)));
        assert_eq!(places, [Some(5..8), Some(13..16)]);
        assert_eq!(whole.place_in(members[0]), None);
    }

    #[test]
    fn what_is_kept_is_what_came() {
        for json in ["null", r#"{"a" : [1, "\u00e9\n"] }"#, r#""é""#] {
            let mut scanner = Scanner::new(json);
            assert_eq!(scanner.value().map(Raw::to_raw_value).expect("JSON").get(), json);
        }
    }

    #[test]
    fn what_is_deep_is_closed_as_it_was_opened() {
        for depth in [1, 63, 64, 65, 127, 128, 129, 200] {
            let open = |at: usize| if at.is_multiple_of(3) { "[" } else { "{\"a\":" };
            let close = |at: usize| if at.is_multiple_of(3) { "]" } else { "}" };
            let begin: String = (0..depth).map(open).collect();
            let end: String = (0..depth).rev().map(close).collect();
            let json = format!("{begin}1{end}");
            assert_eq!(scan(&json), Some(&*json));
            for at in 0..end.len() {
                let mut wrong = end.clone().into_bytes();
                wrong[at] = if wrong[at] == b']' { b'}' } else { b']' };
                assert_eq!(scan(&format!("{begin}1{}", String::from_utf8_lossy(&wrong))), None, "{depth} {at}");
            }
        }
    }

    #[test]
    fn depth_takes_no_stack() {
        let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
        assert_eq!(scan(&deep).map(str::len), Some(deep.len()));
        assert_eq!(scan(&deep[..deep.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn it_is_json_where_serde_json_says_so(
            text in r#"(\{|\[|"a"|:|"\\u00e9\\""|"|,|0|1|-1\.5e3|-|\.|e|null|tru|true|\}|\]| |\n|é){0,20}"#,
        ) {
            agrees(&text)?;
        }

        #[test]
        fn any_text_is_judged_alike(text in ".{0,40}", quoted in any::<bool>()) {
            agrees(&if quoted { format!("\"{text}\"") } else { text })?;
        }

        #[test]
        fn members_are_those_that_serde_json_reads(
            members in prop::collection::vec(("[a\"é\\\\\n]{0,3}", "[a\"é\\\\\n]{0,12}"), 0..6),
        ) {
            let written = |(name, value): &(String, String)| format!("{} : {}", serde_json::json!(name), serde_json::json!([value]));
            let json = format!("{{ {} }}", members.iter().map(written).collect::<Vec<_>>().join(" ,"));
            let mut read = Vec::new();
            let done = Scanner::new(&json).object(|name, scanner| {
                let [value]: [String; 1] = serde_json::from_str(scanner.value()?.get()).ok()?;
                read.push((name.0.into_owned(), value));
                Some(())
            });
            prop_assert!(done.is_some());
            prop_assert_eq!(read, members);
        }
    }
}
