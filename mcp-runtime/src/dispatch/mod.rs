//! Method to handler, one match.

mod call;
mod complete;
mod list;
mod observe;
#[cfg(feature = "skills")]
mod skills;
mod subscribe;
mod task;

pub(crate) use call::finished;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::context::{Host, Requester};
use crate::engine::{CallLimits, Cancel, Carrier, Finished, Reply, Resume, Round, Rounds, Seal, Tasks};
use crate::protocol::{
    ErrorObject, Extensions, ListKind, Method, Outlet, Params, Principal, ProtocolVersion, RequestId, ServerResult,
    SubscriptionFilter, WriteText,
};
use crate::registry::{Entry, Registry};
use crate::tally::Tally;
use crate::telemetry::Telemetry;

/// Brings requests to the functions of a server.
pub(crate) struct Dispatcher {
    pub(crate) host: Arc<Host>,
    pub(crate) rounds: Rounds,
    pub(crate) tasks: Arc<Tasks>,
    /// How calls go on, unless their tools say otherwise.
    pub(crate) resume: Resume,
    /// Seals what clients keep for us.
    pub(crate) seal: Arc<Seal>,
    /// How many items a page of a list has; `None` for all of them.
    pub(crate) page: Option<usize>,
    /// How long what completes an argument may take.
    pub(crate) completion_limits: CallLimits,
    /// How many of them each principal may ask for.
    pub(crate) completion_rate: Option<Admits>,
    pub(crate) telemetry: Telemetry,
    /// The calls that have not ended.
    pub(crate) calls: Tally,
}

/// Counts something that a principal asks for, or says why it is refused. A function, so that what counts is no part of
/// programs that limit nothing.
pub(crate) type Admits = Box<dyn Fn(Option<Principal>) -> Result<(), String> + Send + Sync>;

/// Where a request came from, as far as a call needs to know.
pub(crate) trait Origin {
    /// The way back for notifications and questions.
    fn outlet(&self) -> Arc<dyn Outlet>;
    /// Where the outcome goes if it is not there at once.
    fn reply(&self) -> Reply;
    /// Whether one more call may run beside those that do.
    fn has_room(&self) -> Result<(), ErrorObject>;
    /// Whether it may be subscribed to so many more resources.
    fn has_room_to_watch(&self, more: usize) -> Result<(), ErrorObject>;
    /// Whether its session is subscribed to this one already.
    fn watches(&self, uri: &str) -> bool;
    /// What carries its messages, as OpenTelemetry calls it, if that is known.
    fn transport(&self) -> Option<&'static str>;
    /// The scopes that whoever asks is allowed, where that is known.
    fn granted(&self) -> Option<Vec<String>>;
}

/// A request with all that is known of it.
pub(crate) struct Request<'a, 'm> {
    pub(crate) id: &'a RequestId,
    pub(crate) method: &'a str,
    /// Which one that is.
    pub(crate) known: Option<Method>,
    pub(crate) params: Option<&'a Params<'m>>,
    /// The tool or the prompt that it names, where somebody had to know before.
    pub(crate) called: Option<&'a Arc<Entry>>,
    pub(crate) revision: ProtocolVersion,
    pub(crate) carrier: Carrier,
    /// What a call may know of the request; made only for one that wants to know.
    pub(crate) round: &'a dyn Fn() -> Round,
    pub(crate) origin: &'a dyn Origin,
    /// What the server offers at the moment.
    pub(crate) registry: &'a Registry,
    pub(crate) extensions: &'a Extensions,
    /// Whether it has a span, and is measured, if somebody wants that.
    pub(crate) is_observed: bool,
    /// For functions whose result can be written where responses go, without being made before.
    pub(crate) write: Option<&'a WriteText<'a>>,
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
    /// The origin is to tell its client of these changes from now on.
    Listen(SubscriptionFilter),
    /// The origin is to tell its client of what becomes of a resource.
    Watch(String),
    /// And not any more.
    Unwatch(String),
}

impl Dispatcher {
    /// Ends what goes on when all connections are closed: calls that wait for answers at once, tasks that work after
    /// this time. When it returns, no function runs any more, unless it blocks its thread.
    pub(crate) async fn end(&self, time: Duration) {
        self.rounds.end();
        self.tasks.end(time).await;
        if timeout(time, self.calls.none()).await.is_err() {
            tracing::warn!(calls = self.calls.len(), "calls block their threads while the server ends");
        }
    }

    pub(crate) fn dispatch(self: &Arc<Self>, request: &Request<'_, '_>) -> Dispatched {
        if !request.is_observed && self.telemetry.observes_server() {
            return self.dispatch_observed(request);
        }
        let Some(method) = request.known else {
            return Dispatched::Done(Err(ErrorObject::method_not_found(request.method)));
        };
        if !request.revision.has(method) {
            return Dispatched::Done(Err(ErrorObject::method_not_found(request.method)));
        }
        let dispatched = match method {
            Method::ToolsCall => self.call_tool(request),
            Method::PromptsGet if request.registry.offers_prompts() => self.get_prompt(request),
            Method::ResourcesRead if request.registry.offers_resources() => self.read_resource(request),
            Method::CompletionComplete if request.registry.offers_completions() => self.complete(request),
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => self.task(method, request),
            Method::ToolsList => self.list(request, ListKind::Tools),
            Method::PromptsList if request.registry.offers_prompts() => self.list(request, ListKind::Prompts),
            Method::ResourcesList if request.registry.offers_resources() => self.list(request, ListKind::Resources),
            Method::ResourcesTemplatesList if request.registry.offers_resources() => {
                self.list(request, ListKind::ResourceTemplates)
            }
            #[cfg(feature = "skills")]
            Method::SkillsList | Method::SkillsGet | Method::ResourcesDirectoryRead
                if request.registry.offers_skills() =>
            {
                self.skills(method, request)
            }
            Method::ResourcesSubscribe if request.registry.offers_resources() => self.watch(request),
            Method::ResourcesUnsubscribe if request.registry.offers_resources() => self.unwatch(request),
            Method::SubscriptionsListen => self.listen(request),
            Method::ServerDiscover => Ok(Dispatched::Done(Ok(ServerResult::Discover))),
            Method::Ping => Ok(Dispatched::Done(Ok(ServerResult::Empty))),
            _ => Err(ErrorObject::method_not_found(request.method)),
        };
        dispatched.unwrap_or_else(|error| Dispatched::Done(Err(error)))
    }
}
