//! Drives one call over its rounds, and between them: the *parked* carrier, where the future stays,
//! suspended, and the retry that brings the answers polls it on. The code before a question runs
//! once. A call that is not to be parked is dropped at the end of its round.

use std::future::{Future as _, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::call::Rests;
use super::claim::Grant;
use super::outcomes::RememberedOutcome;
use super::rounds::{Begun, Belongs, RoundPolicy, Settled, Shared, millis, now, settle};
use super::seat::{Resting, Seat, SeatState};
use super::state::State;
use super::tasks::RunsTasks;
use super::ticket::Registration;
use super::{Call, Cancel, Finished, Outcome, Reply, Running, after, spawn};
use crate::protocol::{BoxFuture, ErrorCode, ErrorObject, InputRequiredResult};

/// What the tables, small texts and what allocates them add to a parked call, about, in bytes.
const OVERHEAD: usize = 1 << 10;

/// For how long a round waits for a step, or for a question to be given up that was given up before.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls one call.
pub(super) struct Driver {
    // Before the registration, which gives the ticket back: nothing of the call runs any more then.
    running: Running,
    registration: Registration,
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
        let registration = Registration { shared, id, seat };
        Self { registration, running, belongs, policy }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.registration.shared
    }

    fn seat(&self) -> &Arc<Seat> {
        &self.registration.seat
    }

    /// Goes on after the first poll: the round ends at once, or somebody waits for its end.
    pub(super) fn begin(self, reply: impl FnOnce() -> Reply, grant: Option<Grant>) -> Begun {
        if self.may_end_round() { self.end_first_round(grant).begun(reply) } else { self.wait(reply(), grant) }
    }

    /// Goes on after a rest: the answers of a retry are there, which waits under this number.
    pub(super) fn go_on(mut self, number: u64, reply: impl FnOnce() -> Reply) -> Begun {
        let seat = self.seat().clone();
        seat.call.polled_in_place();
        seat.lock().fresh = false;
        let waker = seat.call.clone().into();
        let outcome = match Pin::new(&mut self.running).poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(finished) => Outcome::Complete(finished),
            Poll::Pending if self.may_end_round() => self.ask(&mut seat.lock()),
            Poll::Pending => {
                seat.lock().waits_for(number, reply());
                self.take_a_task();
                return Begun::Running(Cancel::seat(seat, number));
            }
        };
        let grant = seat.lock().grant.take();
        let others = self.leave(&outcome);
        // Nobody knows the next ticket before this.
        match settle(grant, outcome) {
            Settled::Kept(outcome) => {
                others.into_iter().for_each(|reply| reply(outcome.clone()));
                Begun::Ended(outcome)
            }
            Settled::Soon(kept, outcome) => {
                let reply = reply();
                spawn(Box::pin(async move {
                    _ = kept.await;
                    others.into_iter().for_each(|reply| reply(outcome.outcome()));
                    reply(outcome.into_outcome());
                }));
                // What was done is done: there is nothing left to cancel.
                Begun::Running(Cancel::seat(seat, number))
            }
        }
    }

    /// Somebody waits for the end of the round.
    fn wait(self, reply: Reply, grant: Option<Grant>) -> Begun {
        let seat = self.seat().clone();
        let number = {
            let mut state = seat.lock();
            state.grant = grant;
            state.open(Some(reply))
        };
        self.spawn();
        Begun::Running(Cancel::seat(seat, number))
    }

    /// The first round ends at once.
    fn end_first_round(self, grant: Option<Grant>) -> Settled {
        let outcome = self.ask(&mut self.seat().lock());
        if self.is_parked_by(&outcome) {
            self.shared().tickets.insert(self.registration.id, self.seat().clone());
        }
        self.leave(&outcome);
        settle(grant, outcome)
    }

    /// The round is over with this outcome: the call rests, or nothing of it stays here. Those who wait for the outcome.
    fn leave(self, outcome: &Outcome) -> SmallVec<[Reply; 1]> {
        if !self.is_parked_by(outcome) {
            return self.end();
        }
        // Before it rests: whatever wakes it then finds the round over.
        let replies = self.seat().lock().end_round();
        let size = self.size(outcome);
        self.rest(size);
        replies
    }

    /// Waits for a retry, without a task if nothing else has woken its future.
    fn rest(self, size: usize) {
        let (shared, seat, id) = (self.shared().clone(), self.seat().clone(), self.registration.id);
        // Before anybody finds it at rest, who may have more to say of that.
        shared.tickets.park_resting(id, &seat, size, &shared.limits, &shared.counters);
        let runtime = Handle::current();
        let not_resting = {
            let mut state = seat.lock();
            if !state.gone && seat.call.rest_in(Arc::downgrade(&seat) as Weak<dyn Rests>) {
                state.resting = Some(Resting { driver: self, runtime });
                None
            } else {
                Some((self, state.gone))
            }
        };
        match not_resting {
            None => {}
            Some((driver, false)) => driver.take_a_task(),
            // It was evicted just now, or others have it.
            Some((driver, true)) => drop(driver.end()),
        }
    }

    /// Nothing of the call stays here. Those who wait for its outcome.
    fn end(self) -> SmallVec<[Reply; 1]> {
        let Self { registration, running, .. } = self;
        let seat = registration.seat.clone();
        // Here it goes in the task of the connection, which a destructor must not take along.
        drop_caught(running);
        let replies = {
            let mut state = seat.lock();
            // The retry must not find it.
            state.gone = true;
            state.end_round()
        };
        drop(registration);
        replies
    }

    fn spawn(self) {
        self.shared().tickets.insert(self.registration.id, self.seat().clone());
        self.take_a_task();
    }

    /// From here on a task polls it, whatever wakes it.
    pub(super) fn take_a_task(self) {
        let (shared, seat, id) = (self.shared().clone(), self.seat().clone(), self.registration.id);
        let driver = spawn(Box::pin(self.run())).abort_handle();
        shared.tickets.started(&id, &seat, driver);
    }

    // Calls may wait in it by the thousands: what it seldom needs is kept apart from it.
    async fn run(mut self) {
        loop {
            let end = match self.poll_round().await {
                Stop::Finished(finished) => self.finish(finished),
                Stop::Expired => {
                    self.shared().counters.expired.add(1);
                    let name = &*self.belongs.name;
                    tracing::debug!(name, "a parked call was dropped: no answers came in time");
                    return;
                }
                Stop::TakesLong(tasks) => {
                    let Self { registration, running, belongs, .. } = self;
                    let outcome = tasks.create(running, registration.seat.call.clone(), belongs.owner).await;
                    end_last_round(registration, RememberedOutcome::new(outcome))
                }
                Stop::Asks => {
                    let outcome = self.ask(&mut self.seat().lock());
                    let size = self.is_parked_by(&outcome).then(|| self.size(&outcome));
                    let outcome = RememberedOutcome::new(outcome);
                    if size.is_some() {
                        if let Some(kept) = keep(&self.registration, &outcome) {
                            _ = kept.await;
                        }
                        hand_over(&self.registration, outcome, size);
                        continue;
                    }
                    let Self { registration, running, .. } = self;
                    // Before the reply is out: the retry may come at once.
                    drop(running);
                    end_last_round(registration, outcome)
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
        let Self { registration, running, policy, .. } = self;
        let Registration { shared, seat, .. } = &registration;
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
            shared.tickets.park(registration.id, seat, OVERHEAD + outcome.size(), limits, counters);
            let time = if policy.resume.remembers() { limits.state_time } else { limits.parked_time };
            return Some(Box::pin(async move {
                sleep_until(after(time)).await;
                drop(registration);
            }));
        }
        end_last_round(registration, outcome)
    }

    /// Polls until the call is finished, asks in an open round, or waits for too long.
    async fn poll_round(&mut self) -> Stop {
        let mut deadline = pin!(sleep_until(self.deadline()));
        let mut long: Option<Pin<Box<Sleep>>> = None;
        let mut patience: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|cx| {
            // In this order: answers that come in between wake it again.
            self.seat().call.set_driver(cx.waker());
            self.seat().lock().fresh = false;
            if let Poll::Ready(finished) = Pin::new(&mut self.running).poll(cx) {
                return Poll::Ready(Stop::Finished(finished));
            }
            let mut state = self.seat().lock();
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
                        self.seat().call.release_held();
                        return Poll::Ready(Stop::Asks);
                    }
                }
                let Some(time) = self.policy.task_after else { return Poll::Pending };
                let long = long.get_or_insert_with(|| Box::pin(sleep_until(after(time))));
                if long.as_mut().poll(cx).is_ready()
                    && let Some(tasks) = self.shared().tasks.with_room()
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
        after(self.shared().limits.parked_time)
    }

    /// Whether there is something to ask, and nothing that must be waited for. A call that is not
    /// parked is dropped at the end of its round: its steps are done before that.
    fn may_end_round(&self) -> bool {
        let call = &self.seat().call;
        call.has_unsent() && (self.policy.resume.parks() || !call.is_in_step())
    }

    /// Whether only a step, or a question that an earlier run gave up, keeps the round from ending.
    fn waits_for_itself(&self) -> bool {
        let call = &self.seat().call;
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
        let limits = &self.shared().limits;
        let failed = |message: String| {
            tracing::error!(name, "{message}");
            Outcome::Complete(Err(ErrorObject::new(ErrorCode::InternalError, message)))
        };
        if let Some(problem) = self.seat().call.end_round(name) {
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
        let input_requests = self.seat().call.take_input_requests();
        let call = &self.seat().call;
        let time = if call.remembers() { limits.state_time } else { limits.parked_time };
        let expires = now().saturating_add(millis(time));
        let content = State { call: self.registration.id, round: state.round, expires };
        let write = |out: &mut Vec<u8>| call.with_known(|known| content.encode(known, out));
        match self.shared().seal.seal(&self.belongs.bound, write) {
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

/// Drops what is the user's. A destructor that panics takes nobody along.
pub(super) fn drop_caught<T>(of_user: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(of_user))).is_err() {
        tracing::error!("a destructor panicked when a call was dropped");
    }
}

/// Keeps the outcome of a round, if it has answers behind it. What is left to wait for, if there is
/// something.
fn keep(registration: &Registration, outcome: &Arc<RememberedOutcome>) -> Option<JoinHandle<()>> {
    let grant = registration.seat.lock().grant.take();
    grant?.commit(outcome.clone())
}

/// Hands over the outcome of a round, which is kept. A call that goes on is parked, with this size.
fn hand_over(registration: &Registration, outcome: Arc<RememberedOutcome>, size: Option<usize>) {
    let Registration { shared, id, seat } = registration;
    // Parked before the reply is out: the retry may come at once.
    match size {
        Some(size) => shared.tickets.park(*id, seat, size, &shared.limits, &shared.counters),
        // The retry must not find it.
        None => seat.lock().gone = true,
    }
    let mut replies = seat.lock().end_round();
    let Some(last) = replies.pop() else { return };
    for reply in replies {
        reply(outcome.outcome());
    }
    last(outcome.into_outcome());
}

/// Hands over the outcome of a round after which nothing of the call stays here. What is left to wait
/// for, if there is something.
fn end_last_round(registration: Registration, outcome: Arc<RememberedOutcome>) -> Option<BoxFuture<'static, ()>> {
    let Some(kept) = keep(&registration, &outcome) else {
        hand_over(&registration, outcome, None);
        return None;
    };
    Some(Box::pin(async move {
        _ = kept.await;
        hand_over(&registration, outcome, None);
    }))
}
