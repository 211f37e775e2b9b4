//! Requests that somebody observes: each runs in a span, and is measured.

use std::sync::Arc;

use super::{Dispatched, Dispatcher, Origin, Request};
use crate::engine::{Finished, Outcome, Reply};
use crate::protocol::{ErrorObject, Members, Method, Outlet, Params, RequestId};
use crate::telemetry::{Ended, Facts, Operation, Target};

/// Where an observed request came from.
struct Observed<'a> {
    origin: &'a dyn Origin,
    operation: &'a Arc<Operation>,
}

impl Origin for Observed<'_> {
    fn outlet(&self) -> Arc<dyn Outlet> {
        self.origin.outlet()
    }

    fn reply(&self) -> Reply {
        let (operation, reply) = (self.operation.clone(), self.origin.reply());
        Box::new(move |outcome| {
            match &outcome {
                Outcome::Complete(finished) => operation.ended(finished.into()),
                Outcome::InputRequired(_) => operation.ended(Ended::Well),
            }
            // Its span is closed before the client has the answer.
            drop(operation);
            reply(outcome);
        })
    }

    fn has_room(&self) -> Result<(), ErrorObject> {
        self.origin.has_room()
    }

    fn has_room_to_watch(&self, more: usize) -> Result<(), ErrorObject> {
        self.origin.has_room_to_watch(more)
    }

    fn watches(&self, uri: &str) -> bool {
        self.origin.watches(uri)
    }

    fn transport(&self) -> Option<&'static str> {
        self.origin.transport()
    }

    fn granted(&self) -> Option<Vec<String>> {
        self.origin.granted()
    }
}

impl Dispatcher {
    #[cold]
    pub(super) fn dispatch_observed(self: &Arc<Self>, request: &Request<'_, '_>) -> Dispatched {
        let method = request.known;
        let text = |member: &str| request.params.and_then(|params| params.text(member).ok());
        let (name, uri) = match method {
            Some(Method::ToolsCall | Method::PromptsGet) => (text("name"), None),
            Some(Method::ResourcesRead) => (None, text("uri")),
            _ => (None, None),
        };
        // Names that mean nothing here would be without number.
        let target = match (method, &name, &uri) {
            (Some(Method::ToolsCall), Some(name), _) if request.registry.tools.find(name).is_some() => {
                Target::Tool(name)
            }
            (Some(Method::PromptsGet), Some(name), _) if request.registry.prompts.find(name).is_some() => {
                Target::Prompt(name)
            }
            (_, _, Some(uri)) => Target::Resource(uri),
            _ => Target::Nothing,
        };
        let facts = Facts {
            method,
            id: Some(request.id),
            version: Some(request.revision.as_str()),
            target,
            meta: request.params.and_then(Params::meta),
        };
        let operation = Operation::served(&self.telemetry.clone().over(request.origin.transport()), &facts);
        let origin = Observed { origin: request.origin, operation: &operation };
        let observed = Request { origin: &origin, is_observed: true, write: None, ..*request };
        let dispatched = operation.span().in_scope(|| self.dispatch(&observed));
        match &dispatched {
            Dispatched::Done(finished) => operation.ended(finished.into()),
            Dispatched::Running(_) => {}
            // A subscription goes on for long; that it has begun is what there is to see of it.
            Dispatched::Listen(_) | Dispatched::Watch(_) | Dispatched::Unwatch(_) => operation.ended(Ended::Well),
        }
        dispatched
    }

    /// A request that is answered outside of [`Dispatcher::dispatch`], because nobody has said yet who
    /// asks.
    pub(crate) fn observe(
        &self,
        method: impl Into<Option<Method>>,
        id: &RequestId,
        meta: Option<&Members<'_>>,
        transport: Option<&'static str>,
        answer: impl FnOnce() -> Finished,
    ) -> Finished {
        if !self.telemetry.observes_server() {
            return answer();
        }
        let facts = Facts { method: method.into(), id: Some(id), version: None, target: Target::Nothing, meta };
        let operation = Operation::served(&self.telemetry.clone().over(transport), &facts);
        let finished = operation.span().in_scope(answer);
        operation.ended((&finished).into());
        finished
    }
}
