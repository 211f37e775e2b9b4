//! Method to handler, one match.

mod call;
mod task;

pub(crate) use call::finished;

use std::cell::LazyCell;
use std::sync::Arc;

use crate::context::{Host, Requester};
use crate::engine::{Cancel, Carrier, Finished, Reply, Resume, Round, Rounds, Tasks};
use crate::protocol::{
    ErrorObject, Extensions, ListKind, Listed, Method, Outlet, Params, Principal, ProtocolVersion, ServerResult,
};
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
        let dispatched = match method {
            Method::ToolsCall => self.call_tool(request),
            Method::PromptsGet if !self.registry.prompts.is_empty() => self.get_prompt(request),
            Method::ResourcesRead if self.registry.has_resources() => self.read_resource(request),
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => self.task(method, request),
            Method::ToolsList => self.list(request, ListKind::Tools),
            Method::PromptsList if !self.registry.prompts.is_empty() => self.list(request, ListKind::Prompts),
            Method::ResourcesList if self.registry.has_resources() => self.list(request, ListKind::Resources),
            Method::ResourcesTemplatesList if self.registry.has_resources() => {
                self.list(request, ListKind::ResourceTemplates)
            }
            Method::ServerDiscover => Ok(Dispatched::Done(Ok(ServerResult::Discover))),
            Method::Ping => Ok(Dispatched::Done(Ok(ServerResult::Empty))),
            _ => Err(ErrorObject::method_not_found(request.method)),
        };
        dispatched.unwrap_or_else(|error| Dispatched::Done(Err(error)))
    }

    fn list(&self, request: &Request<'_, '_>, list: ListKind) -> Result<Dispatched, ErrorObject> {
        if let Some(params) = request.params
            && params.optional_text("cursor")?.is_some()
        {
            return Err(ErrorObject::invalid_params("`params.cursor` was not given by this server"));
        }
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let requester = LazyCell::new(requester);
        let visible = match list {
            ListKind::Tools => self.registry.tools.visible(&requester),
            ListKind::Prompts => self.registry.prompts.visible(&requester),
            ListKind::Resources => self.registry.resources.visible(&requester),
            ListKind::ResourceTemplates => self.registry.templates.visible(&requester),
        };
        Ok(Dispatched::Done(Ok(ServerResult::List(Listed { list, visible }))))
    }
}
