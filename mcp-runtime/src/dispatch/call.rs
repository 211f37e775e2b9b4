//! `tools/call`: from the request to the tool's function, and on to whatever drives it.

use std::cell::{LazyCell, OnceCell};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::{Dispatched, Dispatcher, Request};
use crate::context::{Context, Requester};
use crate::engine::{
    Begun, Belongs, Call, Carrier, Enter, Entered, Finished, First, Outcome, Retry, RoundPolicy, Running, TaskMode,
    Work, digest_of_arguments, push,
};
use crate::protocol::{CallToolResult, ClientCapabilities, ErrorObject, Extensions, Method, ServerResult};
use crate::registry::Entry;
use crate::tool::{Progress, Started};

impl Dispatcher {
    pub(super) fn call_tool(self: &Arc<Self>, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
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
        let resume = entry.resume.unwrap_or(self.resume);
        let task = self.task_mode(entry, request)?;
        let task_after = match task {
            Some(TaskMode::After(time)) => Some(time),
            _ => None,
        };
        let policy = RoundPolicy { resume, task_after };
        let belongs = || Belongs {
            method: Method::ToolsCall.as_str(),
            name: entry.name.to_string(),
            arguments: digest_of_arguments(arguments),
            principal: request.principal(),
        };
        if request.carrier == Carrier::Rounds {
            let answers = params.optional_object("inputResponses")?;
            if let Some(state) = params.optional_text("requestState")? {
                let (round, outlet, reply) = ((request.round)(), request.origin.outlet(), request.origin.reply());
                let enter: &dyn Fn() -> Enter = &|| self.enter_again(entry, arguments, request.extensions);
                let belongs = belongs();
                let retry = Retry { belongs, policy, state: &state, answers, round, outlet, enter, reply };
                return self.rounds.retry(retry).map(begun);
            }
        }

        let call: OnceCell<Arc<Call>> = OnceCell::new();
        let begin = || {
            let resume = (request.carrier == Carrier::Rounds).then_some(resume);
            Call::new((request.round)(), request.origin.outlet(), resume)
        };
        let context = || Context::new(call.get_or_init(begin).clone(), self.host.clone());
        let started = entry.enter(&self.host, arguments, request.extensions, &|| request.requester(), &context);
        // A task is told by its call how it stands.
        let call = call.into_inner().or_else(|| task.map(|_| begin()));
        let work = match started {
            Ok(Started(Progress::Running(work))) => work,
            // What is to be done now that it has returned takes its time.
            Ok(Started(Progress::Finished(finished))) if call.as_ref().is_some_and(|call| call.has_effects()) => {
                Work::Future(Box::pin(std::future::ready(finished)))
            }
            Ok(Started(Progress::Finished(finished))) => {
                end(call.as_ref());
                return Ok(Dispatched::Done(finished));
            }
            Err(panicked) => {
                end(call.as_ref());
                return Ok(Dispatched::Done(failed(panicked)));
            }
        };
        let running = match Running::new(entry.name.clone(), failed, &entry.limits, work, call).first_poll() {
            First::Finished(finished) => return Ok(Dispatched::Done(finished)),
            First::Pending(running) => running,
        };
        let reply = || request.origin.reply();
        Ok(match running.call().filter(|_| request.carrier == Carrier::Rounds).cloned() {
            None => Dispatched::Running(push(running, reply())),
            Some(call) => begun(match task {
                Some(TaskMode::Always | TaskMode::Required) if self.tasks.has_room() => {
                    self.tasks.begin(running, call, request.principal(), reply)
                }
                _ => self.rounds.begin(running, &call, belongs(), policy, reply),
            }),
        })
    }

    /// When the call becomes a task, if the tool and the client know tasks.
    fn task_mode(&self, entry: &Entry, request: &Request<'_, '_>) -> Result<Option<TaskMode>, ErrorObject> {
        let Some(mode) = entry.task.filter(|_| request.carrier == Carrier::Rounds) else { return Ok(None) };
        if (request.round)().capabilities().has_tasks() {
            return Ok(Some(mode));
        }
        if mode == TaskMode::Required {
            return Err(ErrorObject::missing_capability(&ClientCapabilities::only_tasks()));
        }
        Ok(None)
    }

    /// Enters the tool again, for a call of which only its state is left.
    fn enter_again(self: &Arc<Self>, entry: &Entry, arguments: Option<&RawValue>, extensions: &Extensions) -> Enter {
        let dispatcher = self.clone();
        let (name, arguments, extensions) = (entry.name.clone(), arguments.map(RawValue::to_owned), extensions.clone());
        Box::new(move |call| {
            let Some(entry) = dispatcher.registry.find(&name) else {
                return Entered::Finished(failed(format!("tool `{name}` is gone")));
            };
            let context = || Context::new(call.clone(), dispatcher.host.clone());
            let requester = || Requester::new((*call.round()).clone());
            let work = match entry.enter(&dispatcher.host, arguments.as_deref(), &extensions, &requester, &context) {
                Ok(Started(Progress::Running(work))) => work,
                Ok(Started(Progress::Finished(finished))) => Work::Future(Box::pin(std::future::ready(finished))),
                Err(panicked) => return Entered::Finished(failed(panicked)),
            };
            Entered::Running(Running::new(entry.name.clone(), failed, &entry.limits, work, Some(call.clone())))
        })
    }
}

/// How a tool says that it failed.
fn failed(text: String) -> Finished {
    Ok(ServerResult::CallTool(CallToolResult::error(text)))
}

pub(super) fn begun(begun: Begun) -> Dispatched {
    match begun {
        Begun::Running(cancel) => Dispatched::Running(cancel),
        Begun::Ended(outcome) => Dispatched::Done(finished(outcome)),
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
