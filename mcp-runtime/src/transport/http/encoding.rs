//! How a value of the body stands in a header ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// The value as a header has it: as it is where that is safe, and else in Base64.
#[cfg(any(feature = "client-http", test))]
pub(crate) fn encode(value: &str) -> Cow<'_, str> {
    // A tab is allowed, but not everybody who hands headers on leaves it alone.
    let is_safe = value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !value.starts_with(' ')
        && !value.ends_with(' ')
        && !is_encoded(value);
    if is_safe { Cow::Borrowed(value) } else { Cow::Owned(format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(value))) }
}

/// What a header says, or why that cannot be read.
#[cfg(any(feature = "http", test))]
pub(crate) fn decode(header: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    let text = std::str::from_utf8(header)
        .ok()
        .filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')))
        .ok_or("it has characters that are not visible ASCII; they must be encoded as `=?base64?..?=`")?;
    if !is_encoded(text) {
        // Of white space, only blanks and tabs come this far.
        return Ok(Cow::Borrowed(text.trim_ascii()));
    }
    let encoded = &text[PREFIX.len()..text.len() - SUFFIX.len()];
    let bytes = STANDARD.decode(encoded).map_err(|_| "what stands in `=?base64?..?=` is not Base64")?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| "what stands in `=?base64?..?=` is not UTF-8")
}

fn is_encoded(value: &str) -> bool {
    value.len() >= PREFIX.len() + SUFFIX.len() && value.starts_with(PREFIX) && value.ends_with(SUFFIX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        let examples = [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("one\ttwo", "=?base64?b25lCXR3bw==?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ];
        for (value, header) in examples {
            assert_eq!(encode(value), header);
            assert_eq!(decode(header.as_bytes()), Ok(Cow::Borrowed(value)));
        }
    }

    #[test]
    fn what_is_not_encoded_rightly_is_refused() {
        for header in ["=?base64?SGVsbG8?=", "=?base64?SGV%bG8=?=", "=?base64?/w==?=", "Hello\u{7f}", "世"] {
            assert!(decode(header.as_bytes()).is_err(), "{header}");
        }
        // Without both ends it is text like any other.
        assert_eq!(decode(b"=?base64?SGVsbG8="), Ok(Cow::Borrowed("=?base64?SGVsbG8=")));
        assert_eq!(decode(b"=?base64?="), Ok(Cow::Borrowed("=?base64?=")));
    }

    proptest! {
        #[test]
        fn every_text_comes_back(value in "\\PC*|[\\x00-\\x7f]*|=\\?base64\\?.*\\?=") {
            let header = encode(&value);
            prop_assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
            prop_assert_eq!(decode(header.as_bytes()).unwrap(), value.as_str());
        }
    }
}
