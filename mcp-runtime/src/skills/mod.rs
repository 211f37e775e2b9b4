//! What skills are made of, for those who offer them and those who read them ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension

mod frontmatter;

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

pub(crate) use frontmatter::of_text as frontmatter;

/// How many files a skill may have.
pub(crate) const MOST_FILES: usize = 512;
/// How many bytes all files of a skill may have together.
pub(crate) const MOST_BYTES: u64 = 16 << 20;

/// What a listing says of these bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        // Writing to a text cannot fail.
        _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether this can be the name of a skill ([Agent Skills](https://agentskills.io/specification#name-field)).
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_as_the_specification_has_them() {
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), expected);
    }

    #[test]
    fn names_are_short_and_plain() {
        for name in ["a", "pdf-processing", "v2", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "PDF", "a b", "a/b", "\u{e9}", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
