//! What came of rounds that answers began: whoever lost the reply may ask for it once more, and
//! whoever asks at the same time does not make the call run twice.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::RawParams;
use super::digest::Digest;
use super::state::CallId;
use super::{Outcome, after};
use crate::protocol::{
    BoxFuture, CallToolResult, ErrorObject, InputRequest, InputRequiredResult, Meta, Method, ServerResult, Task,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One round of one call, which a client begins with answers. It is used once: whoever repeats it
/// gets what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    call: CallId,
    round: u32,
}

impl Ticket {
    pub(crate) fn new(call: CallId, round: u32) -> Self {
        Self { call, round }
    }
}

/// As a key of a store: 32 hexadecimal digits, `-`, and a number.
impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{}", self.round)
    }
}

/// The answers that a client sent with a [`Ticket`], as a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswersDigest(pub(crate) Digest);

impl AnswersDigest {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for AnswersDigest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// What came of a round, for a store to keep.
#[derive(Debug, Clone)]
pub struct RememberedOutcome(Outcome);

impl RememberedOutcome {
    pub(crate) fn new(outcome: Outcome) -> Arc<Self> {
        Arc::new(Self(outcome))
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.0.clone()
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// It as bytes, for a store outside of the process.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        Written::of(&self.0).and_then(|written| serde_json::to_vec(&written).ok()).unwrap_or_default()
    }

    /// What [`to_bytes`](Self::to_bytes) has written.
    ///
    /// # Errors
    ///
    /// When the bytes are something else, or of a version of this library that writes them
    /// differently. Treat that as if nothing had been stored.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let written: Written = serde_json::from_slice(bytes)?;
        let outcome = written.into_outcome();
        outcome.map(Self).ok_or_else(|| serde::de::Error::custom("a question has an unknown method"))
    }
}

/// What claiming a ticket leads to.
#[derive(Debug, Clone)]
pub enum Claim {
    /// Nobody has used it: whoever claims runs the round, and then commits or releases.
    Granted,
    /// It was used with the same answers, and this came of it.
    Done(Arc<RememberedOutcome>),
    /// It was used with other answers.
    Refused,
}

/// Remembers what came of rounds. The default one is the memory of the process; servers that share
/// a [state key](crate::Server::state_key) and continue each other's calls want one that they
/// share, too, so that a reply that got lost is not made again by another of them.
///
/// It must hold what it was given until its time is over, or at least as long as it can: what is
/// forgotten too soon may be done twice.
pub trait OutcomeStore: Send + Sync + 'static {
    /// Claims a ticket. While somebody else who sent the same answers runs the round, this waits
    /// for what comes of it; a claim that is neither committed nor released ends after `time`.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked. The round is not run then, and the client learns that it
    /// may try again.
    fn claim(
        &self,
        ticket: Ticket,
        answers: AnswersDigest,
        time: Duration,
    ) -> impl Future<Output = Result<Claim, BoxError>> + Send;

    /// Keeps what came of a round that was claimed, for this time. The reply goes out afterwards.
    ///
    /// # Errors
    ///
    /// When it could not be kept. That is logged, and the reply goes out all the same.
    fn commit(
        &self,
        ticket: Ticket,
        outcome: Arc<RememberedOutcome>,
        time: Duration,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Gives a claim back: the round came to nothing, and may be run by whoever claims it next.
    fn release(&self, ticket: Ticket) -> impl Future<Output = ()> + Send;
}

/// An [`OutcomeStore`] of any type.
pub(crate) trait AnyStore: Send + Sync {
    fn claim_boxed(
        &self,
        ticket: Ticket,
        answers: AnswersDigest,
        time: Duration,
    ) -> BoxFuture<'_, Result<Claim, BoxError>>;
    fn commit_boxed(
        &self,
        ticket: Ticket,
        outcome: Arc<RememberedOutcome>,
        time: Duration,
    ) -> BoxFuture<'_, Result<(), BoxError>>;
    fn release_boxed(&self, ticket: Ticket) -> BoxFuture<'_, ()>;
}

impl<S: OutcomeStore> AnyStore for S {
    fn claim_boxed(
        &self,
        ticket: Ticket,
        answers: AnswersDigest,
        time: Duration,
    ) -> BoxFuture<'_, Result<Claim, BoxError>> {
        Box::pin(self.claim(ticket, answers, time))
    }

    fn commit_boxed(
        &self,
        ticket: Ticket,
        outcome: Arc<RememberedOutcome>,
        time: Duration,
    ) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(self.commit(ticket, outcome, time))
    }

    fn release_boxed(&self, ticket: Ticket) -> BoxFuture<'_, ()> {
        Box::pin(self.release(ticket))
    }
}

/// A claim that was granted. Dropped without a commit, it is given back.
pub(crate) struct Claimed {
    store: Arc<dyn AnyStore>,
    ticket: Ticket,
    time: Duration,
    committed: bool,
}

impl Claimed {
    pub(crate) fn new(store: Arc<dyn AnyStore>, ticket: Ticket, time: Duration) -> Self {
        Self { store, ticket, time, committed: false }
    }

    /// Keeps what came of the round.
    pub(crate) async fn commit(mut self, outcome: &Outcome) {
        self.committed = true;
        let outcome = RememberedOutcome::new(outcome.clone());
        if let Err(error) = self.store.commit_boxed(self.ticket, outcome, self.time).await {
            tracing::error!(error = &*error, "the outcome of a round was not kept: a client that lost it repeats it");
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        let (store, ticket) = (self.store.clone(), self.ticket);
        now_or_later(async move { store.release_boxed(ticket).await });
    }
}

/// Polls in place what is usually done at once; what is not goes on in a task.
pub(crate) fn now_or_later(future: impl Future<Output = ()> + Send + 'static) {
    let mut future: BoxFuture<'static, ()> = Box::pin(future);
    if future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending()
        && let Ok(runtime) = tokio::runtime::Handle::try_current()
    {
        runtime.spawn(future);
    }
}

/// The output of a future that is ready at its first poll, or the future.
pub(crate) fn at_once<T>(mut future: BoxFuture<'_, T>) -> Result<T, BoxFuture<'_, T>> {
    match future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(future),
    }
}

/// An [`OutcomeStore`] in the memory of the process. Clones share what they remember: servers of
/// one process that are to continue each other's calls are given clones of one.
///
/// It holds up to 10,000 outcomes of up to 64 MiB together; then the oldest ones go.
#[derive(Clone, Default)]
pub struct MemoryOutcomes {
    inner: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    slots: Mutex<Slots>,
    changed: Notify,
    bounds: Bounds,
}

struct Bounds {
    outcomes: usize,
    bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { outcomes: 10_000, bytes: 64 << 20 }
    }
}

#[derive(Default)]
struct Slots {
    by_ticket: HashMap<Ticket, Slot>,
    /// Those with an outcome, the oldest first.
    done: BTreeMap<u64, Ticket>,
    next: u64,
    bytes: usize,
}

struct Slot {
    answers: AnswersDigest,
    until: Instant,
    outcome: Option<(u64, usize, Arc<RememberedOutcome>)>,
}

impl MemoryOutcomes {
    /// A memory with these bounds: how many outcomes, and about how many bytes of them.
    #[must_use]
    pub fn bounded(outcomes: usize, bytes: usize) -> Self {
        Self { inner: Arc::new(Shared { bounds: Bounds { outcomes, bytes }, ..Shared::default() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_claim(&self, ticket: Ticket, answers: AnswersDigest, time: Duration) -> Option<Claim> {
        let mut slots = self.lock();
        let now = Instant::now();
        slots.forget_old(now);
        match slots.by_ticket.get(&ticket).filter(|slot| now < slot.until) {
            Some(slot) if slot.answers != answers => Some(Claim::Refused),
            Some(Slot { outcome: Some((.., outcome)), .. }) => Some(Claim::Done(outcome.clone())),
            Some(_) => None,
            None => {
                slots.remove(&ticket);
                slots.by_ticket.insert(ticket, Slot { answers, until: after(time), outcome: None });
                Some(Claim::Granted)
            }
        }
    }
}

impl Slots {
    fn remove(&mut self, ticket: &Ticket) {
        if let Some(Slot { outcome: Some((place, size, _)), .. }) = self.by_ticket.remove(ticket) {
            self.done.remove(&place);
            self.bytes -= size;
        }
    }

    /// Forgets outcomes whose time is over. They were kept for the same time, so the oldest ones go
    /// first.
    fn forget_old(&mut self, now: Instant) {
        while let Some((_, ticket)) = self.done.first_key_value() {
            let ticket = *ticket;
            if self.by_ticket.get(&ticket).is_some_and(|slot| now < slot.until) {
                break;
            }
            self.remove(&ticket);
        }
    }
}

impl OutcomeStore for MemoryOutcomes {
    async fn claim(&self, ticket: Ticket, answers: AnswersDigest, time: Duration) -> Result<Claim, BoxError> {
        loop {
            let mut changed = std::pin::pin!(self.inner.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(claim) = self.try_claim(ticket, answers, time) {
                return Ok(claim);
            }
            let until = self.lock().by_ticket.get(&ticket).map_or_else(Instant::now, |slot| slot.until);
            let _ = tokio::time::timeout_at(until, changed).await;
        }
    }

    async fn commit(&self, ticket: Ticket, outcome: Arc<RememberedOutcome>, time: Duration) -> Result<(), BoxError> {
        const OVERHEAD: usize = 2 * (size_of::<Ticket>() + size_of::<Slot>());
        {
            let mut slots = self.lock();
            let Some(answers) = slots.by_ticket.get(&ticket).map(|slot| slot.answers) else { return Ok(()) };
            slots.remove(&ticket);
            let (place, size) = (slots.next, outcome.size() + OVERHEAD);
            slots.next += 1;
            slots.bytes += size;
            slots.done.insert(place, ticket);
            let slot = Slot { answers, until: after(time), outcome: Some((place, size, outcome)) };
            slots.by_ticket.insert(ticket, slot);
            let Bounds { outcomes, bytes } = self.inner.bounds;
            while slots.done.len() > outcomes || slots.bytes > bytes {
                let Some((_, oldest)) = slots.done.first_key_value() else { break };
                let oldest = *oldest;
                slots.remove(&oldest);
            }
        }
        self.inner.changed.notify_waiters();
        Ok(())
    }

    async fn release(&self, ticket: Ticket) {
        {
            let mut slots = self.lock();
            if slots.by_ticket.get(&ticket).is_some_and(|slot| slot.outcome.is_none()) {
                slots.remove(&ticket);
            }
        }
        self.inner.changed.notify_waiters();
    }
}

impl fmt::Debug for MemoryOutcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryOutcomes").field("outcomes", &self.lock().done.len()).finish_non_exhaustive()
    }
}

/// An outcome as bytes have it.
#[derive(Serialize, Deserialize)]
pub(super) enum Written {
    Empty,
    /// With its metadata, which results do not write themselves.
    CallTool(CallToolResult, Option<Meta>),
    CreateTask(Task),
    Error(ErrorObject),
    /// Key, method and parameters of each question, and the state.
    InputRequired(Vec<(String, String, RawParams)>, Option<String>),
}

impl Written {
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        Some(match outcome {
            Outcome::Complete(Err(error)) => Self::Error(error.clone()),
            Outcome::Complete(Ok(ServerResult::Empty)) => Self::Empty,
            Outcome::Complete(Ok(ServerResult::CallTool(result))) => {
                Self::CallTool(result.clone(), result.meta.clone())
            }
            Outcome::Complete(Ok(ServerResult::CreateTask(task))) => Self::CreateTask((**task).clone()),
            // Nothing else takes rounds.
            Outcome::Complete(Ok(_)) => return None,
            Outcome::InputRequired(InputRequiredResult { input_requests, request_state }) => {
                let question = |(key, InputRequest { method, params }): &(String, InputRequest)| {
                    (key.clone(), (*method).to_owned(), params.clone())
                };
                Self::InputRequired(input_requests.iter().map(question).collect(), request_state.clone())
            }
        })
    }

    pub(super) fn into_outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Empty => Outcome::Complete(Ok(ServerResult::Empty)),
            Self::CallTool(mut result, meta) => {
                result.meta = meta;
                Outcome::Complete(Ok(ServerResult::CallTool(result)))
            }
            Self::CreateTask(task) => Outcome::Complete(Ok(ServerResult::CreateTask(Box::new(task)))),
            Self::Error(error) => Outcome::Complete(Err(error)),
            Self::InputRequired(questions, request_state) => {
                let input_requests = questions
                    .into_iter()
                    .map(|(key, method, params)| {
                        let method = Method::from_name(&method)?.as_str();
                        Some((key, InputRequest { method, params }))
                    })
                    .collect::<Option<_>>()?;
                Outcome::InputRequired(InputRequiredResult { input_requests, request_state })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(60);

    fn ticket(round: u32) -> Ticket {
        Ticket::new([1; 16], round)
    }

    fn answers(byte: u8) -> AnswersDigest {
        AnswersDigest([byte; 32])
    }

    fn outcome(text: &str) -> Arc<RememberedOutcome> {
        RememberedOutcome::new(Outcome::Complete(Ok(ServerResult::CallTool(CallToolResult::text(text)))))
    }

    fn text(claim: Claim) -> String {
        match claim {
            Claim::Done(outcome) => String::from_utf8(outcome.to_bytes()).expect("text"),
            other => format!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_ticket_is_used_once_and_its_outcome_repeated() {
        let store = MemoryOutcomes::default();
        let claim = async |round, by| text(store.claim(ticket(round), answers(by), TIME).await.expect("it"));
        assert_eq!(claim(1, 1).await, "Granted");
        store.commit(ticket(1), outcome("done"), TIME).await.expect("kept");
        assert!(claim(1, 1).await.contains("done"));
        assert_eq!(claim(1, 2).await, "Refused", "other answers");
        assert_eq!(claim(2, 2).await, "Granted", "another round");
        store.release(ticket(2)).await;
        assert_eq!(claim(2, 3).await, "Granted", "what came to nothing may be claimed again");
    }

    #[tokio::test]
    async fn who_comes_while_it_runs_waits_for_the_outcome() {
        let store = MemoryOutcomes::default();
        assert!(matches!(store.claim(ticket(1), answers(1), TIME).await, Ok(Claim::Granted)));
        let (waited, ()) = tokio::join!(store.claim(ticket(1), answers(1), TIME), async {
            tokio::task::yield_now().await;
            store.commit(ticket(1), outcome("done"), TIME).await.expect("kept");
        });
        assert!(text(waited.expect("it")).contains("done"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_of_somebody_who_died_ends() {
        let store = MemoryOutcomes::default();
        assert!(matches!(store.claim(ticket(1), answers(1), TIME).await, Ok(Claim::Granted)));
        assert!(matches!(store.claim(ticket(1), answers(1), TIME).await, Ok(Claim::Granted)));
    }

    #[tokio::test(start_paused = true)]
    async fn outcomes_are_bounded_in_number_bytes_and_time() {
        let claims = async |store: &MemoryOutcomes, rounds: u32| {
            for round in 0..rounds {
                store.claim(ticket(round), answers(1), TIME).await.expect("it");
                store.commit(ticket(round), outcome("x"), TIME).await.expect("kept");
            }
            store.lock().done.len()
        };
        assert_eq!(claims(&MemoryOutcomes::bounded(3, usize::MAX), 10).await, 3);
        assert_eq!(claims(&MemoryOutcomes::bounded(usize::MAX, 1), 10).await, 0);
        let store = MemoryOutcomes::default();
        assert_eq!(claims(&store, 10).await, 10);
        tokio::time::advance(TIME).await;
        store.claim(ticket(99), answers(1), TIME).await.expect("it");
        let slots = store.lock();
        assert_eq!((slots.done.len(), slots.bytes, slots.by_ticket.len()), (0, 0, 1));
    }

    #[test]
    fn outcomes_are_written_and_read() {
        let request = InputRequest { method: "roots/list", params: serde_json::value::RawValue::NULL.to_owned() };
        for outcome in [
            Outcome::Complete(Ok(ServerResult::CallTool(CallToolResult::text("a")))),
            Outcome::Complete(Err(ErrorObject::invalid_params("no"))),
            Outcome::InputRequired(InputRequiredResult {
                input_requests: vec![("k".to_owned(), request)],
                request_state: Some("s".to_owned()),
            }),
        ] {
            let bytes = RememberedOutcome(outcome.clone()).to_bytes();
            let read = RememberedOutcome::from_bytes(&bytes).expect("an outcome");
            assert_eq!(format!("{:?}", read.0), format!("{outcome:?}"));
        }
        assert!(RememberedOutcome::from_bytes(b"{}").is_err());
    }
}
