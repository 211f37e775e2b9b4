//! Percent-encoding ([RFC 3986]): how URIs say what cannot stand in them.
//!
//! [RFC 3986]: https://www.rfc-editor.org/rfc/rfc3986#section-2.1

use std::borrow::Cow;
#[cfg(any(feature = "client", feature = "skills"))]
use std::fmt::Write as _;

/// What a text says when its escapes are read; `None` if that is not UTF-8. A `%` without two hexadecimal digits
/// behind it stands for itself.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = escaped(rest).unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// The byte of the escape that these begin with, and what comes after it.
fn escaped(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = bytes else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some(((digit(*high)? * 16 + digit(*low)?) as u8, after))
}

/// Escapes all of a text but what the RFC calls unreserved, and what of ASCII is to stay, too.
#[cfg(any(feature = "client", feature = "skills"))]
pub(crate) fn encode(text: &str, stays: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if is_unreserved || stays.as_bytes().contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Nothing can go wrong with a `String`.
            _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escapes_are_read(text in "([%0-9a-fA-F]|%[0-9a-fA-F]{2}|%[cC]3%[aAbB][0-9a-f]|.){0,12}") {
            prop_assert_eq!(decode(&text), percent_decode_str(&text).decode_utf8().ok());
        }

        #[test]
        #[cfg(any(feature = "client", feature = "skills"))]
        fn what_cannot_stand_there_is_escaped(text in r"([\x00-\x7f]|.){0,12}") {
            use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
            const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
            const PATH: &AsciiSet = &UNRESERVED.remove(b'/');
            prop_assert_eq!(encode(&text, ""), utf8_percent_encode(&text, UNRESERVED).to_string());
            prop_assert_eq!(encode(&text, "/"), utf8_percent_encode(&text, PATH).to_string());
        }

        #[test]
        #[cfg(any(feature = "client", feature = "skills"))]
        fn what_was_escaped_is_read(text in "(?s).{0,12}") {
            let encoded = encode(&text, "");
            prop_assert_eq!(decode(&encoded), Some(text.into()));
        }
    }
}
