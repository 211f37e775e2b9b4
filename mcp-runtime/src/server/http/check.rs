//! Headers and body must say the same ([specification]): proxies and gateways go by the headers, the server by
//! the body.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#server-validation

use std::borrow::Cow;
use std::cell::LazyCell;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::post::Asking;
use crate::context::Requester;
use crate::engine::Round;
use crate::protocol::{ErrorCode, ErrorObject, Members, Method, Params, Raw, keys, text};
use crate::registry::{Entry, Registry};
use crate::schema::Mirrored;
use crate::transport::http::{Header, Said, decode};

/// Whether the version in the headers is that of the body.
pub(super) fn version(said: &Said<'_>, params: Option<&Params<'_>>) -> Result<(), ErrorObject> {
    let said = raw(said.protocol_version, "MCP-Protocol-Version")?;
    let in_body = params.and_then(Params::meta).and_then(|meta| meta.get(keys::PROTOCOL_VERSION));
    let Some(in_body) = in_body.and_then(text) else { return Ok(()) };
    agree("MCP-Protocol-Version", said, &in_body)
}

/// Whether the method and what it is about are those of the body.
pub(super) fn names(said: &Said<'_>, asking: &Asking<'_, '_>) -> Result<(), ErrorObject> {
    agree("Mcp-Method", raw(said.method, "Mcp-Method")?, asking.method)?;
    let member = match asking.known {
        Some(Method::ToolsCall | Method::PromptsGet) => "name",
        Some(Method::ResourcesRead) => "uri",
        Some(Method::TasksGet | Method::TasksUpdate | Method::TasksCancel) => "taskId",
        _ => return Ok(()),
    };
    let said = one(said.name, "Mcp-Name")?;
    match asking.params.and_then(|params| params.get(member)).and_then(text) {
        Some(in_body) => agree("Mcp-Name", said.as_deref(), &in_body),
        None if said.is_some() => Err(mismatch(format!("`Mcp-Name` is there, but `params.{member}` is not"))),
        None => Ok(()),
    }
}

/// The tool or the prompt that a request names, if there is one of that name.
pub(super) fn called<'r>(asking: &Asking<'_, '_>, registry: &'r Registry) -> Option<&'r Arc<Entry>> {
    let name = || asking.params?.get("name").and_then(text);
    match asking.known {
        Some(Method::ToolsCall) => registry.tools.find(&name()?),
        Some(Method::PromptsGet) => registry.prompts.find(&name()?),
        _ => None,
    }
}

/// What whoever asks must be allowed.
pub(super) fn scopes(
    asking: &Asking<'_, '_>,
    called: Option<&Arc<Entry>>,
    registry: &Registry,
    round: &dyn Fn() -> Round,
) -> Vec<Cow<'static, str>> {
    let Asking { known: method, params, .. } = *asking;
    let value = |member: &str| params.and_then(|params| params.get(member));
    let text_of = |member: &str| value(member).and_then(text);
    let requester: &dyn Fn() -> Requester = &|| Requester::new(round());
    let of_resource = |uri: &str| {
        let found = registry.find_resource(uri, &LazyCell::new(requester));
        found.map(|(entry, _)| entry)
    };
    let entry = match method {
        Some(Method::ToolsCall | Method::PromptsGet) => called,
        Some(Method::ResourcesRead | Method::ResourcesSubscribe) => text_of("uri").and_then(|uri| of_resource(&uri)),
        Some(Method::CompletionComplete) => value("ref").map(Members::of).and_then(|reference| {
            match (reference.get("name").and_then(text), reference.get("uri").and_then(text)) {
                (Some(name), _) => registry.prompts.find(&name),
                (None, Some(uri)) => registry.templates.find(&uri).or_else(|| of_resource(&uri)),
                (None, None) => None,
            }
        }),
        Some(Method::SubscriptionsListen) => {
            let wanted = value("notifications").map(Members::of);
            let uris = wanted.and_then(|wanted| wanted.get("resourceSubscriptions"));
            let uris: Vec<String> = uris.and_then(|uris| serde_json::from_str(uris.get()).ok()).unwrap_or_default();
            let mut all: Vec<_> =
                uris.iter().filter_map(|uri| of_resource(uri)).flat_map(|it| it.scopes.to_vec()).collect();
            all.sort_unstable();
            all.dedup();
            return all;
        }
        _ => None,
    };
    entry.map_or_else(Vec::new, |entry| entry.scopes.to_vec())
}

/// Whether the arguments that stand in headers are those of the body.
pub(super) fn arguments(headers: &HeaderMap, params: Option<&Params<'_>>, entry: &Entry) -> Result<(), ErrorObject> {
    for mirrored in &entry.mirrored {
        argument(headers, mirrored, params.and_then(|params| params.get("arguments")))?;
    }
    Ok(())
}

fn argument(headers: &HeaderMap, mirrored: &Mirrored, arguments: Option<Raw<'_>>) -> Result<(), ErrorObject> {
    let Mirrored { header, path } = mirrored;
    let said = one(Header::named(headers, header), header)?;
    let value = path.iter().try_fold(arguments, |value, name| {
        let members = Members::of(value?);
        Some(members.is_object().then(|| members.get(name)).flatten())
    });
    let value = value.flatten().map(Raw::get).filter(|value| *value != "null");
    let (said, value) = match (said, value) {
        (None, None) => return Ok(()),
        (Some(_), None) => return Err(mismatch(format!("`{header}` is there, but no argument `{}`", path.join(".")))),
        (None, Some(_)) => {
            return Err(mismatch(format!("`{header}` is missing; it must have the argument `{}`", path.join("."))));
        }
        (Some(said), Some(value)) => (said, value),
    };
    let agrees = match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(value).is_ok_and(|value| value == *said),
        Some(b't' | b'f') => value == said,
        Some(b'-' | b'0'..=b'9') => is_same_number(value, &said),
        // It has no form as a header, and the tool will not like it either.
        _ => false,
    };
    if agrees { Ok(()) } else { Err(mismatch(format!("`{header}` is not the argument `{}`", path.join(".")))) }
}

fn is_same_number(one: &str, other: &str) -> bool {
    if let (Ok(one), Ok(other)) = (one.parse::<i128>(), other.parse::<i128>()) {
        return one == other;
    }
    // What JSON does not call a number is none here either.
    let read = |text: &str| serde_json::from_str::<f64>(text).ok();
    matches!((read(one), read(other)), (Some(one), Some(other)) if one == other)
}

/// The one value of a header that is never encoded: gateways go by what it says.
fn raw<'h>(header: Header<'h>, called: &str) -> Result<Option<&'h str>, ErrorObject> {
    let Some(value) = only(header, called)? else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| mismatch(format!("`{called}` has characters that are not visible ASCII")))
}

fn only<'h>(header: Header<'h>, called: &str) -> Result<Option<&'h HeaderValue>, ErrorObject> {
    header.only().map_err(|_| mismatch(format!("`{called}` is there more than once")))
}

/// The one value of a header, decoded.
fn one<'h>(header: Header<'h>, called: &str) -> Result<Option<Cow<'h, str>>, ErrorObject> {
    let Some(value) = only(header, called)? else { return Ok(None) };
    decode(value.as_bytes()).map(Some).map_err(|why| mismatch(format!("`{called}` cannot be read: {why}")))
}

fn agree(header: &str, said: Option<&str>, in_body: &str) -> Result<(), ErrorObject> {
    match said {
        Some(said) if said == in_body => Ok(()),
        Some(said) => Err(mismatch(format!("`{header}` is `{said}`, but the body says `{in_body}`"))),
        None => Err(mismatch(format!("`{header}` is missing; the body says `{in_body}`"))),
    }
}

fn mismatch(message: String) -> ErrorObject {
    ErrorObject::new(ErrorCode::HeaderMismatch, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(header: Option<&str>, arguments: serde_json::Value) -> bool {
        let mirrored =
            Mirrored { header: "mcp-param-a".to_owned(), path: vec!["outer".to_owned(), "inner".to_owned()] };
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("mcp-param-a", header.parse().unwrap());
        }
        let arguments = serde_json::value::to_raw_value(&arguments).unwrap();
        argument(&headers, &mirrored, Some((&*arguments).into())).is_ok()
    }

    #[test]
    fn an_argument_and_its_header_are_the_same_or_both_missing() {
        let inner = |value: serde_json::Value| json!({ "outer": { "inner": value } });
        assert!(check(None, json!({})));
        assert!(check(None, json!({ "outer": {} })));
        assert!(check(None, json!({ "outer": 7 })));
        assert!(check(None, inner(json!(null))));
        assert!(check(Some("Hello"), inner(json!("Hello"))));
        assert!(check(Some("=?base64?SGVsbG8=?="), inner(json!("Hello"))));
        assert!(check(Some("42"), inner(json!(42))));
        assert!(check(Some("42.0"), inner(json!(42))));
        assert!(check(Some("42"), inner(json!(42.0))));
        assert!(check(Some("9007199254740993"), inner(json!(9_007_199_254_740_993_i64))));
        assert!(check(Some("true"), inner(json!(true))));

        assert!(!check(None, inner(json!("Hello"))));
        assert!(!check(Some("Hello"), json!({})));
        assert!(!check(Some("Hello"), inner(json!(null))));
        assert!(!check(Some("hello"), inner(json!("Hello"))));
        assert!(!check(Some("=?base64?SGVsbG8?="), inner(json!("Hello"))));
        assert!(!check(Some("43"), inner(json!(42))));
        assert!(!check(Some("9007199254740992"), inner(json!(9_007_199_254_740_993_i64))));
        assert!(!check(Some("0x2a"), inner(json!(42))));
        assert!(!check(Some("TRUE"), inner(json!(true))));
        assert!(!check(Some("{}"), inner(json!({}))));
    }
}
