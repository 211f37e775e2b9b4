//! Modern requests: each one says its protocol version and what its client can do.

use super::{Caller, LEVELS, Who, progress_token};
use crate::protocol::{ErrorObject, Members, ProtocolVersion, keys};

pub(super) fn identify<'a, 'm>(meta: Option<&'a Members<'m>>) -> Result<Caller<'a, 'm>, ErrorObject> {
    let none = Members::default();
    let members = meta.unwrap_or(&none);
    let version =
        members.text(keys::PROTOCOL_VERSION).map_err(|_| must_be(keys::PROTOCOL_VERSION, "there and be a string"))?;
    // What is in them is read when somebody wants to know.
    let capabilities = members
        .get(keys::CLIENT_CAPABILITIES)
        .filter(|raw| raw.is_object())
        .ok_or_else(|| must_be(keys::CLIENT_CAPABILITIES, "there and be an object"))?;
    if members.get(keys::CLIENT_INFO).is_some_and(|raw| !raw.is_object()) {
        return Err(must_be(keys::CLIENT_INFO, "an object"));
    }
    let log_level = match members.get(keys::LOG_LEVEL) {
        None => None,
        Some(raw) => Some(serde_json::from_str(raw.get()).map_err(|_| must_be(keys::LOG_LEVEL, LEVELS))?),
    };
    let progress_token = progress_token(meta)?;
    let revision = version
        .parse()
        .ok()
        .filter(|revision: &ProtocolVersion| revision.is_modern())
        .ok_or_else(|| ErrorObject::unsupported_version(&version, ProtocolVersion::MODERN))?;
    let who = Who::Stateless { capabilities, log_level };
    Ok(Caller { revision, meta, progress_token, who })
}

fn must_be(key: &str, what: &str) -> ErrorObject {
    ErrorObject::invalid_params(format!("`params._meta[\"{key}\"]` must be {what}"))
}
