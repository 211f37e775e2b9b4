//! Who asks: a request that says it all, or a client that shook hands before.

mod legacy;
mod pending;
mod stateless;

use crate::engine::{Carrier, Client, Decoded, Round};
use crate::protocol::{
    ErrorObject, Extensions, LoggingLevel, Members, Method, Params, ProgressToken, ProtocolVersion, Raw, RequestId,
    keys,
};

pub(crate) use legacy::{LegacySession, negotiate};
pub(crate) use pending::{Asked, InFlight, InFlightCalls, Key, Pending};

/// Who makes a request.
pub(crate) struct Caller<'a, 'm> {
    pub(crate) revision: ProtocolVersion,
    meta: Option<&'a Members<'m>>,
    progress_token: Option<ProgressToken>,
    who: Who<'a>,
}

enum Who<'a> {
    /// The request says it.
    Stateless { capabilities: Raw<'a>, log_level: Option<LoggingLevel> },
    /// It was said in the handshake.
    Legacy(&'a LegacySession),
}

impl<'a, 'm> Caller<'a, 'm> {
    /// Finds out who makes a request.
    ///
    /// # Errors
    ///
    /// When the request says it wrongly, or nobody has said it.
    pub(crate) fn identify(
        method: Option<Method>,
        params: Option<&'a Params<'m>>,
        legacy: Option<&'a LegacySession>,
    ) -> Result<Self, ErrorObject> {
        let meta = params.and_then(Params::meta);
        if meta.is_some_and(|meta| !meta.is_object()) {
            return Err(ErrorObject::invalid_params("`params._meta` must be an object"));
        }
        let said = Said::of(meta);
        if said.version.is_some() || method == Some(Method::ServerDiscover) {
            return stateless::identify(meta, &said);
        }
        let Some(session) = legacy else { return Err(nobody_has_said_it()) };
        let progress_token = said.progress_token()?;
        Ok(Self { revision: session.revision, meta, progress_token, who: Who::Legacy(session) })
    }

    /// What a call needs to know of the request.
    pub(crate) fn round(&self, request_id: RequestId, extensions: Extensions) -> Round {
        let whole = self.meta.map(Members::whole);
        let meta = whole.map(|meta| meta.get().into());
        let (client, log_level) = match &self.who {
            Who::Stateless { capabilities, log_level } => {
                let place = whole.and_then(|meta| capabilities.place_in(meta)).unwrap_or_default();
                (Client::Said(place), *log_level)
            }
            Who::Legacy(session) => (Client::Known(session.client.clone()), Some(session.log_level())),
        };
        let progress_token = self.progress_token.clone();
        Round { request_id, meta, client, progress_token, log_level, extensions, decoded: Decoded::default() }
    }

    pub(crate) fn carrier(&self) -> Carrier {
        match self.who {
            Who::Stateless { .. } => Carrier::Rounds,
            Who::Legacy(_) => Carrier::Push,
        }
    }

    /// Serves `logging/setLevel`, which only a handshake gives a meaning.
    pub(crate) fn set_log_level(&self, params: Option<&Params<'_>>) -> Result<(), ErrorObject> {
        let level = params.and_then(|params| params.get("level"));
        let level = level
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .ok_or_else(|| ErrorObject::invalid_params(format!("`params.level` must be {LEVELS}")))?;
        if let Who::Legacy(session) = self.who {
            session.set_log_level(level);
        }
        Ok(())
    }
}

/// What a log level may be, for messages.
const LEVELS: &str = "one of debug, info, notice, warning, error, critical, alert, emergency";

fn nobody_has_said_it() -> ErrorObject {
    ErrorObject::invalid_params(format!(
        "the request says no protocol version: begin with `initialize` (up to {}), \
         or send `{}` and `{}` in `params._meta` ({})",
        ProtocolVersion::LATEST_LEGACY,
        keys::PROTOCOL_VERSION,
        keys::CLIENT_CAPABILITIES,
        ProtocolVersion::LATEST,
    ))
}

/// What the metadata of a request says of who makes it, and how.
#[derive(Default)]
struct Said<'a> {
    version: Option<Raw<'a>>,
    capabilities: Option<Raw<'a>>,
    info: Option<Raw<'a>>,
    log_level: Option<Raw<'a>>,
    progress_token: Option<Raw<'a>>,
}

impl<'a> Said<'a> {
    /// Looks at each member once; of two with one name the last one counts.
    fn of(meta: Option<&'a Members<'_>>) -> Self {
        let mut said = Self::default();
        for (name, value) in meta.into_iter().flat_map(Members::iter) {
            let place = match name {
                keys::PROTOCOL_VERSION => &mut said.version,
                keys::CLIENT_CAPABILITIES => &mut said.capabilities,
                keys::CLIENT_INFO => &mut said.info,
                keys::LOG_LEVEL => &mut said.log_level,
                keys::PROGRESS_TOKEN => &mut said.progress_token,
                _ => continue,
            };
            *place = Some(value);
        }
        said
    }

    fn progress_token(&self) -> Result<Option<ProgressToken>, ErrorObject> {
        let Some(raw) = self.progress_token else { return Ok(None) };
        serde_json::from_str(raw.get())
            .map_err(|_| ErrorObject::invalid_params("`params._meta.progressToken` must be a string or an integer"))
    }
}
