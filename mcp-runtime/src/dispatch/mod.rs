//! Method to handler, one match.

mod call;
mod task;

pub(crate) use call::finished;

use std::cell::LazyCell;
use std::sync::Arc;

use crate::context::{Host, Requester};
use crate::engine::{Cancel, Carrier, Finished, Reply, Resume, Round, Rounds, Tasks};
use crate::protocol::{ErrorObject, Extensions, Method, Outlet, Params, Principal, ProtocolVersion, ServerResult};
use crate::registry::Registry;

/// What a server offers, ready to be called.
pub(crate) struct Dispatcher {
    pub(crate) registry: Registry,
    pub(crate) host: Arc<Host>,
    pub(crate) rounds: Rounds,
    pub(crate) tasks: Arc<Tasks>,
    /// How calls go on, unless their tools say otherwise.
    pub(crate) resume: Resume,
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
    pub(crate) method: &'a str,
    pub(crate) params: Option<&'a Params<'m>>,
    pub(crate) revision: ProtocolVersion,
    pub(crate) carrier: Carrier,
    /// What a call may know of the request; made only for one that wants to know.
    pub(crate) round: &'a dyn Fn() -> Round,
    pub(crate) origin: &'a dyn Origin,
    pub(crate) extensions: &'a Extensions,
}

impl Request<'_, '_> {
    fn principal(&self) -> Option<Principal> {
        self.extensions.get().cloned()
    }

    fn requester(&self) -> Requester {
        Requester::new((self.round)())
    }
}

/// What a request led to so far.
pub(crate) enum Dispatched {
    Done(Finished),
    /// The outcome will go to the reply of the origin.
    Running(Cancel),
}

impl Dispatcher {
    pub(crate) fn dispatch(self: &Arc<Self>, request: &Request<'_, '_>) -> Dispatched {
        let Some(method) = Method::from_name(request.method) else {
            return Dispatched::Done(Err(ErrorObject::method_not_found(request.method)));
        };
        if !request.revision.has(method) {
            return Dispatched::Done(Err(ErrorObject::method_not_found(request.method)));
        }
        Dispatched::Done(match method {
            Method::ToolsCall => match self.call_tool(request) {
                Ok(dispatched) => return dispatched,
                Err(error) => Err(error),
            },
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => match self.task(method, request) {
                Ok(dispatched) => return dispatched,
                Err(error) => Err(error),
            },
            Method::ToolsList => self.list_tools(request),
            Method::ServerDiscover => Ok(ServerResult::Discover),
            Method::Ping => Ok(ServerResult::Empty),
            _ => Err(ErrorObject::method_not_found(request.method)),
        })
    }

    fn list_tools(&self, request: &Request<'_, '_>) -> Finished {
        if let Some(params) = request.params
            && params.optional_text("cursor")?.is_some()
        {
            return Err(ErrorObject::invalid_params("`params.cursor` was not given by this server"));
        }
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let requester = LazyCell::new(requester);
        Ok(ServerResult::ListTools(self.registry.has_hidden.then(|| {
            let entries = self.registry.iter().enumerate();
            entries.filter(|(_, entry)| entry.is_visible(&requester)).map(|(place, _)| place).collect()
        })))
    }
}
