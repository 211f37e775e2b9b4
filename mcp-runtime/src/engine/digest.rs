//! Digests of JSON that do not depend on how it is written: order of keys, white space, `1` or
//! `1.0`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A digest of JSON in canonical form.
pub(crate) type Digest = [u8; 32];

/// The digest of a call's arguments; none at all count as `{}`.
pub(crate) fn arguments(raw: Option<&RawValue>) -> Digest {
    canonical(raw.map_or("{}", |raw| raw.get()))
}

/// The digest of JSON.
pub(crate) fn canonical(json: &str) -> Digest {
    let mut canonical = Vec::with_capacity(json.len() + json.len() / 2);
    match serde_json::from_str::<Node<'_>>(json) {
        Ok(node) => absorb(&mut canonical, &node),
        // JSON that is deeper than the parser goes is its own canonical form.
        Err(_) => canonical.extend_from_slice(json.as_bytes()),
    }
    blake3::hash(&canonical).into()
}

/// Sixteen hexadecimal digits: enough to tell the questions of one call apart.
pub(crate) fn short(raw: &RawValue) -> String {
    canonical(raw.get())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
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

/// JSON, borrowed where it can be.
enum Node<'a> {
    Null,
    Bool(bool),
    Whole(i128),
    Real(f64),
    Text(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfNode;
        impl<'de> Visitor<'de> for OfNode {
            type Value = Node<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Node<'de>, E> {
                Ok(Node::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
                Ok(Node::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
                Ok(Node::Whole(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
                Ok(Node::Whole(value.into()))
            }

            #[expect(clippy::cast_possible_truncation, reason = "the guard keeps the value inside the type")]
            fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
                // `1.0` is 1. Beyond 2^63 a float and an integer of the same value are not told apart
                // by writers.
                let is_whole = value.fract() == 0.0 && value.abs() < 9.3e18;
                Ok(if is_whole { Node::Whole(value as i128) } else { Node::Real(value) })
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
                Ok(Node::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
                Ok(Node::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
                let mut array = Vec::new();
                while let Some(item) = items.next_element()? {
                    array.push(item);
                }
                Ok(Node::Array(array))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node<'de>, A::Error> {
                let mut object: Vec<(Cow<'de, str>, Node<'de>)> = Vec::new();
                while let Some((Name(name), value)) = members.next_entry()? {
                    object.push((name, value));
                }
                // Of two of one name both count, in their order: such requests are alike only if they are
                // the same.
                object.sort_by(|one, other| one.0.cmp(&other.0));
                Ok(Node::Object(object))
            }
        }
        deserializer.deserialize_any(OfNode)
    }
}

/// The name of a member, borrowed if nothing in it is escaped.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfName;
        impl<'de> Visitor<'de> for OfName {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(OfName)
    }
}

/// Each part so that no two values read the same.
fn absorb(out: &mut Vec<u8>, node: &Node<'_>) {
    match node {
        Node::Null => out.push(b'n'),
        Node::Bool(true) => out.push(b't'),
        Node::Bool(false) => out.push(b'f'),
        Node::Whole(number) => {
            out.push(b'#');
            out.extend_from_slice(&number.to_le_bytes());
        }
        Node::Real(number) => {
            out.push(b'.');
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Node::Text(text) => absorb_text(out, text),
        Node::Array(items) => {
            out.push(b'[');
            items.iter().for_each(|item| absorb(out, item));
            out.push(b']');
        }
        Node::Object(members) => {
            out.push(b'{');
            for (name, value) in members {
                absorb_text(out, name);
                absorb(out, value);
            }
            out.push(b'}');
        }
    }
}

fn absorb_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
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
