//! Drives one call over its rounds, and between them: the *parked* carrier, where the future stays,
//! suspended, and the retry that brings the answers polls it on. The code before a question runs
//! once. A call that is not to be parked is dropped at the end of its round.

use std::future::{Future as _, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::claim::Grant;
use super::outcomes::RememberedOutcome;
use super::rounds::{Begun, Belongs, RoundPolicy, Settled, Shared, millis, now, settle};
use super::state::State;
use super::tasks::RunsTasks;
use super::ticket::{Registration, Seat, SeatState};
use super::{Call, Cancel, Finished, Outcome, Reply, Running, after, spawn};
use crate::protocol::{BoxFuture, ErrorCode, ErrorObject, InputRequiredResult};

/// What its task, its timer, the tables and small texts add to a parked call, about, in bytes.
const OVERHEAD: usize = 3 << 10;

/// For how long a round waits for a step, or for a question to be given up that was given up before.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls one call.
pub(super) struct Driver {
    shared: Arc<Shared>,
    // Before the registration, which gives the ticket back: nothing of the call runs any more then.
    running: Running,
    registration: Registration,
    seat: Arc<Seat>,
    belongs: Belongs,
    policy: RoundPolicy,
}

/// How the polling of a round ended.
enum Stop {
    Finished(Finished),
    Asks,
    /// It goes on as a task.
    TakesLong(Arc<dyn RunsTasks>),
    /// Nobody came back in time.
    Expired,
}

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        running: Running,
        call: Arc<Call>,
        belongs: Belongs,
        policy: RoundPolicy,
        state: SeatState,
    ) -> Self {
        let id = call.id();
        let seat = Seat::new(call, state);
        let (tickets, counters) = (Arc::downgrade(&shared.tickets), shared.counters.clone());
        let registration = Registration { tickets, counters, id, seat: seat.clone() };
        Self { shared, registration, running, seat, belongs, policy }
    }

    /// Goes on after the first poll: the round ends at once, or somebody waits for its end.
    pub(super) fn begin(self, reply: impl FnOnce() -> Reply, grant: Option<Grant>) -> Begun {
        if self.may_end_round() { self.end_first_round(grant).begun(reply) } else { self.wait(reply(), grant) }
    }

    /// Somebody waits for the end of the round.
    fn wait(self, reply: Reply, grant: Option<Grant>) -> Begun {
        let seat = self.seat.clone();
        let number = {
            let mut state = seat.lock();
            state.grant = grant;
            state.open(reply)
        };
        self.spawn();
        Begun::Running(Cancel::seat(seat, number))
    }

    /// The round ends at once.
    fn end_first_round(self, grant: Option<Grant>) -> Settled {
        let outcome = self.ask(&mut self.seat.lock());
        if self.is_parked_by(&outcome) {
            let (shared, id, size) = (self.shared.clone(), self.registration.id, self.size(&outcome));
            let seat = self.seat.clone();
            self.spawn();
            shared.tickets.park(id, &seat, size, &shared.limits, &shared.counters);
        } else {
            // Here it goes in the task of the connection, which a destructor must not take along.
            _ = catch_unwind(AssertUnwindSafe(|| drop(self)));
        }
        settle(grant, outcome)
    }

    fn spawn(self) {
        let (shared, seat, id) = (self.shared.clone(), self.seat.clone(), self.registration.id);
        shared.tickets.insert(id, seat.clone());
        let driver = spawn(Box::pin(self.run())).abort_handle();
        shared.tickets.started(&id, &seat, driver);
    }

    // Calls wait in it by the thousands: what it seldom needs is kept apart from it.
    async fn run(mut self) {
        loop {
            let end = match self.poll_round().await {
                Stop::Finished(finished) => self.finish(finished),
                Stop::Expired => {
                    self.shared.counters.expired.add(1);
                    let name = &*self.belongs.name;
                    tracing::debug!(name, "a parked call was dropped: no answers came in time");
                    return;
                }
                Stop::TakesLong(tasks) => {
                    let Self { shared, registration, running, seat, belongs, .. } = self;
                    let outcome = tasks.create(running, seat.call.clone(), belongs.owner).await;
                    end_last_round(shared, registration, RememberedOutcome::new(outcome))
                }
                Stop::Asks => {
                    let outcome = self.ask(&mut self.seat.lock());
                    let size = self.is_parked_by(&outcome).then(|| self.size(&outcome));
                    let outcome = RememberedOutcome::new(outcome);
                    if size.is_some() {
                        if let Some(kept) = keep(&self.registration, &outcome) {
                            _ = kept.await;
                        }
                        hand_over(&self.shared, &self.registration, outcome, size);
                        continue;
                    }
                    let Self { shared, registration, running, .. } = self;
                    // Before the reply is out: the retry may come at once.
                    drop(running);
                    end_last_round(shared, registration, outcome)
                }
            };
            if let Some(end) = end {
                end.await;
            }
            return;
        }
    }

    /// The call is over. What is left to wait for, if there is something.
    fn finish(self, finished: Finished) -> Option<BoxFuture<'static, ()>> {
        let Self { shared, registration, running, seat, policy, .. } = self;
        drop(running);
        let outcome = RememberedOutcome::new(Outcome::Complete(finished));
        let is_early = {
            let mut state = seat.lock();
            if !state.open {
                state.early = Some(outcome.clone());
            }
            !state.open
        };
        if is_early {
            // It is there for as long as its ticket is good: the next retry takes it, and ends this task.
            let (limits, counters) = (&shared.limits, &shared.counters);
            shared.tickets.park(registration.id, &seat, OVERHEAD + outcome.size(), limits, counters);
            let time = if policy.resume.remembers() { limits.state_time } else { limits.parked_time };
            return Some(Box::pin(async move {
                sleep_until(after(time)).await;
                drop(registration);
            }));
        }
        end_last_round(shared, registration, outcome)
    }

    /// Polls until the call is finished, asks in an open round, or waits for too long.
    async fn poll_round(&mut self) -> Stop {
        let mut deadline = pin!(sleep_until(self.deadline()));
        let mut long: Option<Pin<Box<Sleep>>> = None;
        let mut patience: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|cx| {
            // In this order: answers that come in between wake it again.
            self.seat.call.set_driver(cx.waker());
            self.seat.lock().fresh = false;
            if let Poll::Ready(finished) = Pin::new(&mut self.running).poll(cx) {
                return Poll::Ready(Stop::Finished(finished));
            }
            let mut state = self.seat.lock();
            if state.open {
                // Answers that came in just now are looked at first.
                if state.fresh {
                    return Poll::Pending;
                }
                if self.may_end_round() {
                    return Poll::Ready(Stop::Asks);
                }
                if self.waits_for_itself() {
                    let patience = patience.get_or_insert_with(|| Box::pin(sleep_until(after(PATIENCE))));
                    if patience.as_mut().poll(cx).is_ready() {
                        let name = &*self.belongs.name;
                        tracing::warn!(name, "a round ends although a step or a question holds it up: for too long");
                        self.seat.call.release_held();
                        return Poll::Ready(Stop::Asks);
                    }
                }
                let Some(time) = self.policy.task_after else { return Poll::Pending };
                let long = long.get_or_insert_with(|| Box::pin(sleep_until(after(time))));
                if long.as_mut().poll(cx).is_ready()
                    && let Some(tasks) = self.shared.tasks.with_room()
                {
                    return Poll::Ready(Stop::TakesLong(tasks.clone()));
                }
                return Poll::Pending;
            }
            // Between rounds only: while a request waits, the call may take its time.
            if deadline.as_mut().poll(cx).is_ready() {
                state.gone = true;
                return Poll::Ready(Stop::Expired);
            }
            Poll::Pending
        })
        .await
    }

    fn deadline(&self) -> Instant {
        after(self.shared.limits.parked_time)
    }

    /// Whether there is something to ask, and nothing that must be waited for. A call that is not
    /// parked is dropped at the end of its round: its steps are done before that.
    fn may_end_round(&self) -> bool {
        let call = &self.seat.call;
        call.has_unsent() && (self.policy.resume.parks() || !call.is_in_step())
    }

    /// Whether only a step, or a question that an earlier run gave up, keeps the round from ending.
    fn waits_for_itself(&self) -> bool {
        let call = &self.seat.call;
        call.has_held() || call.has_unsent()
    }

    /// Whether the future stays after this outcome.
    fn is_parked_by(&self, outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::InputRequired(_)) && self.policy.resume.parks()
    }

    /// About how much memory the call holds while it waits.
    fn size(&self, outcome: &Outcome) -> usize {
        OVERHEAD + size_of::<Self>() + self.running.size() + self.belongs.bound.capacity() + outcome.size()
    }

    /// The outcome of a round that ends with questions.
    fn ask(&self, state: &mut SeatState) -> Outcome {
        let name = &*self.belongs.name;
        let limits = &self.shared.limits;
        let failed = |message: String| {
            tracing::error!(name, "{message}");
            Outcome::Complete(Err(ErrorObject::new(ErrorCode::InternalError, message)))
        };
        if let Some(problem) = self.seat.call.end_round(name) {
            return failed(problem);
        }
        if state.round >= limits.rounds {
            return failed(format!(
                "`{name}` asked in more than {} rounds; ask what does not depend on each other at the same time, \
                 or allow more rounds with `Server::max_rounds`",
                limits.rounds
            ));
        }
        state.round += 1;
        state.opened_by = None;
        let input_requests = self.seat.call.take_input_requests();
        let call = &self.seat.call;
        let time = if call.remembers() { limits.state_time } else { limits.parked_time };
        let expires = now().saturating_add(millis(time));
        let content = State { call: self.registration.id, round: state.round, expires };
        let write = |out: &mut Vec<u8>| call.with_memory(|memory| content.encode(memory, out));
        match self.shared.seal.seal(&self.belongs.bound, write) {
            None => {
                failed(format!("the state of `{name}` could not be sealed: the operating system has no randomness"))
            }
            Some(sealed) if sealed.len() > limits.state_bytes => failed(format!(
                "the state of `{name}` would be {} bytes long, and {} are allowed: keep less in the results of its steps, \
                 ask for shorter answers, allow more with `Server::max_state_bytes`, or keep it in memory alone with \
                 `resume = \"parked\"`",
                sealed.len(),
                limits.state_bytes
            )),
            Some(sealed) => Outcome::InputRequired(InputRequiredResult { input_requests, request_state: Some(sealed) }),
        }
    }
}

/// Keeps the outcome of a round, if it has answers behind it. What is left to wait for, if there is
/// something.
fn keep(registration: &Registration, outcome: &Arc<RememberedOutcome>) -> Option<JoinHandle<()>> {
    let grant = registration.seat.lock().grant.take();
    grant?.commit(outcome.clone())
}

/// Hands over the outcome of a round, which is kept. A call that goes on is parked, with this size.
fn hand_over(shared: &Shared, registration: &Registration, outcome: Arc<RememberedOutcome>, size: Option<usize>) {
    let mut replies = {
        let mut state = registration.seat.lock();
        // Parked before the reply is out: the retry may come at once.
        match size {
            Some(size) => {
                let seat = &registration.seat;
                shared.tickets.park(registration.id, seat, size, &shared.limits, &shared.counters);
            }
            // The retry must not find it.
            None => state.gone = true,
        }
        state.end_round()
    };
    let Some(last) = replies.pop() else { return };
    for reply in replies {
        reply(outcome.outcome());
    }
    last(outcome.into_outcome());
}

/// Hands over the outcome of a round after which nothing of the call stays here. What is left to wait
/// for, if there is something.
fn end_last_round(
    shared: Arc<Shared>,
    registration: Registration,
    outcome: Arc<RememberedOutcome>,
) -> Option<BoxFuture<'static, ()>> {
    let Some(kept) = keep(&registration, &outcome) else {
        hand_over(&shared, &registration, outcome, None);
        return None;
    };
    Some(Box::pin(async move {
        _ = kept.await;
        hand_over(&shared, &registration, outcome, None);
    }))
}
