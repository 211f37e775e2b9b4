//! Digests of JSON that do not depend on how it is written: order of keys, white space, `1` or
//! `1.0`.

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// A digest of JSON in canonical form.
pub(crate) type Digest = [u8; 32];

/// The digest of a call's arguments; none at all count as `{}`.
pub(crate) fn arguments(raw: Option<&RawValue>) -> Digest {
    canonical(raw.map_or("{}", |raw| raw.get()))
}

/// The digest of an object given by its members, as answers come.
pub(crate) fn canonical(json: &str) -> Digest {
    let mut hasher = Sha256::new();
    match serde_json::from_str::<Value>(json) {
        Ok(value) => absorb(&mut hasher, &value),
        // JSON that is deeper than the parser goes is its own canonical form.
        Err(_) => hasher.update(json.as_bytes()),
    }
    hasher.finalize().into()
}

/// Sixteen hexadecimal digits: enough to tell the questions of one call apart.
pub(crate) fn short(raw: &RawValue) -> String {
    canonical(raw.get())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Enough to tell the log messages of one call apart.
pub(crate) fn of_log(message: &[u8]) -> u32 {
    let digest: Digest = Sha256::digest(message).into();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// What is derived from the id of a call, for one purpose and occurrence.
pub(crate) fn derived(id: &[u8; 16], purpose: &str, occurrence: u64) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(id);
    hasher.update(occurrence.to_be_bytes());
    hasher.update(purpose);
    let digest: Digest = hasher.finalize().into();
    let mut derived = [0; 16];
    derived.copy_from_slice(&digest[..16]);
    derived
}

fn absorb(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hasher.update(b"n"),
        Value::Bool(true) => hasher.update(b"t"),
        Value::Bool(false) => hasher.update(b"f"),
        Value::Number(number) => {
            hasher.update(b"#");
            match whole(number) {
                Some(whole) => hasher.update(whole.to_string()),
                None => hasher.update(number.to_string()),
            }
            hasher.update(b";");
        }
        Value::String(text) => absorb_text(hasher, text),
        Value::Array(items) => {
            hasher.update(b"[");
            items.iter().for_each(|item| absorb(hasher, item));
            hasher.update(b"]");
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            hasher.update(b"{");
            for (name, value) in sorted {
                absorb_text(hasher, name);
                absorb(hasher, value);
            }
            hasher.update(b"}");
        }
    }
}

fn absorb_text(hasher: &mut Sha256, text: &str) {
    hasher.update(b"\"");
    hasher.update((text.len() as u64).to_le_bytes());
    hasher.update(text);
}

/// The integer that a number stands for, however it is written.
fn whole(number: &serde_json::Number) -> Option<i128> {
    if let Some(integer) = number.as_i64() {
        return Some(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Some(integer.into());
    }
    let float = number.as_f64()?;
    // Beyond 2^63 a float and an integer of the same value are not told apart by writers.
    #[expect(clippy::cast_possible_truncation, reason = "the guard keeps the value inside the type")]
    (float.fract() == 0.0 && float.abs() < 9.3e18).then_some(float as i128)
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn writing_does_not_matter() {
        assert_eq!(canonical(r#"{"a":1,"b":[true,"x"]}"#), canonical("{ \"b\" : [true, \"\\u0078\"], \"a\" : 1.0 }"));
        assert_eq!(canonical("100"), canonical("1e2"));
    }

    #[test]
    fn content_does() {
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"["ab","c"]"#, r#"["a","bc"]"#),
            ("[[1],2]", "[[1,2]]"),
            ("1.5", "1"),
            ("null", "false"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one} and {other}");
        }
    }
}
