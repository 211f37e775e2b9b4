//! One call over all of its rounds: what its context and its driver share.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use foldhash::HashMap;
use smallvec::SmallVec;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::journal::{Ask, Journal, Known, Memory, Question, QuestionId, Step, StepKey};
use super::state::{CallId, Reports};
use super::{RawParams, Resume, Round, digest};
use crate::protocol::{
    Answered, BoxFuture, ClientCapabilities, ErrorCode, ErrorObject, InputRequest, Members, Outlet, Raw,
};
use crate::telemetry::{Left, Trail};

/// One call over all of its rounds: what its `Context` and its driver share.
pub(crate) struct Call {
    /// Made when it is first needed.
    id: OnceLock<CallId>,
    state: Mutex<CallState>,
    cancelled: CancellationToken,
}

pub(super) struct CallState {
    pub(super) journal: Journal,
    /// One for each question of the journal that somebody waits for.
    pub(super) wakers: Vec<Option<Waker>>,
    pub(super) driver: Option<Waker>,
    /// Where its driver rests, if it does.
    rests_in: Option<Weak<dyn Rests>>,
    /// Its future was woken since it was last polled without a driver that can be woken.
    is_woken: bool,
    pub(super) round: Arc<Round>,
    /// The way to the client, while a round is open.
    pub(super) outlet: Option<Arc<dyn Outlet>>,
    /// The span of the request that drives it.
    pub(super) trail: Trail,
    /// What the client has heard.
    pub(super) reports: Reports,
    /// What it has heard of an earlier run and this one has not said yet: digests of log messages.
    pub(super) said: Vec<u32>,
    /// How often something was derived from the id, for each purpose.
    pub(super) derived: HashMap<String, usize>,
    /// What is to be done when the call has completed.
    pub(super) on_complete: Vec<OnComplete>,
    pub(super) ended: bool,
    /// The client has gone for good, and with it whoever could answer.
    pub(super) gone: bool,
}

/// Something to be done when a call has completed.
pub(crate) type OnComplete = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// Whether this can be an answer: every result is an object. Anything else counts as missing.
pub(super) fn is_result(answer: Raw<'_>) -> bool {
    answer.is_object()
}

/// More log messages of a call than these are not remembered from one run to the next.
const LOGS_REMEMBERED: usize = 1_000;

impl Call {
    /// A call that begins. `resume` says how it goes on after a round, where it takes rounds.
    pub(crate) fn new(round: Round, outlet: Arc<dyn Outlet>, resume: Option<Resume>) -> Arc<Self> {
        let keeps = resume.is_some_and(Resume::remembers);
        let journal = if keeps { Journal::keeping() } else { Journal::default() };
        Self::with(journal, round, outlet, Reports::default(), OnceLock::new())
    }

    /// Answers that came with the first request. Those that fit no question that is asked go nowhere.
    pub(crate) fn bring_early(&self, answers: Option<&Members<'_>>) {
        let Some(answers) = answers else { return };
        let results = answers.iter().filter(|(_, answer)| is_result(*answer));
        self.lock().journal.bring_early(results.map(|(key, answer)| (key.to_owned(), answer.to_raw_value())));
    }

    /// A call that runs again, with what is remembered of it and the answers that came since.
    pub(super) fn again(
        id: CallId,
        round: Round,
        outlet: Arc<dyn Outlet>,
        memory: Memory,
        reports: Reports,
        answer_of: impl Fn(&str) -> Option<RawParams>,
    ) -> Arc<Self> {
        let journal = Journal::again(memory, answer_of);
        Self::with(journal, round, outlet, reports, OnceLock::from(id))
    }

    pub(super) fn with(
        journal: Journal,
        round: Round,
        outlet: Arc<dyn Outlet>,
        reports: Reports,
        id: OnceLock<CallId>,
    ) -> Arc<Self> {
        let state = CallState {
            journal,
            wakers: Vec::new(),
            driver: None,
            rests_in: None,
            is_woken: false,
            round: Arc::new(round),
            outlet: Some(outlet),
            trail: Trail::begin(),
            said: reports.logs.clone(),
            reports,
            derived: HashMap::default(),
            on_complete: Vec::new(),
            ended: false,
            gone: false,
        };
        let call = Arc::new(Self { id, state: Mutex::new(state), cancelled: CancellationToken::new() });
        call.is_heard();
        call
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

    pub(super) fn lock(&self) -> MutexGuard<'_, CallState> {
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

    /// The span of the request that drives it; none between rounds and after the end.
    pub(super) fn span(&self) -> Span {
        self.lock().trail.span()
    }

    /// Goes on in another span.
    pub(super) fn change_span(self: &Arc<Self>, span: Span) {
        let before = self.lock().trail.change(span);
        drop(before);
        self.is_heard();
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.lock().journal.has_unsent()
    }

    /// Whether it has asked its client something, in this run.
    pub(crate) fn has_asked(&self) -> bool {
        self.lock().journal.has_asked()
    }

    /// Whether somebody waits for an answer of the client.
    pub(super) fn waits_for_client(&self) -> bool {
        self.lock().wakers.iter().any(Option::is_some)
    }

    /// What progress was before, if `progress` moves on; a client must never see it fall or stand still.
    pub(crate) fn advance(&self, progress: f64) -> Option<f64> {
        let mut state = self.lock();
        let moves = progress > state.reports.progress;
        moves.then(|| std::mem::replace(&mut state.reports.progress, progress))
    }

    /// What was to be told of progress could not be: the client knows what it knew before.
    pub(crate) fn take_back(&self, progress: f64, previous: f64) {
        let mut state = self.lock();
        #[expect(clippy::float_cmp, reason = "whether it is the one that was set")]
        if state.reports.progress == progress {
            state.reports.progress = previous;
        }
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
    pub(super) fn is_in_step(&self) -> bool {
        self.lock().journal.is_in_step()
    }

    /// Whether there are questions that an earlier run gave up.
    pub(super) fn has_held(&self) -> bool {
        self.lock().journal.has_held()
    }

    pub(super) fn release_held(&self) {
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
        digest::derived(&self.id(), &purpose, occurrence as u64)
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

    pub(super) fn take_on_complete(&self) -> Vec<OnComplete> {
        std::mem::take(&mut self.lock().on_complete)
    }

    /// Notes who polls it, which is not for the first time, and is about to do so.
    pub(super) fn set_driver(&self, waker: &Waker) {
        let mut state = self.lock();
        state.journal.polled_again();
        match &mut state.driver {
            Some(driver) => driver.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// It is about to be polled, and not for the first time, by whoever need not be woken.
    pub(super) fn polled_in_place(&self) {
        let mut state = self.lock();
        state.journal.polled_again();
        state.is_woken = false;
    }

    /// Whether its driver may rest there, since nothing has woken the future.
    pub(super) fn rest_in(&self, place: Weak<dyn Rests>) -> bool {
        let mut state = self.lock();
        if !state.is_woken {
            state.rests_in = Some(place);
        }
        !state.is_woken
    }

    /// Shows what a run that starts over must know.
    pub(super) fn with_known<T>(&self, see: impl FnOnce(Option<(&Known<'_>, &Reports)>) -> T) -> T {
        let CallState { journal, reports, .. } = &mut *self.lock();
        see(journal.known().as_ref().map(|known| (known, &*reports)))
    }

    /// Whether it may run again from the top.
    pub(super) fn remembers(&self) -> bool {
        self.lock().journal.remembers()
    }

    /// Ends a round with questions. Says so, if the call runs again and does not ask what it had asked.
    pub(super) fn end_round(&self, name: &str) -> Option<String> {
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

    /// A request that brings answers takes the call over. What is not answered is asked again. What comes back is to be
    /// settled where no lock is held.
    pub(super) fn resume(
        self: &Arc<Self>,
        round: Round,
        outlet: Arc<dyn Outlet>,
        answer_of: impl Fn(&str) -> Option<RawParams>,
    ) -> Resumed {
        let next = Trail::begin();
        let (wakers, left, last) = {
            let mut state = self.lock();
            let left = state.trail.go_on(next);
            // Most often nobody else has the last round, and its place serves again.
            let last = match Arc::get_mut(&mut state.round) {
                Some(place) => (Some(std::mem::replace(place, round)), None),
                None => (None, Some(std::mem::replace(&mut state.round, Arc::new(round)))),
            };
            state.outlet = Some(outlet);
            // Whoever brings the answers polls it, if it rests.
            state.rests_in = None;
            let mut wakers: SmallVec<[Waker; 2]> = SmallVec::new();
            for id in state.journal.open_questions() {
                if let Some(answer) = answer_of(state.journal.key(id)) {
                    state.journal.answer(id, Ok(answer));
                    wakers.extend(state.wakers[id.index()].take());
                }
            }
            let round = state.round.clone();
            for refused in state.journal.ask_again(&round) {
                wakers.extend(state.wakers[refused.index()].take());
            }
            wakers.extend(state.driver.take());
            (wakers, left, last)
        };
        Resumed { call: self.clone(), wakers, left, _last: last }
    }

    /// The questions that the client has not seen, as the end of a round carries them.
    pub(super) fn take_input_requests(&self) -> Vec<(String, InputRequest)> {
        let mut state = self.lock();
        state.outlet = None;
        let span = state.trail.change(Span::none());
        let unsent = state.journal.take_unsent();
        let requests = unsent.into_iter().map(|id| state.journal.input_request(id)).collect();
        drop(state);
        drop(span);
        requests
    }

    /// Nobody waits for this question any more.
    pub(crate) fn abandon(&self, id: QuestionId) {
        let (outlet, driver) = {
            let mut state = self.lock();
            state.wakers[id.index()] = None;
            let abandoned = state.journal.abandon(id);
            let outlet = if abandoned.is_sent { state.outlet.clone() } else { None };
            // A round may end with what was held back.
            (outlet, if abandoned.releases { state.driver.take() } else { None })
        };
        driver.into_iter().for_each(Waker::wake);
        if let Some(outlet) = outlet {
            outlet.withdraw(id.index());
        }
    }

    /// The questions that the client has, as it must be told of them.
    pub(super) fn open_requests(&self) -> Vec<(String, InputRequest)> {
        let mut state = self.lock();
        let open = state.journal.open_questions();
        open.into_iter().map(|id| state.journal.input_request(id)).collect()
    }

    /// Marks the questions that the client has not seen as seen. Whether there were any.
    pub(super) fn takes_unsent(&self) -> bool {
        !self.lock().journal.take_unsent().is_empty()
    }

    /// Brings in answers to open questions. Whether there were any.
    pub(super) fn take_answers(&self, answer_of: impl Fn(&str) -> Option<RawParams>) -> bool {
        let open = self.lock().journal.open_questions();
        let mut any = false;
        for id in open {
            let answer = answer_of(self.lock().journal.key(id));
            if let Some(answer) = answer {
                self.answer(id, Ok(answer));
                any = true;
            }
        }
        any
    }

    pub(super) fn set_outlet(&self, outlet: Arc<dyn Outlet>) {
        self.lock().outlet = Some(outlet);
    }

    pub(super) fn wake_driver(&self) {
        let driver = self.lock().driver.take();
        driver.into_iter().for_each(Waker::wake);
    }

    /// Brings in an answer and wakes whoever waits for it.
    pub(super) fn answer(&self, id: QuestionId, answer: Answered) {
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
        let (wakers, effects, span) = {
            let mut state = self.lock();
            state.ended = true;
            state.outlet = None;
            let span = state.trail.change(Span::none());
            state.journal.close();
            let wakers: Vec<_> = state.wakers.iter_mut().filter_map(Option::take).collect();
            (wakers, std::mem::take(&mut state.on_complete), span)
        };
        // What they hold goes without the lock: its destructors may be anything.
        drop((effects, span));
        self.cancelled.cancel();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// What is left to do when a request has taken a call over: code of others runs then.
#[must_use]
pub(super) struct Resumed {
    call: Arc<Call>,
    wakers: SmallVec<[Waker; 2]>,
    left: Left,
    _last: (Option<Round>, Option<Arc<Round>>),
}

impl Resumed {
    pub(super) fn settle(self) {
        self.left.settle();
        self.call.is_heard();
        self.wakers.into_iter().for_each(Waker::wake);
    }
}

/// Where the driver of a call may rest.
pub(super) trait Rests: Send + Sync {
    /// Something has woken its future: it rests no longer.
    fn rouse(&self);
}

/// Where a future is polled in place it is woken by its call, which knows who drives it by then.
impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let (driver, rests_in) = {
            let mut state = self.lock();
            state.is_woken = true;
            (state.driver.take(), state.rests_in.take())
        };
        if let Some(place) = rests_in.and_then(|place| place.upgrade()) {
            place.rouse();
        }
        driver.into_iter().for_each(Waker::wake);
    }
}

impl CallState {
    /// What the client would have to declare to be asked this.
    pub(super) fn missing(&self, question: QuestionId) -> Option<ClientCapabilities> {
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

pub(super) fn client_is_gone() -> ErrorObject {
    ErrorObject::new(ErrorCode::InternalError, "the client is gone, so it can no longer be asked")
}

pub(super) fn call_ended() -> ErrorObject {
    ErrorObject::new(ErrorCode::InternalError, "the call has ended, so the client can no longer be asked")
}

#[cfg(test)]
pub(super) mod tests;
