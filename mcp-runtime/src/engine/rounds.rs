//! Calls of the modern era, round by round: a round ends with questions, and the request that
//! brings the answers begins the next one.
//!
//! Between rounds a call is [parked](super::parked) under a ticket, or nothing of it is kept, and
//! it runs again from the top on what `requestState` remembers: that is the *replayed* carrier.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use foldhash::HashMap;
use serde_json::value::RawValue;
use tokio::task::{AbortHandle, JoinHandle};
use tracing::Instrument as _;

use super::answers::Answers;
use super::call::is_result;
use super::claim::{AnyStore, ClaimOf, Claimed, Grant, claim};
use super::metrics::Counters;
use super::outcomes::{Claimant, RememberedOutcome, Ticket};
use super::parked::Driver;
use super::seal::{Binding, Opened, Seal};
use super::seat::{Resting, Seat, SeatState};
use super::state::{Remembered, State};
use super::tasks::Tasks;
use super::ticket::Tickets;
use super::{Call, Cancel, First, Outcome, Reply, Resume, Round, Running, spawn};
use crate::protocol::{BoxFuture, ErrorCode, ErrorObject, Members, Method, Outlet, Principal, Raw};
use crate::telemetry::current;

/// How much calls that take rounds may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundLimits {
    pub(crate) parked_calls: usize,
    /// About how many bytes of memory; a call counts with its future and its questions.
    pub(crate) parked_bytes: usize,
    /// How long a future waits for answers.
    pub(crate) parked_time: Duration,
    /// How long a call can be continued at all.
    pub(crate) state_time: Duration,
    /// The longest `requestState`.
    pub(crate) state_bytes: usize,
    /// The most rounds of one call.
    pub(crate) rounds: u32,
}

impl Default for RoundLimits {
    fn default() -> Self {
        Self {
            parked_calls: 10_000,
            parked_bytes: 256 << 20,
            parked_time: Duration::from_secs(600),
            state_time: Duration::from_secs(3600),
            state_bytes: 256 << 10,
            rounds: 100,
        }
    }
}

/// The calls of a server that take rounds.
pub(crate) struct Rounds {
    pub(super) shared: Arc<Shared>,
}

/// What all of them use.
pub(super) struct Shared {
    server: String,
    pub(super) seal: Arc<Seal>,
    pub(super) limits: RoundLimits,
    pub(super) store: Arc<dyn AnyStore>,
    pub(super) counters: Arc<Counters>,
    pub(super) tickets: Arc<Tickets>,
    pub(super) tasks: Arc<Tasks>,
    /// Rounds whose tickets are claimed in a store that is elsewhere.
    later: Mutex<HashMap<Ticket, Arc<Later>>>,
}

/// Requests that wait for a store that is elsewhere, and then for what comes of their round.
pub(super) struct Later {
    answers: Answers,
    state: Mutex<LaterState>,
    /// There as soon as the task was started.
    task: OnceLock<AbortHandle>,
}

#[derive(Default)]
struct LaterState {
    /// Who waits, each under a number by which it can give up.
    replies: Vec<(u64, Reply)>,
    next: u64,
    /// Nobody can wait any more.
    is_over: bool,
}

impl Later {
    fn lock(&self) -> MutexGuard<'_, LaterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits with the others, if it is not over. Says under which number.
    fn join(&self, reply: &dyn Fn() -> Reply) -> Option<u64> {
        let mut state = self.lock();
        if state.is_over {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.replies.push((number, reply()));
        Some(number)
    }

    /// Nobody waits under this number any more; if nobody else does, it ends.
    pub(super) fn give_up(&self, number: u64) {
        let ends = {
            let mut state = self.lock();
            let before = state.replies.len();
            state.replies.retain(|(it, _)| *it != number);
            let ends = before > state.replies.len() && state.replies.is_empty();
            state.is_over |= ends;
            ends
        };
        if let (true, Some(task)) = (ends, self.task.get()) {
            task.abort();
        }
    }

    fn end(&self) -> Vec<Reply> {
        let mut state = self.lock();
        state.is_over = true;
        state.replies.drain(..).map(|(_, reply)| reply).collect()
    }
}

/// The request that a call belongs to; a retry must repeat it.
#[derive(Debug, Clone)]
pub(crate) struct Belongs {
    pub(crate) name: Arc<str>,
    /// The bytes of its [`Binding`].
    pub(crate) bound: Vec<u8>,
    pub(crate) owner: Owner,
}

/// Whose a call is, and what it takes to make it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owner {
    /// Who asks, where requests are authenticated.
    pub(crate) principal: Option<Principal>,
    pub(crate) scopes: Arc<[Cow<'static, str>]>,
}

/// How a call goes from round to round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundPolicy {
    pub(crate) resume: Resume,
    /// After how long in one round it becomes a task, if the client knows tasks.
    pub(crate) task_after: Option<Duration>,
}

/// A request that brings answers to a call.
pub(crate) struct Retry<'a, 'm> {
    pub(crate) belongs: Belongs,
    pub(crate) policy: RoundPolicy,
    pub(crate) state: &'a str,
    /// `inputResponses`.
    pub(crate) answers: Option<&'a Members<'m>>,
    pub(crate) round: &'a dyn Fn() -> Round,
    pub(crate) outlet: &'a dyn Fn() -> Arc<dyn Outlet>,
    /// Enters the function once more, if nothing is left of the call.
    pub(crate) enter: &'a dyn Fn(&Arc<Call>) -> Running,
    /// Makes what does so when the request is gone.
    pub(crate) enter_later: &'a dyn Fn() -> Enter,
    pub(crate) reply: &'a dyn Fn() -> Reply,
}

/// Enters the function of a call that runs again.
pub(crate) type Enter = Box<dyn Fn(&Arc<Call>) -> Running + Send>;

/// What a request leads to.
pub(crate) enum Begun {
    /// The outcome will go to the reply.
    Running(Cancel),
    /// The outcome is there already, and the reply is of no use.
    Ended(Outcome),
}

impl Rounds {
    pub(crate) fn new(
        server: String,
        seal: Arc<Seal>,
        limits: RoundLimits,
        store: Arc<dyn AnyStore>,
        counters: Arc<Counters>,
        tasks: Arc<Tasks>,
    ) -> Self {
        let tickets = Arc::default();
        Self {
            shared: Arc::new(Shared { server, seal, limits, store, counters, tickets, tasks, later: Mutex::default() }),
        }
    }

    /// What a request belongs to that calls something of this name.
    pub(crate) fn belongs(&self, method: Method, name: Arc<str>, arguments: Option<Raw<'_>>, owner: Owner) -> Belongs {
        let (server, method) = (&*self.shared.server, method.as_str());
        let principal = owner.principal.as_ref().map(Principal::as_str);
        let bound = Binding { server, method, name: &name, arguments, principal }.to_bytes();
        Belongs { name, bound, owner }
    }

    /// Takes over a call whose first poll did not finish it.
    pub(crate) fn begin(
        &self,
        running: Running,
        call: &Arc<Call>,
        belongs: Belongs,
        policy: RoundPolicy,
        reply: impl FnOnce() -> Reply,
    ) -> Begun {
        let driver = Driver::new(self.shared.clone(), running, call.clone(), belongs, policy, SeatState::default());
        driver.begin(reply, None)
    }

    /// Hands answers to a call: to its future if that is here, or else to one that runs again.
    ///
    /// # Errors
    ///
    /// One and the same error for a state that does not open, and for a ticket that was used with
    /// other answers.
    pub(crate) fn retry(&self, retry: Retry<'_, '_>) -> Result<Begun, ErrorObject> {
        let Retry { belongs, policy, state, answers, round, outlet, enter, enter_later, reply } = retry;
        let opened = self.shared.seal.open_state(&belongs.bound, state, now());
        let opened = opened.ok_or_else(|| self.shared.refuse())?;
        let sent = Answers::new(opened.state.call, answers.map(Members::whole));
        let ticket = Ticket::new(opened.state.call, opened.state.round);
        // Whoever repeats what is running waits with it.
        let later = self.shared.later().get(&ticket).filter(|later| later.answers == sent).cloned();
        if let Some(later) = later
            && let Some(number) = later.join(reply)
        {
            self.shared.counters.repeated.add(1);
            return Ok(Begun::Running(Cancel::later(later, number)));
        }
        let seat = self.shared.tickets.find(&opened.state.call);
        if let Some(seat) = &seat {
            let joined = seat.lock().join(opened.state.round, &sent, reply);
            if let Some(number) = joined {
                self.shared.counters.repeated.add(1);
                return Ok(Begun::Running(Cancel::seat(seat.clone(), number)));
            }
        }
        let waiting = Waiting { belongs, policy, opened, seat, answers: sent.clone() };
        let request = || (round(), outlet());
        let of = ClaimOf { ticket, claimant: Claimant::new() };
        match claim(self.shared.store.clone(), of, sent, self.shared.limits.state_time) {
            Ok(claim) => self.shared.claimed(claim, waiting, request, answers, enter, reply),
            Err(claim) => {
                let answers = answers.map(|answers| answers.whole().to_raw_value());
                // By then it may be another one.
                let waiting = Waiting { seat: None, ..waiting };
                Ok(Begun::Running(self.later(claim, waiting, request(), answers, enter_later(), reply)))
            }
        }
    }

    /// Waits for a store that is elsewhere.
    fn later(
        &self,
        claim: BoxFuture<'static, Result<Claimed, BoxError>>,
        waiting: Waiting,
        request: (Round, Arc<dyn Outlet>),
        answers: Option<Box<RawValue>>,
        enter: Enter,
        reply: &dyn Fn() -> Reply,
    ) -> Cancel {
        /// Cancels what goes on elsewhere if this task is aborted.
        struct Guard(Option<Cancel>);
        impl Drop for Guard {
            fn drop(&mut self) {
                if let Some(cancel) = &self.0 {
                    cancel.cancel();
                }
            }
        }
        /// Forgets it when its task is gone, however that came about.
        struct Entered {
            shared: Arc<Shared>,
            ticket: Ticket,
            later: Arc<Later>,
        }
        impl Drop for Entered {
            fn drop(&mut self) {
                {
                    let mut all = self.shared.later();
                    if all.get(&self.ticket).is_some_and(|later| Arc::ptr_eq(later, &self.later)) {
                        all.remove(&self.ticket);
                    }
                }
                // Each of them is answered when it is dropped.
                drop(self.later.end());
            }
        }
        let shared = self.shared.clone();
        let ticket = Ticket::new(waiting.opened.state.call, waiting.opened.state.round);
        let later =
            Arc::new(Later { answers: waiting.answers.clone(), state: Mutex::default(), task: OnceLock::new() });
        let number = later.join(reply).unwrap_or_default();
        shared.later().insert(ticket, later.clone());
        let entered = Entered { shared: shared.clone(), ticket, later: later.clone() };
        let span = current();
        let task = spawn(Box::pin(async move {
            let entered = entered;
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let answer: Reply = Box::new(move |outcome| _ = sender.send(outcome));
            let claim = claim.instrument(span.clone()).await;
            let answers = answers.as_deref().map(|answers| Members::of(answers.into()));
            let begun =
                span.in_scope(|| shared.claimed(claim, waiting, || request, answers.as_ref(), &*enter, || answer));
            // The request is over when it is answered, and that is not in this task's hands.
            drop(span);
            let outcome = match begun {
                Ok(Begun::Ended(outcome)) => outcome,
                Ok(Begun::Running(cancel)) => {
                    let mut guard = Guard(Some(cancel));
                    let outcome = receiver.await;
                    guard.0 = None;
                    let Ok(outcome) = outcome else { return };
                    outcome
                }
                Err(error) => Outcome::Complete(Err(error)),
            };
            for reply in entered.later.end() {
                reply(outcome.clone());
            }
        }));
        _ = later.task.set(task.abort_handle());
        Cancel::later(later, number)
    }
}

impl Rounds {
    /// Drops all calls that are here. Those that remember what they asked can go on elsewhere.
    pub(crate) fn end(&self) {
        self.shared.tickets.drop_all();
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        self.end();
        self.shared.counters.parked_now.set(0);
        self.shared.counters.parked_bytes.set(0);
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A retry that waits for its claim.
struct Waiting {
    belongs: Belongs,
    policy: RoundPolicy,
    opened: Opened,
    /// Where the call is, if that was looked up just now.
    seat: Option<Arc<Seat>>,
    answers: Answers,
}

impl Shared {
    fn later(&self) -> MutexGuard<'_, HashMap<Ticket, Arc<Later>>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One error for everything that is wrong with a state, so that it teaches an attacker nothing.
    fn refuse(&self) -> ErrorObject {
        self.counters.refused.add(1);
        ErrorObject::invalid_params(
            "`requestState` is refused: it was not issued for this request, has expired or was used; \
             send the request again without it",
        )
    }

    /// Goes on with a retry whose ticket was looked up.
    fn claimed(
        self: &Arc<Self>,
        claim: Result<Claimed, BoxError>,
        waiting: Waiting,
        request: impl FnOnce() -> (Round, Arc<dyn Outlet>),
        answers: Option<&Members<'_>>,
        enter: &dyn Fn(&Arc<Call>) -> Running,
        reply: impl FnOnce() -> Reply,
    ) -> Result<Begun, ErrorObject> {
        let Waiting { belongs, policy, opened, seat, answers: sent } = waiting;
        let State { call: id, round: number, .. } = opened.state;
        let grant = match claim {
            Ok(Claimed::Granted(grant)) => grant,
            Ok(Claimed::Refused) => return Err(self.refuse()),
            Ok(Claimed::Done(outcome)) => {
                self.counters.repeated.add(1);
                return Ok(Begun::Ended(outcome.outcome()));
            }
            Err(error) => {
                tracing::error!(error = &*error, "the store of outcomes cannot be asked");
                let message = "the server cannot look up whether this was done already; try again later";
                return Err(ErrorObject::new(ErrorCode::InternalError, message));
            }
        };
        let answer_of = |key: &str| answers?.get(key).filter(|answer| is_result(*answer)).map(Raw::to_raw_value);
        if let Some(seat) = seat.or_else(|| self.tickets.find(&id)) {
            // Dropped after the lock, if it comes to that.
            let resting;
            // The seat stays locked until the answers are in, so that the driver sees all or none.
            let mut state = seat.lock();
            if !state.gone && (number < state.round || (number == state.round && state.open)) {
                // The call runs, or is further: its last ticket is the only good one.
                drop(state);
                return Err(self.refuse());
            }
            if number > state.round {
                // Others took it further. What is left of it here is of no use.
                state.gone = true;
                drop(state);
                self.tickets.drop_call(&id, &seat, &self.counters);
            } else if let Some(outcome) = state.early.take() {
                drop(state);
                self.tickets.drop_call(&id, &seat, &self.counters);
                return Ok(settle(Some(grant), outcome.outcome()).begun(reply));
            } else if !state.gone && self.tickets.unpark(&id, &seat, &self.counters) {
                state.opened_by = Some(sent);
                state.grant = Some(grant);
                state.fresh = true;
                self.counters.resumed.add(1);
                // Where nobody polls it, whoever brings the answers does.
                resting = state.resting.take();
                let mut reply = Some(reply);
                let waits = state.open(if resting.is_none() { reply.take().map(|reply| reply()) } else { None });
                let (round, outlet) = request();
                let resumed = seat.call.resume(round, outlet, answer_of);
                drop(state);
                resumed.settle();
                return Ok(match (resting, reply) {
                    (Some(Resting { driver, .. }), Some(reply)) => driver.go_on(waits, reply),
                    _ => Begun::Running(Cancel::seat(seat, waits)),
                });
            }
            // One that was evicted just now runs again, like one that is gone.
        }
        let Some(remembered) = opened.remembered().filter(|_| policy.resume.remembers()) else {
            return Err(ErrorObject::new(
                ErrorCode::InternalError,
                format!(
                    "the call of `{}` is gone, and cannot be continued: it was cancelled, or the server was restarted \
                     or needed the room; send the request again without `requestState`",
                    belongs.name
                ),
            ));
        };
        self.counters.replayed.add(1);
        let Remembered { memory, reports } = remembered;
        let (round, outlet) = request();
        let call = Call::again(id, round, outlet, memory, reports, answer_of);
        match enter(&call).first_poll_of(&call) {
            First::Finished(finished) => {
                call.end();
                Ok(settle(Some(grant), Outcome::Complete(finished)).begun(reply))
            }
            First::Pending(running) => {
                let state = SeatState::again(number, sent);
                let driver = Driver::new(self.clone(), running, call, belongs, policy, state);
                Ok(driver.begin(reply, Some(grant)))
            }
        }
    }
}

/// An outcome that is kept, or is being kept by a store that takes its time.
pub(super) enum Settled {
    Kept(Outcome),
    Soon(JoinHandle<()>, Arc<RememberedOutcome>),
}

/// Keeps the outcome of a round.
pub(super) fn settle(grant: Option<Grant>, outcome: Outcome) -> Settled {
    let Some(grant) = grant else { return Settled::Kept(outcome) };
    let outcome = RememberedOutcome::new(outcome);
    match grant.commit(outcome.clone()) {
        None => Settled::Kept(outcome.into_outcome()),
        Some(kept) => Settled::Soon(kept, outcome),
    }
}

impl Settled {
    /// Hands it over when it is kept.
    pub(super) fn begun(self, reply: impl FnOnce() -> Reply) -> Begun {
        match self {
            Self::Kept(outcome) => Begun::Ended(outcome),
            Self::Soon(kept, outcome) => eventually(when_kept(kept, outcome), reply()),
        }
    }
}

fn when_kept(kept: JoinHandle<()>, outcome: Arc<RememberedOutcome>) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        _ = kept.await;
        outcome.into_outcome()
    })
}

/// Hands over an outcome when it is there.
pub(super) fn eventually(outcome: BoxFuture<'static, Outcome>, reply: Reply) -> Begun {
    let task = spawn(Box::pin(async move { reply(outcome.await) }));
    Begun::Running(Cancel::task(task.abort_handle(), None))
}

pub(super) fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

/// In milliseconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}
