//! `tools/call`, `prompts/get` and `resources/read`: from the request to the function, and on to
//! whatever drives it.

use std::cell::{LazyCell, OnceCell};
use std::sync::Arc;

use serde_json::value::to_raw_value;

use super::{Dispatched, Dispatcher, Request};
use crate::context::{Context, Host, Requester};
use crate::engine::{
    Begun, Call, Carrier, Enter, Finished, First, Kind, Outcome, Owner, Reply, Retry, RoundPolicy, Running, TaskMode,
    Work, push, soon,
};
use crate::protocol::{
    ClientCapabilities, ErrorObject, Extensions, Method, Outlet, Params, Raw, ServerResult, TextResult, WriteText,
};
use crate::registry::{Entry, Places};
use crate::telemetry::has_audience;
use crate::tool::{Means, PROMPT, Progress, Started, TOOL};

/// What a request calls.
struct Target<'r, 'm> {
    entry: &'r Arc<Entry>,
    method: Method,
    params: &'r Params<'m>,
    /// The name or the URI that the request says.
    called: &'r str,
    arguments: Option<Raw<'r>>,
}

impl Dispatcher {
    pub(super) fn call_tool(self: &Arc<Self>, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        self.call_by_name(request, Method::ToolsCall, &TOOL, &request.registry.tools)
    }

    pub(super) fn get_prompt(self: &Arc<Self>, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        self.call_by_name(request, Method::PromptsGet, &PROMPT, &request.registry.prompts)
    }

    fn call_by_name(
        self: &Arc<Self>,
        request: &Request<'_, '_>,
        method: Method,
        kind: &Kind,
        section: &Places,
    ) -> Result<Dispatched, ErrorObject> {
        let params = request.params.ok_or_else(|| params_are_missing(method, "name"))?;
        let name = params.text("name")?;
        let arguments = params.optional_object("arguments")?;
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let requester = LazyCell::new(requester);
        let entry = match request.called {
            Some(entry) if entry.is_visible(&requester) => entry,
            _ => section.named(kind, &name, &requester)?,
        };
        self.call(request, &Target { entry, method, params, called: &name, arguments })
    }

    pub(super) fn read_resource(self: &Arc<Self>, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        let method = Method::ResourcesRead;
        let params = request.params.ok_or_else(|| params_are_missing(method, "uri"))?;
        let uri = params.text("uri")?;
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let (entry, variables) = request.registry.resource(&uri, &LazyCell::new(requester))?;
        let variables = to_raw_value(&variables)
            .map_err(|error| ErrorObject::invalid_params(format!("`params.uri` cannot be read: {error}")))?;
        let arguments = Some(Raw::from(&*variables));
        self.call(request, &Target { entry, method, params, called: &uri, arguments })
    }

    /// Makes the call, and fills in what its results leave out.
    fn call(self: &Arc<Self>, request: &Request<'_, '_>, target: &Target<'_, '_>) -> Result<Dispatched, ErrorObject> {
        let entry = target.entry;
        if !entry.fills_in() {
            return self.run(request, target, &|| request.origin.reply());
        }
        let reply = || -> Reply {
            let (entry, called, reply) = (entry.clone(), target.called.to_owned(), request.origin.reply());
            Box::new(move |outcome| {
                reply(match outcome {
                    Outcome::Complete(finished) => Outcome::Complete(entry.fill_in(finished, &called)),
                    asking => asking,
                });
            })
        };
        Ok(match self.run(request, target, &reply)? {
            Dispatched::Done(finished) => Dispatched::Done(entry.fill_in(finished, target.called)),
            running => running,
        })
    }

    fn run(
        self: &Arc<Self>,
        request: &Request<'_, '_>,
        target: &Target<'_, '_>,
        reply: &dyn Fn() -> Reply,
    ) -> Result<Dispatched, ErrorObject> {
        let Target { entry, method, params, called, arguments } = *target;
        // Before the function runs: a call that is refused must not have done anything.
        request.origin.has_room()?;
        let resume = entry.resume.unwrap_or(self.resume);
        let task = self.task_mode(entry, request)?;
        let task_after = match task {
            Some(TaskMode::After(time)) => Some(time),
            _ => None,
        };
        let policy = RoundPolicy { resume, task_after };
        let owner = || Owner { principal: request.principal(), scopes: entry.scopes.clone() };
        let belongs = || {
            // The name of a tool is there to be shared.
            let name = if called == &*entry.name { entry.name.clone() } else { called.into() };
            self.rounds.belongs(method, name, arguments, owner())
        };
        let mut early = None;
        if request.carrier == Carrier::Rounds {
            let answers = params.input_responses()?;
            if let Some(state) = params.optional_text("requestState")? {
                let outlet: &dyn Fn() -> Arc<dyn Outlet> = &|| request.origin.outlet();
                let enter: &dyn Fn(&Arc<Call>) -> Running = &|call| {
                    let host = entry.host(&self.host);
                    enter_again(host, entry, called, arguments, request.extensions, call).counted_in(&self.calls)
                };
                let enter_later: &dyn Fn() -> Enter = &|| {
                    let (host, entry) = (entry.host(&self.host).clone(), entry.clone());
                    let (called, extensions) = (called.to_owned(), request.extensions.clone());
                    let (arguments, calls) = (arguments.map(Raw::to_raw_value), self.calls.clone());
                    Box::new(move |call| {
                        let arguments = arguments.as_deref().map(Raw::from);
                        enter_again(&host, &entry, &called, arguments, &extensions, call).counted_in(&calls)
                    })
                };
                let belongs = belongs();
                let round = request.round;
                let retry = Retry { belongs, policy, state: &state, answers, round, outlet, enter, enter_later, reply };
                return self.rounds.retry(retry).map(begun);
            }
            early = answers;
        }

        let call: OnceCell<Arc<Call>> = OnceCell::new();
        let begin = || {
            let resume = (request.carrier == Carrier::Rounds).then_some(resume);
            let call = Call::new((request.round)(), request.origin.outlet(), resume);
            call.bring_early(early);
            call
        };
        let host = entry.host(&self.host);
        let context = || Context::new(call.get_or_init(begin).clone(), host.clone());
        if has_audience() {
            // What is traced goes to the call, also if the function does not want to know of it.
            call.get_or_init(begin);
        }
        let requester = || request.requester();
        // A call that anybody has may have said something that goes first, or have something left to do.
        let write = |result: &TextResult<'_>| call.get().is_none() && request.write.is_some_and(|write| write(result));
        let write: Option<&WriteText<'_>> = if request.write.is_some() { Some(&write) } else { None };
        let means = Means { extensions: request.extensions, requester: &requester, context: &context, write };
        let started = entry.enter(called, host, arguments, &means);
        // A task is told by its call how it stands.
        let call = call.into_inner().or_else(|| task.map(|_| begin()));
        let work = match started {
            Started(Progress::Running(work)) => work,
            // What is to be done now that it has returned takes its time.
            Started(Progress::Finished(finished)) if call.as_ref().is_some_and(|call| call.has_effects()) => {
                Work::Future(Box::pin(std::future::ready(finished)))
            }
            Started(Progress::Finished(finished)) => {
                end(call.as_ref());
                return Ok(Dispatched::Done(finished));
            }
        };
        let rounds = call.as_ref().filter(|_| request.carrier == Carrier::Rounds).cloned();
        let running = Running::new(entry.name.clone(), entry.kind, &entry.limits, work, call);
        let polled = match &rounds {
            Some(call) => running.first_poll_of(call),
            None => running.first_poll(),
        };
        let running = match polled {
            First::Finished(finished) => return Ok(Dispatched::Done(finished)),
            First::Pending(running) => running.counted_in(&self.calls),
        };
        Ok(match rounds {
            None => Dispatched::Running(push(running, reply())),
            Some(call) => begun(match task.filter(|mode| mode.is_at_once()).and_then(|_| self.tasks.with_room()) {
                Some(tasks) => soon(tasks.create(running, call, owner()), reply),
                None => self.rounds.begin(running, &call, belongs(), policy, reply),
            }),
        })
    }

    /// When the call becomes a task, if the tool and the client know tasks.
    fn task_mode(&self, entry: &Entry, request: &Request<'_, '_>) -> Result<Option<TaskMode>, ErrorObject> {
        let Some(policy) = entry.task.filter(|_| request.carrier == Carrier::Rounds) else { return Ok(None) };
        if (request.round)().capabilities().has_tasks() {
            self.tasks.begin_with(policy);
            return Ok(Some(policy.mode));
        }
        if policy.mode == TaskMode::Required {
            return Err(ErrorObject::missing_capability(&ClientCapabilities::only_tasks()));
        }
        Ok(None)
    }
}

/// Enters the function again, for a call of which only its state is left.
fn enter_again(
    host: &Arc<Host>,
    entry: &Arc<Entry>,
    called: &str,
    arguments: Option<Raw<'_>>,
    extensions: &Extensions,
    call: &Arc<Call>,
) -> Running {
    let context = || Context::new(call.clone(), host.clone());
    let requester = || Requester::new((*call.round()).clone());
    let means = Means { extensions, requester: &requester, context: &context, write: None };
    let work = match entry.enter(called, host, arguments, &means) {
        Started(Progress::Running(work)) => work,
        Started(Progress::Finished(finished)) => Work::Future(Box::pin(std::future::ready(finished))),
    };
    Running::new(entry.name.clone(), entry.kind, &entry.limits, work, Some(call.clone()))
}

#[cold]
pub(super) fn params_are_missing(method: Method, member: &str) -> ErrorObject {
    ErrorObject::invalid_params(format!("`params` is missing; `{}` needs `params.{member}`", method.as_str()))
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
pub(crate) fn finished(outcome: Outcome) -> Finished {
    match outcome {
        Outcome::Complete(finished) => finished,
        Outcome::InputRequired(result) => Ok(ServerResult::InputRequired(result)),
    }
}
