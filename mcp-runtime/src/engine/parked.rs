//! The parked carrier: the round ends with the questions, the future stays here, suspended, and
//! the retry that brings the answers polls it on. The code before the question runs once.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;
use tokio::task::AbortHandle;
use tokio::time::sleep_until;

use super::digest::{self, Digest};
use super::seal::{Binding, Opened, Seal};
use super::ticket::{Admitted, CallId, ParkingLimits, Registration, Seat, Tickets};
use super::{Call, Cancel, Finished, Outcome, Reply, Round, Running, after};
use crate::protocol::{ErrorCode, ErrorObject, InputRequiredResult, Outlet};

/// The parked calls of a server.
pub(crate) struct Parking {
    shared: Arc<Shared>,
    tickets: Arc<Tickets>,
}

struct Shared {
    server: String,
    seal: Seal,
    limits: ParkingLimits,
}

/// The request that a call belongs to; a retry must repeat it.
#[derive(Debug, Clone)]
pub(crate) struct Belongs {
    pub(crate) method: &'static str,
    pub(crate) name: String,
    pub(crate) arguments: Digest,
}

/// A request that brings answers to a call.
pub(crate) struct Retry<'a> {
    pub(crate) state: &'a str,
    /// `inputResponses` as it came.
    pub(crate) answers: Option<&'a RawValue>,
    pub(crate) round: Round,
    pub(crate) outlet: Arc<dyn Outlet>,
}

/// What a retry leads to.
pub(crate) enum Resumed {
    /// The outcome will go to the reply.
    Running(Cancel),
    /// The outcome was there already.
    Known(Outcome),
}

impl Parking {
    pub(crate) fn new(server: String, seal: Seal, limits: ParkingLimits) -> Self {
        Self { shared: Arc::new(Shared { server, seal, limits }), tickets: Arc::default() }
    }

    /// Drives a call that did not ask at its first poll. `reply` gets the outcome of the round.
    pub(crate) fn drive(&self, running: Running, call: Arc<Call>, belongs: Belongs, reply: Reply) -> Cancel {
        let driver = Driver::new(self, running, call.clone(), belongs);
        let seat = driver.seat.clone();
        let number = seat.lock().open(reply);
        let abort = self.spawn(driver);
        Cancel { abort, call: Some(call), seat: Some((seat, number)) }
    }

    /// Ends the first round of a call that asked at its first poll.
    pub(crate) fn park(&self, running: Running, call: Arc<Call>, belongs: Belongs) -> Outcome {
        let driver = Driver::new(self, running, call, belongs);
        let (id, size) = (driver.registration.id, driver.running.size());
        let outcome = driver.ask();
        self.spawn(driver);
        self.tickets.park(id, false, size, &self.shared.limits);
        outcome
    }

    /// Hands answers to a parked call.
    ///
    /// # Errors
    ///
    /// One and the same error for a state that does not open, whose call is gone, or whose
    /// ticket was used with other answers.
    pub(crate) fn retry(&self, belongs: &Belongs, retry: Retry<'_>, reply: Reply) -> Result<Resumed, ErrorObject> {
        let binding = belongs.binding(&self.shared.server);
        let opened = self.shared.seal.open(&binding, retry.state, now()).ok_or_else(refused)?;
        let (seat, abort) = self.tickets.find(&opened.call).ok_or_else(refused)?;
        let answers = digest::canonical(retry.answers.map_or("{}", RawValue::get));
        // The seat stays locked until the answers are in, so that the driver sees all or none.
        let mut state = seat.lock();
        let number = match state.retry(opened.round, answers, reply) {
            Admitted::Refused => return Err(refused()),
            Admitted::Known(outcome) => return Ok(Resumed::Known(outcome)),
            Admitted::Joined(number) => number,
            Admitted::Opened(number) => {
                if !self.tickets.unpark(&opened.call) {
                    // It was evicted just now.
                    state.take_back();
                    return Err(refused());
                }
                let given = answers_by_key(retry.answers);
                seat.call.resume(retry.round, retry.outlet, |key| given.get(key).map(|it| (*it).to_owned()));
                number
            }
        };
        drop(state);
        let call = Some(seat.call.clone());
        Ok(Resumed::Running(Cancel { abort, call, seat: Some((seat, number)) }))
    }

    fn spawn(&self, driver: Driver) -> AbortHandle {
        let id = driver.registration.id;
        self.tickets.insert(id, driver.seat.clone());
        let abort = tokio::spawn(driver.run()).abort_handle();
        self.tickets.started(&id, &abort);
        abort
    }
}

/// The answers that are objects, as every result is; anything else counts as missing.
fn answers_by_key(answers: Option<&RawValue>) -> std::collections::HashMap<String, &RawValue> {
    let Some(answers) = answers else { return Default::default() };
    let mut by_key: std::collections::HashMap<String, &RawValue> =
        serde_json::from_str(answers.get()).unwrap_or_default();
    by_key.retain(|_, answer| answer.get().starts_with('{'));
    by_key
}

impl Belongs {
    fn binding<'a>(&'a self, server: &'a str) -> Binding<'a> {
        Binding { server, method: self.method, name: &self.name, arguments: self.arguments, principal: None }
    }
}

/// One error for everything that is wrong with a state, so that it teaches an attacker nothing.
fn refused() -> ErrorObject {
    ErrorObject::invalid_params(
        "`requestState` is refused: it was not issued for this request, has expired or was used; \
         send the request again without it",
    )
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Polls one call over all of its rounds, and between them.
struct Driver {
    shared: Arc<Shared>,
    registration: Registration,
    running: Running,
    seat: Arc<Seat>,
    belongs: Belongs,
}

impl Driver {
    fn new(parking: &Parking, running: Running, call: Arc<Call>, belongs: Belongs) -> Self {
        let mut id: CallId = [0; 16];
        if let Err(error) = getrandom::fill(&mut id) {
            // Without randomness the state cannot be sealed either, so the ticket never goes out.
            tracing::error!(%error, "the operating system has no randomness");
        }
        let seat = Seat::new(call);
        let registration = Registration { tickets: Arc::downgrade(&parking.tickets), id, seat: seat.clone() };
        Self { shared: parking.shared.clone(), registration, running, seat, belongs }
    }

    async fn run(mut self) {
        let time = self.shared.limits.time;
        let finished = {
            let mut deadline = pin!(sleep_until(after(time)));
            poll_fn(|cx| {
                self.seat.lock().fresh = false;
                self.seat.call.lock().driver = Some(cx.waker().clone());
                if let Poll::Ready(finished) = Pin::new(&mut self.running).poll(cx) {
                    return Poll::Ready(Some(finished));
                }
                if self.end_round_if_it_asks() {
                    deadline.as_mut().reset(after(time));
                }
                // Between rounds only: while a request waits, the call may take its time.
                let mut state = self.seat.lock();
                if !state.open && deadline.as_mut().poll(cx).is_ready() {
                    state.gone = true;
                    return Poll::Ready(None);
                }
                Poll::Pending
            })
            .await
        };
        let Some(finished) = finished else {
            tracing::debug!(name = self.belongs.name, "a parked call was dropped: no answers came in time");
            return;
        };
        let Self { shared, registration, running, seat, .. } = self;
        drop(running);
        if Self::finish(&seat, finished) {
            // Tickets are out: whoever lost the reply may ask for it once more.
            if let Some(tickets) = registration.tickets.upgrade() {
                let size = size_of::<Self>() + seat.lock().size();
                tickets.park(registration.id, true, size, &shared.limits);
            }
            sleep_until(after(time)).await;
        }
    }

    /// Whether tickets of the call are out.
    fn finish(seat: &Seat, finished: Finished) -> bool {
        let mut state = seat.lock();
        let replies = state.finish(Outcome::Complete(finished));
        let has_tickets = state.round > 0;
        drop(state);
        for (reply, outcome) in replies {
            reply(outcome);
        }
        has_tickets
    }

    fn end_round_if_it_asks(&self) -> bool {
        let mut state = self.seat.lock();
        if !state.open || state.fresh || !self.seat.call.has_unsent() {
            return false;
        }
        let outcome = self.ask_in_round(&mut state.round);
        // Parked before the reply is out: the retry may come at once.
        if let Some(tickets) = self.registration.tickets.upgrade() {
            let size = self.running.size() + outcome.size();
            tickets.park(self.registration.id, false, size, &self.shared.limits);
        }
        let replies = state.end_round(outcome);
        drop(state);
        for (reply, outcome) in replies {
            reply(outcome);
        }
        true
    }

    fn ask(&self) -> Outcome {
        self.ask_in_round(&mut self.seat.lock().round)
    }

    fn ask_in_round(&self, round: &mut u32) -> Outcome {
        *round += 1;
        let input_requests = self.seat.call.take_input_requests();
        let expires = now().saturating_add(self.shared.limits.time.as_secs().max(1));
        let content = Opened { call: self.registration.id, round: *round, expires };
        let Some(state) = self.shared.seal.seal(&self.belongs.binding(&self.shared.server), content) else {
            let message = "the state of the call could not be sealed";
            return Outcome::Complete(Err(ErrorObject::new(ErrorCode::InternalError, message)));
        };
        Outcome::InputRequired(InputRequiredResult { input_requests, request_state: Some(state) })
    }
}
