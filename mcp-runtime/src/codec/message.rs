//! One line of input as one message, parsed once and borrowed.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::protocol::{
    ErrorCode, ErrorObject, Params, Raw, RequestId, Scanner, has_reserved_key, text, without_position,
};

/// What can arrive.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    /// A response to nobody knows what. Responses are never answered, not even with an error.
    Stray,
    Request {
        id: RequestId,
        method: Cow<'a, str>,
        params: Option<Params<'a>>,
    },
    Notification {
        method: Cow<'a, str>,
        params: Option<Params<'a>>,
    },
    Response {
        id: RequestId,
        answer: Result<Raw<'a>, ErrorObject>,
    },
}

/// What arrived instead of a message: the error to answer, and the id if it could be read.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) id: Option<RequestId>,
    pub(crate) error: ErrorObject,
}

impl Malformed {
    pub(crate) fn new(id: Option<RequestId>, error: ErrorObject) -> Self {
        Self { id, error }
    }

    fn invalid(id: Option<RequestId>, message: &'static str) -> Self {
        Self::new(id, ErrorObject::invalid_request(message))
    }
}

/// Parses one message. The input is one JSON text, without the line break.
pub(crate) fn parse(line: &[u8]) -> Result<Incoming<'_>, Malformed> {
    let line = utf8(line)?;
    Envelope::scan(line).ok_or_else(|| why_not(line))?.classify()
}

/// What is wrong with a text that is no message.
#[cold]
fn why_not(line: &str) -> Malformed {
    if has_reserved_key(line) {
        return Malformed::invalid(None, "the message has a key that is reserved by the JSON parser");
    }
    match serde_json::from_str::<IgnoredAny>(line) {
        Err(error) => not_json(&without_position(&error), error.column()),
        Ok(_) if line.trim_ascii_start().starts_with('{') => not_json("a name of a member is no text", 1),
        Ok(_) => Malformed::invalid(None, "a message must be a JSON object"),
    }
}

/// The messages of a batch, or why it is none. Only called for input that starts with `[`.
pub(crate) fn split_batch(line: &[u8]) -> Result<Vec<&RawValue>, Malformed> {
    let messages: Vec<&RawValue> =
        serde_json::from_str(utf8(line)?).map_err(|error| not_json(&without_position(&error), error.column()))?;
    if messages.is_empty() {
        return Err(Malformed::invalid(None, "a batch must have at least one message"));
    }
    Ok(messages)
}

fn utf8(line: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(line).map_err(|error| not_json("not UTF-8", error.valid_up_to() + 1))
}

fn not_json(what: &str, column: usize) -> Malformed {
    let message = format!("the message is not JSON: {what} (at byte {column})");
    Malformed::new(None, ErrorObject::new(ErrorCode::ParseError, message))
}

#[derive(Default)]
struct Envelope<'a> {
    jsonrpc: Option<Raw<'a>>,
    id: Option<Raw<'a>>,
    method: Option<Raw<'a>>,
    params: Option<Params<'a>>,
    result: Option<Raw<'a>>,
    error: Option<Raw<'a>>,
}

impl<'a> Envelope<'a> {
    /// `None` for what is no object.
    fn scan(line: &'a str) -> Option<Self> {
        let (mut scanner, mut envelope) = (Scanner::new(line), Self::default());
        scanner.object(|name, scanner| {
            let member = match &*name.0 {
                "params" => {
                    envelope.params = Some(Params::scan(scanner)?);
                    return Some(());
                }
                "jsonrpc" => &mut envelope.jsonrpc,
                "id" => &mut envelope.id,
                "method" => &mut envelope.method,
                "result" => &mut envelope.result,
                "error" => &mut envelope.error,
                _ => return scanner.value().map(drop),
            };
            *member = Some(scanner.value()?);
            Some(())
        })?;
        scanner.is_at_end().then_some(envelope)
    }

    fn classify(self) -> Result<Incoming<'a>, Malformed> {
        let id = self.id.map(read_id);
        if self.method.is_none() && (self.result.is_some() || self.error.is_some()) {
            return Ok(match id {
                Some(Some(id)) => Incoming::Response { id, answer: answer(self.result, self.error) },
                _ => Incoming::Stray,
            });
        }
        let id = match id {
            Some(None) => {
                return Err(Malformed::invalid(None, "`id` must be a string or an integer of at most 64 bits"));
            }
            other => other.flatten(),
        };
        if self.jsonrpc.is_none_or(|version| version.get() != r#""2.0""#) {
            return Err(Malformed::invalid(id, "`jsonrpc` must be \"2.0\""));
        }
        if let Some(method) = self.method {
            let Some(method) = text(method) else {
                return Err(Malformed::invalid(id, "`method` must be a string"));
            };
            if self.params.as_ref().is_some_and(|params| !params.is_object()) {
                return Err(match id {
                    Some(id) => Malformed::new(Some(id), ErrorObject::invalid_params("`params` must be an object")),
                    None => Malformed::invalid(None, "`params` must be an object"),
                });
            }
            return Ok(match id {
                Some(id) => Incoming::Request { id, method, params: self.params },
                None => Incoming::Notification { method, params: self.params },
            });
        }
        Err(Malformed::invalid(id, "a message must have a `method`, or an `id` with either `result` or `error`"))
    }
}

fn answer<'a>(result: Option<Raw<'a>>, error: Option<Raw<'a>>) -> Result<Raw<'a>, ErrorObject> {
    match (result, error.filter(|error| error.get() != "null")) {
        (Some(result), None) => Ok(result),
        (_, Some(error)) => Err(serde_json::from_str(error.get()).unwrap_or_else(|_| not_an_error())),
        (None, None) => Err(not_an_error()),
    }
}

fn not_an_error() -> ErrorObject {
    ErrorObject::new(ErrorCode::InternalError, "the error that came was not an error object")
}

fn read_id(raw: Raw<'_>) -> Option<RequestId> {
    let raw_text = raw.get();
    if raw_text.starts_with('"') {
        return text(raw).map(|text| RequestId::String(text.into_owned()));
    }
    raw_text.parse().ok().map(RequestId::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error_of(line: &str) -> (Option<RequestId>, i64) {
        let malformed = parse(line.as_bytes()).expect_err(line);
        (malformed.id, malformed.error.code.as_i64())
    }

    #[test]
    fn requests_are_borrowed() {
        let line = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"add","arguments":{"a":1}}}"#;
        let Ok(Incoming::Request { id, method: Cow::Borrowed("tools/call"), params: Some(params) }) = parse(line)
        else {
            panic!("a request")
        };
        assert_eq!(id, RequestId::Number(7));
        assert_eq!(params.text("name").expect("text"), "add");
        assert_eq!(params.get("arguments").expect("there").get(), r#"{"a":1}"#);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_id_where_it_could_be_read() {
        let seven = Some(RequestId::Number(7));
        assert_eq!(error_of("{"), (None, -32700));
        assert_eq!(error_of(r#"{"id":7,"\ud800":1}"#), (None, -32700));
        assert_eq!(error_of(r#"{"id":7,"params":{"\ud800":1}}"#), (None, -32700));
        assert_eq!(error_of(r#"{"id":7,"params":{"a":[1,]}}"#), (None, -32700));
        assert_eq!(error_of("17"), (None, -32600));
        assert_eq!(error_of(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#), (None, -32600));
        assert_eq!(error_of(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#), (None, -32600));
        assert_eq!(error_of(r#"{"id":7,"method":"ping"}"#), (seven.clone(), -32600));
        assert_eq!(error_of(r#"{"jsonrpc":"2.0","id":7,"method":1}"#), (seven.clone(), -32600));
        assert_eq!(error_of(r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}"#), (seven.clone(), -32602));
        assert_eq!(error_of(r#"{"jsonrpc":"2.0","id":7}"#), (seven, -32600));
    }

    #[test]
    fn responses_are_never_answered() {
        for stray in [
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"#,
            r#"{"id":1.5,"result":{}}"#,
        ] {
            assert!(matches!(parse(stray.as_bytes()), Ok(Incoming::Stray)), "{stray}");
        }
        let both = br#"{"jsonrpc":"2.0","id":7,"result":{},"error":null}"#;
        assert!(matches!(parse(both), Ok(Incoming::Response { answer: Ok(_), .. })));
    }

    #[test]
    fn json_inside_of_json_cannot_exhaust_the_stack() {
        for key in ["$serde_json::private::RawValue", "\\u0024serde_json::private::Raw\\u0056alue"] {
            let message = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"x","params":{{"a":[{{"{key}" : "[]"}}]}}}}"#);
            assert_eq!(error_of(&message), (None, -32600));
        }
        let harmless = br#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"$serde_json::private::RawValue"}}"#;
        assert!(parse(harmless).is_ok(), "as a text it is one like any other");
    }

    #[test]
    fn the_last_of_a_repeated_member_counts() {
        let line = br#"{"jsonrpc":"2.0","method":"x","params":{"name":"a","n\u0061me":"b"}}"#;
        let Ok(Incoming::Notification { params: Some(params), .. }) = parse(line) else { panic!("a notification") };
        assert_eq!(params.text("name").expect("text"), "b");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
            let _ = split_batch(&bytes);
        }

        #[test]
        fn any_json_like_text_is_a_message_or_an_error(
            text in r#"(\{|\[|"jsonrpc"|:|"2.0"|,|"id"|1|null|"method"|"params"|"a"|\}|\]| ){0,30}"#,
        ) {
            let _ = parse(text.as_bytes());
        }
    }
}
