//! `tools/call`: from the request to the tool's function, and on to whatever drives it.

use std::cell::{LazyCell, OnceCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use serde_json::value::RawValue;

use super::{Dispatched, Dispatcher, Request};
use crate::context::{Context, Requester};
use crate::engine::{
    Belongs, Call, Carrier, First, Outcome, Resumed, Retry, Running, digest_of_arguments, noticed_if_slow, panicked,
    push,
};
use crate::protocol::{ErrorObject, Method, ServerResult};
use crate::registry::{Entry, EntryCall};
use crate::tool::{Arguments, Progress, Started, ToolCall};

impl Dispatcher {
    pub(super) fn call_tool(&self, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        let missing = || ErrorObject::invalid_params("`params` is missing; `tools/call` needs `params.name`");
        let params = request.params.ok_or_else(missing)?;
        let name = params.text("name")?;
        let arguments = params.optional_object("arguments")?;
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let requester = LazyCell::new(requester);
        let unknown = || ErrorObject::invalid_params(self.registry.unknown(&name, &requester));
        let entry = self.registry.find(&name).ok_or_else(unknown)?;
        if !entry.is_visible(&requester) {
            return Err(unknown());
        }
        // Before the function runs: a call that is refused must not have done anything.
        request.origin.has_room()?;
        let carrier = request.carrier;
        let belongs = || Belongs {
            method: Method::ToolsCall.as_str(),
            name: entry.name.to_string(),
            arguments: digest_of_arguments(arguments),
        };
        if carrier == Carrier::Parked {
            let answers = params.optional_object("inputResponses")?;
            if let Some(state) = params.optional_text("requestState")? {
                let round = (request.round)();
                let retry = Retry { state: &state, answers, round, outlet: request.origin.outlet() };
                return Ok(match self.parking.retry(&belongs(), retry, request.origin.reply())? {
                    Resumed::Running(cancel) => Dispatched::Running(cancel),
                    Resumed::Known(outcome) => Dispatched::Done(finished(outcome)),
                });
            }
        }

        let call: OnceCell<Arc<Call>> = OnceCell::new();
        let context =
            || Context::new(call.get_or_init(|| Call::new((request.round)(), request.origin.outlet())).clone());
        let before = Instant::now();
        let started = catch_unwind(AssertUnwindSafe(|| self.start(entry, request, arguments, &context)));
        noticed_if_slow(&entry.name, before);
        let call = call.into_inner();
        let work = match started {
            Ok(Started(Progress::Running(work))) => work,
            Ok(Started(Progress::Finished(finished))) => {
                end(call.as_ref());
                return Ok(Dispatched::Done(finished));
            }
            Err(panic) => {
                end(call.as_ref());
                return Ok(Dispatched::Done(Ok(panicked(&entry.name, &*panic))));
            }
        };
        let running = match Running::new(entry.name.clone(), &entry.limits, work, call).first_poll() {
            First::Finished(finished) => return Ok(Dispatched::Done(finished)),
            First::Pending(running) => running,
        };
        let Some((Carrier::Parked, call)) = running.call().map(|call| (carrier, call.clone())) else {
            return Ok(Dispatched::Running(push(running, request.origin.reply())));
        };
        Ok(if call.has_unsent() {
            Dispatched::Done(finished(self.parking.park(running, call, belongs())))
        } else {
            Dispatched::Running(self.parking.drive(running, call, belongs(), request.origin.reply()))
        })
    }

    /// Enters the tool.
    fn start(
        &self,
        entry: &Entry,
        request: &Request<'_, '_>,
        arguments: Option<&RawValue>,
        context: &dyn Fn() -> Context,
    ) -> Started {
        match &entry.call {
            EntryCall::Function { function, table, receiver } => function(ToolCall {
                tool: &entry.name,
                arguments: Arguments::new(table, arguments),
                states: &self.states,
                extensions: request.extensions,
                receiver: receiver.as_ref(),
                context,
                requester: &|| request.requester(),
                mask_errors: self.mask_errors,
                failure: None,
            }),
            EntryCall::Dynamic { handler, schema } => match schema.read(arguments) {
                Ok(arguments) => Started::running(handler(arguments, context()), self.mask_errors),
                Err(refusal) => Started(Progress::Finished(Ok(ServerResult::CallTool(*refusal)))),
            },
        }
    }
}

/// A call whose function returned can ask no more.
fn end(call: Option<&Arc<Call>>) {
    if let Some(call) = call {
        call.end();
    }
}

/// The outcome of a round as the result of its request.
pub(crate) fn finished(outcome: Outcome) -> crate::engine::Finished {
    match outcome {
        Outcome::Complete(finished) => finished,
        Outcome::InputRequired(result) => Ok(ServerResult::InputRequired(result)),
    }
}
