//! `tools/call`: from the request to the tool's function, and on to whatever drives it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::{Dispatched, Dispatcher, Request};
use crate::context::Context;
use crate::engine::{
    Belongs, Call, Carrier, First, Outcome, Resumed, Retry, Running, digest_of_arguments, noticed_if_slow, panicked,
    push,
};
use crate::protocol::{ErrorObject, Method, ServerResult};
use crate::tool::{Args, Progress, Started, ToolCall};

impl Dispatcher {
    pub(super) fn call_tool(&self, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        let missing = || ErrorObject::invalid_params("`params` is missing; `tools/call` needs `params.name`");
        let params = request.params.ok_or_else(missing)?;
        let name = params.text("name")?;
        let arguments = params.optional_object("arguments")?;
        let spec = self.registry.find(&name).ok_or_else(|| {
            let known = self.registry.iter().map(|spec| spec.name).collect::<Vec<_>>().join("`, `");
            ErrorObject::invalid_params(format!("unknown tool `{name}`; the tools are `{known}`"))
        })?;
        // Before the function runs: a call that is refused must not have done anything.
        request.origin.has_room()?;
        let carrier = request.carrier;
        let belongs = || Belongs {
            method: Method::ToolsCall.as_str(),
            name: spec.name.to_owned(),
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

        let mut call: Option<Arc<Call>> = None;
        let mut context = || {
            let made = || Call::new((request.round)(), request.origin.outlet());
            Context::new(call.get_or_insert_with(made).clone())
        };
        let tool_call = ToolCall {
            args: Args::new(spec.name, spec.params, arguments),
            states: &self.states,
            context: &mut context,
            mask_errors: self.mask_errors,
        };
        let before = Instant::now();
        let started = catch_unwind(AssertUnwindSafe(|| (spec.call)(tool_call)));
        noticed_if_slow(spec.name, before);
        let future = match started {
            Ok(Started(Progress::Running(future))) => future,
            Ok(Started(Progress::Finished(finished))) => {
                end(call.as_ref());
                return Ok(Dispatched::Done(finished));
            }
            Err(panic) => {
                end(call.as_ref());
                return Ok(Dispatched::Done(Ok(panicked(spec.name, &*panic))));
            }
        };
        let running = match Running::new(spec.name, future, call).first_poll() {
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
