//! Where the requests of a call and what drives it meet: who waits for its round, and where its driver rests between two.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::answers::Answers;
use super::call::Rests;
use super::claim::Grant;
use super::outcomes::RememberedOutcome;
use super::parked::{Driver, drop_caught};
use super::{Call, Reply};

/// Where retries and the driver of a call meet.
pub(super) struct Seat {
    pub(super) call: Arc<Call>,
    state: Mutex<SeatState>,
    /// There if the driver has a task.
    driver: OnceLock<AbortHandle>,
}

#[derive(Default)]
pub(super) struct SeatState {
    /// How many rounds have ended with questions; the ticket of the last one carries it.
    pub(super) round: u32,
    /// A request waits for the outcome of the round.
    pub(super) open: bool,
    /// Answers came in and the future was not polled since.
    pub(super) fresh: bool,
    /// The driver has given up the call.
    pub(super) gone: bool,
    /// Who waits, each under a number by which it can give up; without a reply who polls it in place.
    replies: SmallVec<[(u64, Option<Reply>); 1]>,
    next_reply: u64,
    /// The answers that opened the round.
    pub(super) opened_by: Option<Answers>,
    /// The ticket of the round is ours until its outcome is there.
    pub(super) grant: Option<Grant>,
    /// The call completed between rounds; the next retry gets it.
    pub(super) early: Option<Arc<RememberedOutcome>>,
    /// What drives it, if nothing is to be done before a retry comes.
    pub(super) resting: Option<Resting>,
}

/// A driver that nobody polls, and where a task would.
pub(super) struct Resting {
    pub(super) driver: Driver,
    pub(super) runtime: Handle,
}

impl SeatState {
    /// Of a call that runs again, for a round that these answers began.
    pub(super) fn again(round: u32, answers: Answers) -> Self {
        Self { round, opened_by: Some(answers), ..Self::default() }
    }

    fn wait(&mut self, reply: Option<Reply>) -> u64 {
        let number = self.next_reply;
        self.next_reply += 1;
        self.replies.push((number, reply));
        number
    }

    /// Opens a round; `reply`, or else who polls it in place, waits for its outcome.
    pub(super) fn open(&mut self, reply: Option<Reply>) -> u64 {
        self.open = true;
        self.wait(reply)
    }

    /// Who polled in place waits like everybody else.
    pub(super) fn waits_for(&mut self, number: u64, reply: Reply) {
        if let Some((_, waits)) = self.replies.iter_mut().find(|(it, _)| *it == number) {
            *waits = Some(reply);
        }
    }

    /// Whoever repeats the request whose answers are running waits with it.
    pub(super) fn join(&mut self, round: u32, answers: &Answers, reply: &dyn Fn() -> Reply) -> Option<u64> {
        let is_it = self.open && round == self.round && self.opened_by.as_ref() == Some(answers);
        is_it.then(|| self.wait(Some(reply())))
    }

    /// Nobody waits under this number any more. Whether the call must go on all the same.
    pub(super) fn give_up(&mut self, number: u64) -> bool {
        let before = self.replies.len();
        self.replies.retain(|(it, _)| *it != number);
        // One that is not there was answered already, and the call is no longer its own.
        if before == self.replies.len() || !self.replies.is_empty() {
            return true;
        }
        // From now on nobody joins it. Its ticket is given back when its future is gone.
        self.gone = true;
        self.open = false;
        false
    }

    /// The outcome of the round is there; those who wait for it.
    pub(super) fn end_round(&mut self) -> SmallVec<[Reply; 1]> {
        self.open = false;
        self.replies.drain(..).filter_map(|(_, reply)| reply).collect()
    }
}

impl Seat {
    pub(super) fn new(call: Arc<Call>, state: SeatState) -> Arc<Self> {
        Arc::new(Self { call, state: Mutex::new(state), driver: OnceLock::new() })
    }

    /// From now on this task drives it.
    pub(super) fn has_task(&self, driver: AbortHandle) {
        _ = self.driver.set(driver);
    }

    /// Drops the call. If somebody polls it in place just now, it will not rest here again.
    pub(super) fn abort(&self) {
        if let Some(driver) = self.driver.get() {
            driver.abort();
        }
        let resting = {
            let mut state = self.lock();
            state.gone = true;
            state.resting.take()
        };
        if let Some(Resting { driver, runtime }) = resting {
            // As a task would be dropped.
            let _entered = runtime.enter();
            drop_caught(driver);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rests for Seat {
    /// From here on a task polls it.
    fn rouse(&self) {
        let resting = self.lock().resting.take();
        if let Some(Resting { driver, runtime }) = resting {
            let _entered = runtime.enter();
            driver.take_a_task();
        }
    }
}
