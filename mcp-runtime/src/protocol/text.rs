//! Texts of JSON ([RFC 8259]): where they end, what stands in them as it is, and how they are read and written.
//!
//! [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259#section-7

use std::borrow::Cow;
use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::scan::Raw;

/// Text that borrows from the message unless it has escapes.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

/// What a text says; `None` for what is none.
pub(crate) fn text(value: Raw<'_>) -> Option<Cow<'_, str>> {
    match plain_text(value.get()) {
        Some(text) => Some(Cow::Borrowed(text)),
        None => serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0),
    }
}

/// What JSON that is right says, if it is a text, and has no escapes.
pub(crate) fn plain_text(json: &str) -> Option<&str> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr(b'\\', inside.as_bytes()).is_none().then_some(inside)
}

/// Where the text ends that JSON begins with.
pub(crate) fn end_of_text(json: &str) -> usize {
    let mut at = 1;
    while let Some(found) = json.as_bytes().get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if json.as_bytes()[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

/// Writes a text as JSON has it, in pieces.
pub(crate) fn quote(text: &str, mut write: impl FnMut(&str)) {
    const DIGITS: &str = "0123456789abcdef";
    write("\"");
    let mut rest = text;
    loop {
        let (as_it_is, behind) = rest.split_at(plain(rest.as_bytes()));
        write(as_it_is);
        let Some(byte) = behind.bytes().next() else { break };
        match byte {
            b'"' => write("\\\""),
            b'\\' => write("\\\\"),
            b'\n' => write("\\n"),
            b'\t' => write("\\t"),
            b'\r' => write("\\r"),
            0x8 => write("\\b"),
            0xc => write("\\f"),
            _ => {
                let low = usize::from(byte % 16);
                write(if byte < 16 { "\\u000" } else { "\\u001" });
                write(&DIGITS[low..=low]);
            }
        }
        rest = &behind[1..];
    }
    write("\"");
}

/// How many bytes from here on stand for themselves in a text.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    // Most names end in the first words.
    end_in_words(bytes).unwrap_or_else(|| plain_behind(bytes))
}

/// Where the first byte is that does not stand for itself, if that is in the first two words.
#[inline]
pub(crate) fn end_in_words(bytes: &[u8]) -> Option<usize> {
    let (first, rest) = bytes.split_first_chunk()?;
    first_special(first).or_else(|| Some(8 + first_special(rest.first_chunk()?)?))
}

/// Where the first byte of a word is that does not stand for itself, if one does not.
#[inline]
fn first_special(word: &[u8; 8]) -> Option<usize> {
    let special = specials(word) & HIGHEST_BITS;
    (special != 0).then_some((special.trailing_zeros() / 8) as usize)
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHEST_BITS: u64 = ONES << 7;

/// A word in which the [highest bit](HIGHEST_BITS) of a byte is set where that does not stand for itself. The first that is
/// found is so; those behind it may only seem so.
#[inline]
fn specials(word: &[u8; 8]) -> u64 {
    let word = u64::from_le_bytes(*word);
    // With this bit changed, a quote stands right behind the control characters, in the place of the space.
    let quotes_and_controls = (word ^ (ONES * u64::from(b'"' ^ b' '))).wrapping_sub(ONES * 0x21);
    let backslashes = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (quotes_and_controls | backslashes) & !word
}

/// How many bytes stand for themselves, where there may be many.
pub(super) fn plain_behind(bytes: &[u8]) -> usize {
    // Most are short all the same, and looked at word by word; of long ones, whole blocks are.
    const SHORT: usize = 64;
    let Some((short, long)) = bytes.split_first_chunk::<SHORT>() else { return plain_words(bytes) };
    let begin = plain_words(short);
    if begin < SHORT {
        return begin;
    }
    let blocks = long.as_chunks::<64>().0.iter().take_while(|block| is_plain_block(block)).count();
    let behind = SHORT + 64 * blocks;
    behind + bytes.get(behind..).map_or(0, plain_words)
}

/// All of a block is looked at, which the processor does for several words at the same time.
fn is_plain_block(block: &[u8; 64]) -> bool {
    block.as_chunks().0.iter().fold(0, |so_far, word| so_far | specials(word)) & HIGHEST_BITS == 0
}

fn plain_words(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    for (place, word) in words.iter().enumerate() {
        if let Some(at) = first_special(word) {
            return 8 * place + at;
        }
    }
    let is_plain = |byte: &&u8| !matches!(byte, 0..b' ' | b'"' | b'\\');
    8 * words.len() + rest.iter().take_while(is_plain).count()
}

/// The key by which serde_json marks JSON that is to be kept as it is. Inside a message it would
/// make the parser begin anew on a text, without the limit on nesting that keeps its stack safe.
pub(crate) const RESERVED_KEY: &str = "$serde_json::private::RawValue";

/// Whether a text, with its quotes, is that key.
pub(crate) fn is_reserved(text: &str) -> bool {
    (text.contains('\\') || text.contains(RESERVED_KEY))
        && serde_json::from_str::<Text<'_>>(text).is_ok_and(|key| key.0 == RESERVED_KEY)
}

/// Whether an object in a JSON text has that key, plain or with escapes.
#[cold]
pub(crate) fn has_reserved_key(json: &str) -> bool {
    // Almost no text has either character before a key is looked at.
    if memchr::memchr2(b'$', b'\\', json.as_bytes()).is_none() {
        return false;
    }
    let mut rest = json;
    while let Some(at) = memchr::memchr(b'"', rest.as_bytes()) {
        let (text, after) = rest[at..].split_at(end_of_text(&rest[at..]));
        if after.trim_ascii_start().starts_with(':') && is_reserved(text) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scan::Scanner;
    use super::*;

    fn quoted(text: &str) -> String {
        let mut json = String::new();
        quote(text, |part| json.push_str(part));
        json
    }

    #[test]
    fn text_is_the_same_with_and_without_escapes() {
        for (json, expected) in [(r#""""#, ""), (r#""plain é""#, "plain é"), (r#""a\"\u00e9""#, "a\"é")] {
            let value = Scanner::new(json).value().expect("JSON");
            assert_eq!(text(value).as_deref(), Some(expected), "{json}");
        }
        for json in ["1", "null", r#"["a"]"#, r#""\ud800""#] {
            let value = Scanner::new(json).value().expect("JSON");
            assert!(text(value).is_none(), "{json}");
        }
    }

    #[test]
    fn every_control_character_is_written_as_serde_json_does() {
        for byte in 0..=0x80_u8 {
            let text = format!("é{}é", char::from(byte));
            assert_eq!(quoted(&text), serde_json::to_string(&text).expect("a text"));
        }
    }

    proptest! {
        #[test]
        fn bytes_that_stand_for_themselves_are_counted(
            mut bytes in prop::collection::vec(prop_oneof![0x20..=0x21_u8, 0x23..=0x5b_u8, 0x5d..=0xff_u8], 0..400),
            special in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            for (place, byte) in special {
                if !bytes.is_empty() {
                    let at = place.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            let expected = bytes.iter().take_while(|it| **it >= 0x20 && !matches!(it, b'"' | b'\\')).count();
            prop_assert_eq!(plain(&bytes), expected);
        }

        #[test]
        fn texts_are_written_as_serde_json_does_and_end_where_they_end(
            text in r#"([ -~]{0,90}|["\\\n\t\r\x08\x0c\x00\x1f]|é|😀){0,5}"#, behind in ".{0,5}",
        ) {
            let json = quoted(&text);
            prop_assert_eq!(&json, &serde_json::to_string(&text).expect("a text"));
            prop_assert_eq!(end_of_text(&format!("{json}{behind}")), json.len());
        }
    }
}
