//! The `params` of a message: their top-level members, borrowed and undecoded until the method
//! is known.

use std::borrow::Cow;
use std::ops::Deref;

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::ErrorObject;
use super::scan::{Raw, Scanner};
use super::text::{Text, text};

const INPUT_RESPONSES: &str = "inputResponses";

/// The members of a JSON object in the order they came. Of a repeated name the last one counts.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    list: SmallVec<[(Text<'a>, Raw<'a>); 4]>,
    whole: Raw<'a>,
}

/// The parameters of a message, with the members of those that servers look into.
#[derive(Debug)]
pub(crate) struct Params<'a> {
    members: Members<'a>,
    apart: Apart<'a>,
}

/// Parameters that stand apart from the others.
#[derive(Debug, Default)]
struct Apart<'a> {
    /// Every modern request is read for them.
    meta: Option<Box<Members<'a>>>,
    input_responses: Option<Box<Members<'a>>>,
}

impl<'a> Deref for Params<'a> {
    type Target = Members<'a>;

    fn deref(&self) -> &Members<'a> {
        &self.members
    }
}

impl<'a> Params<'a> {
    /// Reads what comes next; `None` for what is no JSON.
    pub(crate) fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        let mut apart = Apart::default();
        let members = Members::scan(scanner, Some(&mut apart))?;
        Some(Self { members, apart })
    }

    /// The members of `_meta`.
    pub(crate) fn meta(&self) -> Option<&Members<'a>> {
        self.apart.meta.as_deref()
    }

    /// The members of `inputResponses`, which may be absent, and else must be an object.
    pub(crate) fn input_responses(&self) -> Result<Option<&Members<'a>>, ErrorObject> {
        match self.apart.input_responses.as_deref() {
            Some(other) if !other.is_object() => Err(must_be(INPUT_RESPONSES, "an object")),
            members => Ok(members),
        }
    }
}

impl<'a> Members<'a> {
    /// All of them, as they came.
    pub(crate) fn whole(&self) -> Raw<'a> {
        self.whole
    }

    pub(crate) fn is_object(&self) -> bool {
        self.whole.is_object()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.list.iter().rev().find(|(member, _)| member.0 == name).map(|(_, value)| *value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Raw<'a>)> {
        self.list.iter().map(|(name, value)| (&*name.0, *value))
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (Cow<'a, str>, Raw<'a>)> {
        self.list.into_iter().map(|(name, value)| (name.0, value))
    }

    /// All members as one type.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, ErrorObject> {
        let members = self.iter().map(|(name, value)| (name, Member(value)));
        T::deserialize(MapDeserializer::new(members)).map_err(|error: serde_json::Error| {
            ErrorObject::invalid_params(format!("`params` are not right: {}", without_position(&error)))
        })
    }

    /// The members of an object.
    pub(crate) fn of(object: Raw<'a>) -> Self {
        Self::read(object.get())
    }

    /// The members of an object that stands in a text of its own.
    pub(crate) fn read(json: &'a str) -> Self {
        Self::scan(&mut Scanner::new(json), None).unwrap_or(Self { whole: Raw::NULL, ..Self::default() })
    }

    /// Those of what comes next; `None` for what is no JSON. Those that are to stand apart go there.
    fn scan(scanner: &mut Scanner<'a>, mut apart: Option<&mut Apart<'a>>) -> Option<Self> {
        let mut list = SmallVec::new();
        if scanner.peek()? != b'{' {
            let whole = scanner.value()?;
            return Some(Self { list, whole });
        }
        let ((), whole) = scanner.whole(|scanner| {
            scanner.object(|name, scanner| {
                let place = apart.as_deref_mut().and_then(|apart| match &*name.0 {
                    "_meta" => Some(&mut apart.meta),
                    INPUT_RESPONSES => Some(&mut apart.input_responses),
                    _ => None,
                });
                match place {
                    Some(place) => *place = Some(Box::new(Self::scan(scanner, None)?)),
                    None => list.push((name, scanner.value()?)),
                }
                Some(())
            })
        })?;
        Some(Self { list, whole })
    }

    /// A member that must be there and be text.
    pub(crate) fn text(&self, name: &str) -> Result<Cow<'a, str>, ErrorObject> {
        let Some(value) = self.get(name) else {
            return Err(ErrorObject::invalid_params(format!("`params.{name}` is missing; it must be a string")));
        };
        text(value).ok_or_else(|| must_be(name, "a string"))
    }

    /// A member that may be absent or null, and else must be text.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<Cow<'a, str>>, ErrorObject> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.get() == "null" => Ok(None),
            Some(value) => text(value).map(Some).ok_or_else(|| must_be(name, "a string")),
        }
    }

    /// A member that may be absent, and else must be an object.
    pub(crate) fn optional_object(&self, name: &str) -> Result<Option<Raw<'a>>, ErrorObject> {
        match self.get(name) {
            Some(value) if !value.is_object() => Err(must_be(name, "an object")),
            other => Ok(other),
        }
    }
}

/// None.
impl Default for Members<'_> {
    fn default() -> Self {
        Self { list: SmallVec::new(), whole: Raw::EMPTY }
    }
}

pub(crate) fn must_be(name: &str, what: &str) -> ErrorObject {
    ErrorObject::invalid_params(format!("`params.{name}` must be {what}"))
}

/// serde_json's message without its position, which would be one inside a fragment.
pub(crate) fn without_position(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    message
}

/// A member that is decoded as whatever is asked for.
struct Member<'a>(Raw<'a>);

impl<'de> IntoDeserializer<'de, serde_json::Error> for Member<'de> {
    type Deserializer = &'de RawValue;

    fn into_deserializer(self) -> &'de RawValue {
        // What was found right is.
        serde_json::from_str(self.0.get()).unwrap_or(RawValue::NULL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_apart_does_so_in_parameters_only() {
        let json = r#"{"name":"a","_meta":{"b":1,"_meta":{"c":[2]}},"inputResponses":{"d":{}}}"#;
        let params = Params::scan(&mut Scanner::new(json)).expect("parameters");
        assert!(params.get("_meta").is_none() && params.get("inputResponses").is_none());
        let responses = params.input_responses().expect("an object").expect("it is there");
        assert_eq!(responses.get("d").map(Raw::get), Some("{}"));
        let inner = params.meta().and_then(|meta| meta.get("_meta")).map(Raw::get);
        assert_eq!(inner, Some(r#"{"c":[2]}"#));
        assert!(Members::read(json).get("_meta").is_some(), "an argument may have any name");
    }
}
