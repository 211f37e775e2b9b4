//! Modern requests: each one says its protocol version and what its client can do.

use super::{Caller, LEVELS, Said, Who};
use crate::protocol::{ErrorObject, Members, ProtocolVersion, keys, text};

pub(super) fn identify<'a, 'm>(meta: Option<&'a Members<'m>>, said: &Said<'a>) -> Result<Caller<'a, 'm>, ErrorObject> {
    let version =
        said.version.and_then(text).ok_or_else(|| must_be(keys::PROTOCOL_VERSION, "there and be a string"))?;
    // What is in them is read when somebody wants to know.
    let capabilities = said
        .capabilities
        .filter(|raw| raw.is_object())
        .ok_or_else(|| must_be(keys::CLIENT_CAPABILITIES, "there and be an object"))?;
    if said.info.is_some_and(|raw| !raw.is_object()) {
        return Err(must_be(keys::CLIENT_INFO, "an object"));
    }
    let log_level = match said.log_level {
        None => None,
        Some(raw) => Some(serde_json::from_str(raw.get()).map_err(|_| must_be(keys::LOG_LEVEL, LEVELS))?),
    };
    let progress_token = said.progress_token()?;
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
