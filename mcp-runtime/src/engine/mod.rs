//! Drives the future of a call until it completes or asks, and carries its questions to the
//! client. It knows questions, not sampling, and calls, not tools.
//!
//! What a call asks and does is kept in its [`Journal`], which is pure. A *carrier* brings the
//! questions out and the answers in: [`push`] where the client can be asked in the middle of a call,
//! and where the call must end its round first, [`rounds`] with a future that is [`parked`]
//! between them, or *replayed*: run again from the top on what `requestState` remembers.

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
mod state;
mod task;
mod task_store;
mod ticket;
mod written;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use claim::AnyStore;
pub(crate) use digest::{arguments as digest_of_arguments, short as digest_of};
use journal::Memory;
pub(crate) use journal::{Ask, Journal, Question, QuestionId, Required, Step, StepKey};
pub(crate) use limits::CallLimits;
pub use metrics::Metrics;
pub use outcomes::{AnswersDigest, Claim, Claimant, MemoryOutcomes, OutcomeStore, RememberedOutcome, Ticket};
pub(crate) use push::push;
pub(crate) use round::{Client, ClientFacts, Decoded, Round};
pub(crate) use rounds::{Begun, Belongs, Enter, Retry, RoundLimits, RoundPolicy, Rounds};
pub(crate) use running::{First, Kind, Running, Work};
pub(crate) use seal::Seal;
pub use seal::{InvalidStateKey, StateKey};
use state::{CallId, Reports};
pub(crate) use task::{Asked as TaskAsked, TaskLimits, TaskMode, Tasks};
pub(crate) use task_store::AnyTaskStore;
pub use task_store::{MemoryTasks, TaskMessage, TaskRecord, TaskStore};

use crate::protocol::{
    Answered, BoxFuture, ClientCapabilities, ErrorCode, ErrorObject, InputRequest, InputRequiredResult, Outlet,
    ServerResult,
};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a call is resumed by `auto`, `parked` or `replay`")]
pub struct InvalidResume(());

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

/// Where the outcome of a round goes; called at most once.
pub(crate) type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// One call over all of its rounds: what its `Context` and its driver share.
pub(crate) struct Call {
    /// Made when it is first needed.
    id: OnceLock<CallId>,
    state: Mutex<CallState>,
    cancelled: CancellationToken,
}

struct CallState {
    journal: Journal,
    /// One for each question of the journal that somebody waits for.
    wakers: Vec<Option<Waker>>,
    driver: Option<Waker>,
    round: Arc<Round>,
    /// The way to the client, while a round is open.
    outlet: Option<Arc<dyn Outlet>>,
    /// What the client has heard.
    reports: Reports,
    /// What it has heard of an earlier run and this one has not said yet: digests of log messages.
    said: Vec<u32>,
    /// How often something was derived from the id, for each purpose.
    derived: HashMap<String, u64>,
    /// What is to be done when the call has completed.
    on_complete: Vec<OnComplete>,
    ended: bool,
    /// The client has gone for good, and with it whoever could answer.
    gone: bool,
}

/// Something to be done when a call has completed.
pub(crate) type OnComplete = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// More log messages of a call than these are not remembered from one run to the next.
const LOGS_REMEMBERED: usize = 1_000;

impl Call {
    /// A call that begins. `resume` says how it goes on after a round, where it takes rounds.
    pub(crate) fn new(round: Round, outlet: Arc<dyn Outlet>, resume: Option<Resume>) -> Arc<Self> {
        let keeps = resume.is_some_and(Resume::remembers);
        let journal = if keeps { Journal::keeping() } else { Journal::default() };
        Arc::new(Self::with(journal, round, outlet, Reports::default(), OnceLock::new()))
    }

    /// A call that runs again, with what is remembered of it and the answers that came since.
    fn again(
        id: CallId,
        round: Round,
        outlet: Arc<dyn Outlet>,
        memory: Memory,
        reports: Reports,
        answer_of: impl Fn(&str) -> Option<RawParams>,
    ) -> Arc<Self> {
        let journal = Journal::again(memory, answer_of);
        Arc::new(Self::with(journal, round, outlet, reports, OnceLock::from(id)))
    }

    fn with(journal: Journal, round: Round, outlet: Arc<dyn Outlet>, reports: Reports, id: OnceLock<CallId>) -> Self {
        let state = CallState {
            journal,
            wakers: Vec::new(),
            driver: None,
            round: Arc::new(round),
            outlet: Some(outlet),
            said: reports.logs.clone(),
            reports,
            derived: HashMap::new(),
            on_complete: Vec::new(),
            ended: false,
            gone: false,
        };
        Self { id, state: Mutex::new(state), cancelled: CancellationToken::new() }
    }

    /// What the call is known by over all of its rounds and runs.
    pub(crate) fn id(&self) -> CallId {
        *self.id.get_or_init(|| {
            let mut id: CallId = [0; 16];
            if let Err(error) = getrandom::fill(&mut id) {
                // Without randomness the state cannot be sealed either, so the id never goes out.
                tracing::error!(%error, "the operating system has no randomness");
            }
            id
        })
    }

    fn lock(&self) -> MutexGuard<'_, CallState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The round that is open, or the last one.
    pub(crate) fn round(&self) -> Arc<Round> {
        self.lock().round.clone()
    }

    /// The way to the client; there is none between rounds and after the end.
    pub(crate) fn outlet(&self) -> Option<Arc<dyn Outlet>> {
        self.lock().outlet.clone()
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.lock().journal.has_unsent()
    }

    /// Whether somebody waits for an answer of the client.
    fn waits_for_client(&self) -> bool {
        self.lock().wakers.iter().any(Option::is_some)
    }

    /// Whether `progress` moves on; a client must never see it fall or stand still.
    pub(crate) fn advance(&self, progress: f64) -> bool {
        let mut state = self.lock();
        let moves = progress > state.reports.progress;
        if moves {
            state.reports.progress = progress;
        }
        moves
    }

    /// Whether a log message is new; a call that runs again must not send it twice.
    pub(crate) fn is_news(&self, message: impl FnOnce() -> Vec<u8>) -> bool {
        let mut state = self.lock();
        if !state.journal.remembers() {
            return true;
        }
        let digest = digest::of_log(&message());
        if let Some(place) = state.said.iter().position(|it| *it == digest) {
            state.said.swap_remove(place);
            return false;
        }
        if state.reports.logs.len() < LOGS_REMEMBERED {
            state.reports.logs.push(digest);
        }
        true
    }

    /// Begins a step, in the body of another one or not: its result if it was done, or the key for it.
    ///
    /// # Errors
    ///
    /// When the call has ended.
    pub(crate) fn begin_step(&self, within: Option<&StepKey>, name: &str) -> Result<Step, ErrorObject> {
        let mut state = self.lock();
        if state.ended {
            return Err(call_ended());
        }
        let step = state.journal.begin_step(&named_in(within, name));
        if let Step::New(key) = &step {
            // What is derived in a step that is tried again is what was derived before.
            state.derived.remove(&named_in(Some(key), "uuid"));
        }
        Ok(step)
    }

    /// A step is over; it has come to nothing without a result.
    pub(crate) fn end_step(&self, key: &StepKey, result: Option<RawParams>) {
        let driver = {
            let mut state = self.lock();
            state.journal.end_step(key, result);
            // A round may have waited for it.
            state.driver.take()
        };
        driver.into_iter().for_each(Waker::wake);
    }

    /// Whether a step is running that does not wait for the client itself.
    fn is_in_step(&self) -> bool {
        self.lock().journal.is_in_step()
    }

    /// Whether there are questions that an earlier run gave up.
    fn has_held(&self) -> bool {
        self.lock().journal.has_held()
    }

    fn release_held(&self) {
        self.lock().journal.release_held();
    }

    /// What names the call to other systems.
    pub(crate) fn idempotency_key(&self) -> [u8; 16] {
        digest::derived(&self.id(), "idempotency", 0)
    }

    /// Something that is new each time, and the same in each run; what is derived in a step does not
    /// count outside of it.
    pub(crate) fn derived(&self, within: Option<&StepKey>, purpose: &str) -> [u8; 16] {
        let purpose = named_in(within, purpose);
        let occurrence = {
            let mut state = self.lock();
            let uses = state.derived.entry(purpose.clone()).or_default();
            *uses += 1;
            *uses
        };
        digest::derived(&self.id(), &purpose, occurrence)
    }

    /// Whether something is to be done when the call has completed.
    pub(crate) fn has_effects(&self) -> bool {
        !self.lock().on_complete.is_empty()
    }

    /// Notes something to be done when the call has completed.
    pub(crate) fn on_complete(&self, effect: OnComplete) {
        let mut state = self.lock();
        if state.ended {
            // It goes nowhere, and must not go while the lock is held: its destructor may be anything.
            drop(state);
            return drop(effect);
        }
        state.on_complete.push(effect);
    }

    fn take_on_complete(&self) -> Vec<OnComplete> {
        std::mem::take(&mut self.lock().on_complete)
    }

    fn set_driver(&self, waker: &Waker) {
        let mut state = self.lock();
        match &mut state.driver {
            Some(driver) => driver.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Shows what a run that starts over must know.
    fn with_memory<T>(&self, see: impl FnOnce(Option<(&Memory, &Reports)>) -> T) -> T {
        let CallState { journal, reports, .. } = &mut *self.lock();
        journal.with_memory(|memory| see(memory.map(|memory| (memory, &*reports))))
    }

    /// Whether it may run again from the top.
    fn remembers(&self) -> bool {
        self.lock().journal.remembers()
    }

    /// Ends a round with questions. Says so, if the call runs again and does not ask what it had asked.
    fn end_round(&self, name: &str) -> Option<String> {
        let (answered, asks) = self.lock().journal.end_round()?;
        Some(format!(
            "`{name}` ran again and did not ask what it had asked before, so that the answer cannot reach it: it asked \
             {answered}, and now asks {asks}. What differs from one run to the next (time, randomness, what is read \
             elsewhere) belongs into `ctx.step(..)`; a question that is the same all the same can be named, `.key(\"..\")`"
        ))
    }

    pub(crate) fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Asks, or looks for the answer. `id` remembers the question between polls.
    pub(crate) fn poll_answer(
        &self,
        id: &mut Option<QuestionId>,
        question: impl FnOnce() -> Question,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Answered> {
        let mut state = self.lock();
        if state.ended {
            return Poll::Ready(Err(call_ended()));
        }
        let mut is_new = false;
        let asked = match *id {
            Some(asked) => asked,
            None if state.gone => return Poll::Ready(Err(client_is_gone())),
            None => {
                let asked = state.journal.ask(question());
                *id = Some(asked);
                if state.wakers.is_empty() {
                    state.wakers.reserve_exact(1);
                }
                state.wakers.push(None);
                is_new = true;
                asked
            }
        };
        match state.journal.take_answer(asked) {
            Ask::Answered(answer) => Poll::Ready(answer),
            Ask::Unanswered => {
                if is_new {
                    // What was answered before needs no capability now.
                    if let Some(required) = state.missing(asked) {
                        state.journal.refuse(asked);
                        return Poll::Ready(Err(ErrorObject::missing_capability(&required)));
                    }
                    if let Some(driver) = state.driver.take() {
                        driver.wake();
                    }
                }
                state.wakers[asked.index()] = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// A request that brings answers takes the call over. What is not answered is asked again.
    fn resume(&self, round: Round, outlet: Arc<dyn Outlet>, answer_of: impl Fn(&str) -> Option<RawParams>) {
        let wakers: Vec<_> = {
            let mut state = self.lock();
            state.round = Arc::new(round);
            state.outlet = Some(outlet);
            let mut wakers = Vec::new();
            for (key, id) in state.journal.open_questions() {
                if let Some(answer) = answer_of(&key) {
                    state.journal.answer(id, Ok(answer));
                    wakers.extend(state.wakers[id.index()].take());
                }
            }
            let round = state.round.clone();
            for refused in state.journal.ask_again(&round) {
                wakers.extend(state.wakers[refused.index()].take());
            }
            wakers.extend(state.driver.take());
            wakers
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The questions that the client has not seen, as the end of a round carries them.
    fn take_input_requests(&self) -> Vec<(String, InputRequest)> {
        let mut state = self.lock();
        state.outlet = None;
        let unsent = state.journal.take_unsent();
        unsent.into_iter().map(|id| state.journal.input_request(id)).collect()
    }

    /// Nobody waits for this question any more.
    pub(crate) fn abandon(&self, id: QuestionId) {
        let outlet = {
            let mut state = self.lock();
            state.wakers[id.index()] = None;
            let sent = state.journal.abandon(id);
            if sent { state.outlet.clone() } else { None }
        };
        if let Some(outlet) = outlet {
            outlet.withdraw(id.index());
        }
    }

    /// The questions that the client has, as it must be told of them.
    fn open_requests(&self) -> Vec<(String, InputRequest)> {
        let mut state = self.lock();
        let open = state.journal.open_questions();
        open.into_iter().map(|(_, id)| state.journal.input_request(id)).collect()
    }

    /// Marks the questions that the client has not seen as seen. Whether there were any.
    fn takes_unsent(&self) -> bool {
        !self.lock().journal.take_unsent().is_empty()
    }

    /// Brings in answers to open questions. Whether there were any.
    fn take_answers(&self, answer_of: impl Fn(&str) -> Option<RawParams>) -> bool {
        let open = self.lock().journal.open_questions();
        let mut any = false;
        for (key, id) in open {
            if let Some(answer) = answer_of(&key) {
                self.answer(id, Ok(answer));
                any = true;
            }
        }
        any
    }

    fn set_outlet(&self, outlet: Arc<dyn Outlet>) {
        self.lock().outlet = Some(outlet);
    }

    fn wake_driver(&self) {
        let driver = self.lock().driver.take();
        driver.into_iter().for_each(Waker::wake);
    }

    /// Brings in an answer and wakes whoever waits for it.
    fn answer(&self, id: QuestionId, answer: Answered) {
        let wakers = {
            let mut state = self.lock();
            state.journal.answer(id, answer);
            let asker = state.wakers.get_mut(id.index()).and_then(Option::take);
            // The driver may be another one than the asker, and its limits count again.
            [asker, state.driver.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Ends the call: whoever still asks gets an error, spawned work is told to stop.
    pub(crate) fn end(&self) {
        let (wakers, effects) = {
            let mut state = self.lock();
            state.ended = true;
            state.outlet = None;
            state.journal.close();
            let wakers: Vec<_> = state.wakers.iter_mut().filter_map(Option::take).collect();
            (wakers, std::mem::take(&mut state.on_complete))
        };
        // What they hold goes without the lock: its destructors may be anything.
        drop(effects);
        self.cancelled.cancel();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl CallState {
    /// What the client would have to declare to be asked this.
    fn missing(&self, question: QuestionId) -> Option<ClientCapabilities> {
        (self.journal.question(question).required)(self.round.capabilities())
    }
}

/// A name in the body of a step.
fn named_in(within: Option<&StepKey>, name: &str) -> String {
    match within {
        Some(step) => format!("{}/{name}", step.as_text()),
        None => name.to_owned(),
    }
}

fn client_is_gone() -> ErrorObject {
    ErrorObject::new(ErrorCode::InternalError, "the client is gone, so it can no longer be asked")
}

fn call_ended() -> ErrorObject {
    ErrorObject::new(ErrorCode::InternalError, "the call has ended, so the client can no longer be asked")
}

/// Lets a call that is not finished be cancelled from outside.
pub(crate) struct Cancel {
    abort: Abort,
    call: Option<Arc<Call>>,
}

/// What is aborted.
enum Abort {
    Task(AbortHandle),
    /// Several requests may wait for one call; the number is ours.
    Seat(Arc<ticket::Seat>, u64),
    /// The same, for a call that waits for a store.
    Later(Arc<rounds::Later>, u64),
}

impl Cancel {
    fn task(abort: AbortHandle, call: Option<Arc<Call>>) -> Self {
        Self { abort: Abort::Task(abort), call }
    }

    fn seat(seat: Arc<ticket::Seat>, number: u64) -> Self {
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
            state.journal.fail_open(&client_is_gone());
            state.wakers.iter_mut().filter_map(Option::take).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Parameters as raw JSON; what the engine carries without reading it.
pub(crate) type RawParams = Box<RawValue>;

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::protocol::{Extensions, RequestId, ServerNotification};

    struct Nowhere;

    impl Outlet for Nowhere {
        fn notify(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }

        fn request(&self, _: usize, _: &'static str, _: RawParams, _: crate::protocol::OnAnswer) {}

        fn withdraw(&self, _: usize) {}
    }

    pub(super) fn round() -> Round {
        Round {
            request_id: RequestId::Number(1),
            meta: None,
            client: Client::Known(Arc::default()),
            progress_token: None,
            log_level: None,
            extensions: Extensions::new(),
            decoded: Default::default(),
        }
    }

    fn call() -> Arc<Call> {
        Call::new(round(), Arc::new(Nowhere), None)
    }

    fn poll(call: &Call, id: &mut Option<QuestionId>) -> Poll<Answered> {
        let question = || Question {
            method: "roots/list",
            params: RawValue::NULL.to_owned(),
            key: None,
            within: None,
            required: |_| None,
        };
        call.poll_answer(id, question, &mut TaskContext::from_waker(Waker::noop()))
    }

    #[test]
    fn when_a_call_ends_its_questions_fail_and_can_still_be_dropped() {
        let call = call();
        let mut id = None;
        assert!(poll(&call, &mut id).is_pending());
        call.end();
        assert!(matches!(poll(&call, &mut id), Poll::Ready(Err(_))));
        assert!(matches!(poll(&call, &mut None), Poll::Ready(Err(_))), "a question after the end fails too");
        call.abandon(id.expect("it was asked"));
        assert!(call.cancelled().is_cancelled());
    }

    #[test]
    fn progress_only_grows() {
        let call = call();
        let moved: Vec<_> = [1.0, 1.0, 0.5, 2.0, f64::NAN].into_iter().map(|progress| call.advance(progress)).collect();
        assert_eq!(moved, [true, false, false, true, false]);
    }
}
