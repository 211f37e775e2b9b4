use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::ClientCapabilities;

/// The id that ties a response to its request: a string or an integer ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#requestid
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// An integer.
    Number(i64),
    /// Any text.
    String(String),
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::String(text) => write!(f, "{text:?}"),
        }
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::String(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RequestIdVisitor)
    }
}

struct RequestIdVisitor;

impl Visitor<'_> for RequestIdVisitor {
    type Value = RequestId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<RequestId, E> {
        Ok(RequestId::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<RequestId, E> {
        i64::try_from(number)
            .map(RequestId::Number)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &"an integer below 2^63"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RequestId, E> {
        Ok(RequestId::String(text.to_owned()))
    }
}

/// The codes of protocol errors ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `-32700`: what arrived is not JSON.
    ParseError,
    /// `-32600`: it is JSON, but not a request.
    InvalidRequest,
    /// `-32601`: nobody serves this method.
    MethodNotFound,
    /// `-32602`: the method is known, its parameters are not right.
    InvalidParams,
    /// `-32603`: the receiver failed.
    InternalError,
    /// `-32002`: there is no such resource. Only revisions before 2026-07-28 know it; since then it
    /// is `-32602`.
    ResourceNotFound,
    /// `-32020`: HTTP headers and body disagree.
    HeaderMismatch,
    /// `-32021`: the request needs a capability that the client did not declare.
    MissingRequiredClientCapability,
    /// `-32022`: the protocol version of the request is not served here.
    UnsupportedProtocolVersion,
    /// Any other number.
    Other(i64),
}

impl ErrorCode {
    /// The number on the wire.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        match self {
            Self::ParseError => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::InternalError => -32603,
            Self::ResourceNotFound => -32002,
            Self::HeaderMismatch => -32020,
            Self::MissingRequiredClientCapability => -32021,
            Self::UnsupportedProtocolVersion => -32022,
            Self::Other(code) => code,
        }
    }
}

impl From<i64> for ErrorCode {
    fn from(code: i64) -> Self {
        match code {
            -32700 => Self::ParseError,
            -32600 => Self::InvalidRequest,
            -32601 => Self::MethodNotFound,
            -32602 => Self::InvalidParams,
            -32603 => Self::InternalError,
            -32002 => Self::ResourceNotFound,
            -32020 => Self::HeaderMismatch,
            -32021 => Self::MissingRequiredClientCapability,
            -32022 => Self::UnsupportedProtocolVersion,
            other => Self::Other(other),
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.as_i64())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::from)
    }
}

/// An error for the peer: the `error` member of a response ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic#error-responses
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorObject {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// One sentence about it.
    pub message: Cow<'static, str>,
    /// More, defined by the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<Value>>,
}

impl fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code.as_i64())
    }
}

impl std::error::Error for ErrorObject {}

impl ErrorObject {
    /// An error of the given kind, without `data`.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// Adds `data`.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    pub(crate) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    pub(crate) fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidParams, message)
    }

    /// The codec finds the code that the revision has for it.
    pub(crate) fn resource_not_found(uri: &str, message: String) -> Self {
        Self::new(ErrorCode::ResourceNotFound, message).with_data(json!({ "uri": uri }))
    }

    pub(crate) fn method_not_found(method: &str) -> Self {
        Self::new(ErrorCode::MethodNotFound, format!("method `{method}` is not served here"))
    }

    pub(crate) fn unsupported_version(requested: &str, supported: &[&str]) -> Self {
        Self::new(
            ErrorCode::UnsupportedProtocolVersion,
            format!("protocol version `{requested}` is not supported; use one of `data.supported`"),
        )
        .with_data(json!({ "supported": supported, "requested": requested }))
    }

    pub(crate) fn missing_capability(required: &ClientCapabilities) -> Self {
        Self::new(
            ErrorCode::MissingRequiredClientCapability,
            format!("the request needs a client capability that was not declared: {}", required.names()),
        )
        .with_data(json!({ "requiredCapabilities": required }))
    }
}
