//! Drives the future of a call until it completes or asks, and carries its questions to the
//! client. It knows questions, not sampling, and calls, not tools.
//!
//! What a call asks and does is kept in its [`Journal`], which is pure. A *carrier* brings the
//! questions out and the answers in: [`push`] where the client can be asked in the middle of a call,
//! and where the call must end its round first, [`rounds`] with a future that is [`parked`]
//! between them, or *replayed*: run again from the top on what `requestState` remembers.

mod answers;
mod audience;
mod call;
mod claim;
mod digest;
mod journal;
mod limits;
mod metrics;
mod outcomes;
mod parked;
mod push;
mod round;
mod rounds;
mod running;
mod seal;
mod seat;
mod state;
mod task;
mod task_store;
mod tasks;
mod ticket;
mod written;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::task::{AbortHandle, JoinHandle};

pub use answers::Answers;
pub(crate) use call::{Call, OnComplete};
pub(crate) use claim::AnyStore;
pub(crate) use digest::{object as canonical_object, short as digest_of};
pub(crate) use journal::{Question, QuestionId, Required, Step, StepKey};
pub(crate) use limits::CallLimits;
pub use metrics::Metrics;
pub use outcomes::{Claim, Claimant, MemoryOutcomes, OutcomeStore, RememberedOutcome, Ticket};
pub(crate) use push::push;
pub(crate) use round::{Client, ClientFacts, Decoded, Round};
pub(crate) use rounds::{Begun, Enter, Owner, Retry, RoundLimits, RoundPolicy, Rounds};
pub(crate) use running::{First, Kind, Running, Work};
pub(crate) use seal::Seal;
pub use seal::{InvalidStateKey, StateKey};
pub(crate) use task_store::AnyTaskStore;
pub use task_store::{MemoryTasks, TaskMessage, TaskRecord, TaskStore};
pub(crate) use tasks::{Asked as TaskAsked, TaskLimits, TaskMode, TaskPolicy, Tasks, TasksIn, soon};
#[cfg(feature = "__bench")]
pub(crate) use {
    journal::{Ask, Journal},
    seal::{Binding, Opened},
    state::{Reports, State},
};

use crate::protocol::{BoxFuture, ErrorObject, InputRequest, InputRequiredResult, ServerResult};

/// How questions travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// As requests of ours, in the middle of the call.
    Push,
    /// At the end of a round; the answers come with the next one.
    Rounds,
}

/// How a call that asks its client goes on when the answers come, where a client must call again
/// to bring them.
///
/// ```
/// use mcp_runtime::Resume;
///
/// assert_eq!("replay".parse(), Ok(Resume::Replay));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resume {
    /// It waits, suspended, and its code runs once. If it is gone (the server was restarted, needed
    /// the room, or is another one), it runs again from the top on the answers and
    /// [steps](crate::Context::step) that it has behind it.
    #[default]
    Auto,
    /// It waits, suspended. If it is gone, the caller learns that it must begin anew. Its code never
    /// runs twice, and `requestState` stays small.
    Parked,
    /// Nothing of it is kept in memory; it always runs again from the top.
    Replay,
}

impl Resume {
    /// Whether futures wait in memory.
    fn parks(self) -> bool {
        self != Self::Replay
    }

    /// Whether the call may run again from the top.
    fn remembers(self) -> bool {
        self != Self::Parked
    }
}

/// A word that is none of `auto`, `parked` and `replay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidResume(());

impl fmt::Display for InvalidResume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call is resumed by `auto`, `parked` or `replay`")
    }
}

impl std::error::Error for InvalidResume {}

impl FromStr for Resume {
    type Err = InvalidResume;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "auto" => Ok(Self::Auto),
            "parked" => Ok(Self::Parked),
            "replay" => Ok(Self::Replay),
            _ => Err(InvalidResume(())),
        }
    }
}

/// What a finished call hands to its caller; the engine does not look inside.
pub(crate) type Finished = Result<ServerResult, ErrorObject>;

/// How a round ends.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Complete(Finished),
    InputRequired(InputRequiredResult),
}

impl Outcome {
    /// About how many bytes it holds.
    fn size(&self) -> usize {
        match self {
            Self::InputRequired(result) => {
                let state = result.request_state.as_ref().map_or(0, String::len);
                let size = |(key, request): &(String, InputRequest)| key.len() + request.params.get().len();
                state + result.input_requests.iter().map(size).sum::<usize>()
            }
            Self::Complete(Ok(ServerResult::CallTool(result))) => result.size(),
            Self::Complete(Ok(ServerResult::ReadResource(result))) => result.size(),
            Self::Complete(Ok(ServerResult::GetPrompt(result))) => result.size(),
            Self::Complete(Err(error)) => error.message.len(),
            Self::Complete(_) => 0,
        }
    }
}

/// The instant after this time, or one that nobody will see if there is no such instant.
pub(crate) fn after(time: Duration) -> tokio::time::Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    let now = tokio::time::Instant::now();
    now.checked_add(time).unwrap_or_else(|| now + FAR)
}

/// Starts a task. All of them have their futures behind pointers: a program has the code of a task once for each type of
/// future, and that is some kilobytes.
fn spawn(future: BoxFuture<'static, ()>) -> JoinHandle<()> {
    tokio::spawn(future)
}

/// Where the outcome of a round goes; called at most once.
pub(crate) type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// Lets a call that is not finished be cancelled from outside.
pub(crate) struct Cancel {
    abort: Abort,
    call: Option<Arc<Call>>,
}

/// What is aborted.
enum Abort {
    Task(AbortHandle),
    /// Several requests may wait for one call; the number is ours.
    Seat(Arc<seat::Seat>, u64),
    /// The same, for a call that waits for a store.
    Later(Arc<rounds::Later>, u64),
}

impl Cancel {
    fn task(abort: AbortHandle, call: Option<Arc<Call>>) -> Self {
        Self { abort: Abort::Task(abort), call }
    }

    fn seat(seat: Arc<seat::Seat>, number: u64) -> Self {
        let call = Some(seat.call.clone());
        Self { abort: Abort::Seat(seat, number), call }
    }

    fn later(later: Arc<rounds::Later>, number: u64) -> Self {
        Self { abort: Abort::Later(later, number), call: None }
    }

    /// Drops the future of the call, unless another request waits for it too. Spawned work is
    /// told by the token of the call.
    pub(crate) fn cancel(&self) {
        // First the future, so that it does not see its questions fail.
        match &self.abort {
            Abort::Task(task) => task.abort(),
            Abort::Seat(seat, number) => {
                if seat.lock().give_up(*number) {
                    return;
                }
                seat.abort();
            }
            Abort::Later(later, number) => return later.give_up(*number),
        }
        if let Some(call) = &self.call {
            call.end();
        }
    }

    /// Lets questions to the client fail, because it is gone; the call itself may go on.
    pub(crate) fn client_is_gone(&self) {
        // Where questions travel in the reply, that can still be written, and somebody else may go on.
        let (Abort::Task(_), Some(call)) = (&self.abort, &self.call) else { return };
        let wakers: Vec<_> = {
            let mut state = call.lock();
            state.outlet = None;
            state.gone = true;
            state.journal.fail_open(&call::client_is_gone());
            state.wakers.iter_mut().filter_map(Option::take).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Parameters as raw JSON; what the engine carries without reading it.
pub(crate) type RawParams = Box<RawValue>;
