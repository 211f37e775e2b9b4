//! Method to handler, one match.

mod call;

pub(crate) use call::finished;

use std::sync::{Arc, OnceLock};

use crate::codec::Encoder;
use crate::engine::{Cancel, Finished, Parking, Reply};
use crate::protocol::{
    DiscoverResult, ErrorObject, Method, Outlet, Params, ProtocolVersion, RequestId, ServerCapabilities, ServerResult,
};
use crate::registry::Registry;
use crate::session::Caller;
use crate::tool::States;

/// What a server offers, ready to be called.
pub(crate) struct Dispatcher {
    pub(crate) registry: Registry,
    pub(crate) states: States,
    pub(crate) parking: Parking,
    pub(crate) encoder: Encoder,
    pub(crate) instructions: Option<String>,
    pub(crate) mask_errors: bool,
    /// Bodies that are encoded once for each revision, at its place in [`ProtocolVersion::ALL`].
    pub(crate) tools_lists: [OnceLock<Arc<[u8]>>; ProtocolVersion::ALL.len()],
    pub(crate) discovery: OnceLock<Arc<[u8]>>,
}

/// Where a request came from, as far as a call needs to know.
pub(crate) trait Origin {
    /// The way back for notifications and questions.
    fn outlet(&self) -> Arc<dyn Outlet>;
    /// Where the outcome goes if it is not there at once.
    fn reply(&self) -> Reply;
    /// Whether one more call may run beside those that do.
    fn has_room(&self) -> Result<(), ErrorObject>;
}

/// A request with all that is known of it.
pub(crate) struct Request<'a, 'm> {
    pub(crate) id: &'a RequestId,
    pub(crate) method: &'a str,
    pub(crate) params: Option<&'a Params<'m>>,
    pub(crate) caller: &'a Caller<'a>,
    pub(crate) origin: &'a dyn Origin,
}

/// What a request led to so far.
pub(crate) enum Dispatched {
    Done(Finished),
    /// The outcome will go to the reply of the origin.
    Running(Cancel),
}

impl Dispatcher {
    pub(crate) fn capabilities(&self) -> ServerCapabilities {
        ServerCapabilities {
            tools: Some(Default::default()),
            logging: Some(Default::default()),
            ..ServerCapabilities::default()
        }
    }

    pub(crate) fn dispatch(&self, request: &Request<'_, '_>) -> Dispatched {
        let Some(method) = Method::from_name(request.method) else {
            return Dispatched::Done(Err(ErrorObject::method_not_found(request.method)));
        };
        if !request.caller.revision.has(method) {
            return Dispatched::Done(Err(ErrorObject::method_not_found(request.method)));
        }
        Dispatched::Done(match method {
            Method::ToolsCall => match self.call_tool(request) {
                Ok(dispatched) => return dispatched,
                Err(error) => Err(error),
            },
            Method::ToolsList => self.list_tools(request),
            Method::ServerDiscover => Ok(self.discover(request.caller.revision)),
            Method::Ping => Ok(ServerResult::Empty),
            Method::LoggingSetLevel => set_log_level(request),
            _ => Err(ErrorObject::method_not_found(request.method)),
        })
    }

    fn list_tools(&self, request: &Request<'_, '_>) -> Finished {
        if let Some(params) = request.params
            && params.optional_text("cursor")?.is_some()
        {
            return Err(ErrorObject::invalid_params("`params.cursor` was not given by this server"));
        }
        let revision = request.caller.revision;
        let place = ProtocolVersion::ALL.iter().position(|it| *it == revision).unwrap_or_default();
        let list = self.tools_lists[place]
            .get_or_init(|| self.encoder.tools_list(revision, self.registry.iter().map(|spec| spec.describe())).into());
        Ok(ServerResult::Encoded(list.clone()))
    }

    fn discover(&self, revision: ProtocolVersion) -> ServerResult {
        let body = self.discovery.get_or_init(|| {
            let result = DiscoverResult {
                supported_versions: ProtocolVersion::MODERN.iter().map(|it| (*it).to_owned()).collect(),
                capabilities: self.capabilities(),
                instructions: self.instructions.clone(),
                ..DiscoverResult::default()
            };
            self.encoder.discover(revision, &result).into()
        });
        ServerResult::Encoded(body.clone())
    }
}

fn set_log_level(request: &Request<'_, '_>) -> Finished {
    let level = request.params.and_then(|params| params.get("level"));
    let level = level.and_then(|raw| serde_json::from_str(raw.get()).ok()).ok_or_else(|| {
        ErrorObject::invalid_params(
            "`params.level` must be one of debug, info, notice, warning, error, critical, alert, emergency",
        )
    })?;
    if let Some(session) = request.caller.legacy() {
        session.set_log_level(level);
    }
    Ok(ServerResult::Empty)
}
