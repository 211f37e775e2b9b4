//! Where the parts of a JSON text are. It is held against the grammar ([RFC 8259]) on the way, and nothing is decoded:
//! of most of a message nobody wants to know more than where it is.
//!
//! [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259

use std::borrow::Cow;

use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::Text;

/// A JSON value as it came: right, and not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The text, without space around it.
    pub(crate) fn get(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// The same, to be kept.
    pub(crate) fn to_raw_value(self) -> Box<RawValue> {
        // What was found right is.
        RawValue::from_string(self.0.to_owned()).unwrap_or_default()
    }
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(value: &'a RawValue) -> Self {
        Self(value.get())
    }
}

/// A place in a JSON text. Every function goes on from it, and has `None` for what is no JSON.
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
        self.whole(Self::skip).map(|((), value)| value)
    }

    /// What `read` makes of a value, and the value.
    pub(crate) fn whole<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<(T, Raw<'a>)> {
        self.peek()?;
        let begin = self.at;
        let read = read(self)?;
        Some((read, Raw(self.text.get(begin..self.at)?)))
    }

    /// Goes past a value. However deep it is, that takes no stack.
    fn skip(&mut self) -> Option<()> {
        // How what is open is closed, the innermost last.
        let mut open: SmallVec<[u8; 32]> = SmallVec::new();
        loop {
            match self.peek()? {
                b'"' => _ = self.string()?,
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
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => self.number()?,
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
        let name = match is_plain {
            true => Text(Cow::Borrowed(self.text.get(begin + 1..self.at - 1)?)),
            false => serde_json::from_str(self.text.get(begin..self.at)?).ok()?,
        };
        self.expect(b':')?;
        Some(name)
    }

    fn past_name(&mut self) -> Option<()> {
        self.peek()?;
        self.string()?;
        self.expect(b':')
    }

    /// Goes past a text. Whether it stands there as it is, without escapes.
    fn string(&mut self) -> Option<bool> {
        let bytes = self.text.as_bytes();
        if *bytes.get(self.at)? != b'"' {
            return None;
        }
        self.at += 1;
        let mut is_plain = true;
        loop {
            self.at += plain(bytes.get(self.at..)?);
            match *bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(is_plain);
                }
                b'\\' => {
                    is_plain = false;
                    self.at += match *bytes.get(self.at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' if bytes.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                        _ => return None,
                    };
                }
                _ => return None,
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let digits = |at: usize| bytes.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
        let mut at = self.at + usize::from(byte(self.at) == b'-');
        // One that begins with zero is zero.
        let whole = if byte(at) == b'0' { 1 } else { digits(at) };
        at += whole;
        if whole == 0 {
            return None;
        }
        if byte(at) == b'.' {
            let fraction = digits(at + 1);
            at += 1 + fraction;
            if fraction == 0 {
                return None;
            }
        }
        if matches!(byte(at), b'e' | b'E') {
            at += 1 + usize::from(matches!(byte(at + 1), b'+' | b'-'));
            let exponent = digits(at);
            at += exponent;
            if exponent == 0 {
                return None;
            }
        }
        self.at = at;
        Some(())
    }
}

/// How many bytes from here on stand for themselves in a JSON text.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let mut rest = bytes;
    // Eight at a time: a byte of `special` has its highest bit if it is a quote, a backslash or a control character.
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let special = controls | is_zero(word ^ (ONES * u64::from(b'"'))) | is_zero(word ^ (ONES * u64::from(b'\\')));
        let special = special & (ONES << 7);
        if special != 0 {
            // The first that is found is one; those behind it may only seem so.
            return bytes.len() - rest.len() + (special.trailing_zeros() / 8) as usize;
        }
        rest = behind;
    }
    bytes.len() - rest.len() + rest.iter().take_while(|byte| **byte >= 0x20 && !matches!(byte, b'"' | b'\\')).count()
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
        fn bytes_that_stand_for_themselves_are_counted(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let expected = bytes.iter().take_while(|it| **it >= 0x20 && !matches!(it, b'"' | b'\\')).count();
            prop_assert_eq!(plain(&bytes), expected);
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
