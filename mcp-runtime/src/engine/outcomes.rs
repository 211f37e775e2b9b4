//! What came of rounds that answers began: whoever lost the reply may ask for it once more, and
//! whoever asks at the same time does not make the call run twice.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::HashMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::answers::Answers;
use super::state::CallId;
use super::written::Written;
use super::{Outcome, after};

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

    /// The outcome, without a copy if nobody else has it.
    pub(crate) fn into_outcome(self: Arc<Self>) -> Outcome {
        Arc::unwrap_or_clone(self).0
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

/// Names who claims, so that one whose claim has ended cannot touch that of its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claimant(u64);

impl Claimant {
    /// Nobody else.
    #[must_use]
    pub(crate) fn new() -> Self {
        let mut bytes = [0; 8];
        // Without randomness no state can be sealed, so there is nothing to claim.
        _ = getrandom::fill(&mut bytes);
        Self(u64::from_ne_bytes(bytes))
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Remembers what came of rounds. The default one is the memory of the process; servers that share
/// a [state key](crate::Server::state_key) and continue each other's calls want one that they
/// share, too, so that a reply that got lost is not made again by another of them.
///
/// It must hold what it was given until its time is over, or at least as long as it can: what is
/// forgotten too soon may be done twice. Outcomes are what tools return: keep them where you would
/// keep that. In a store outside of the process, a claim is an entry under the [`Ticket`] with the
/// [digest](Answers::digest) of the answers and the [`Claimant`], made only if there is none (in Redis, `SET` with `NX` and `PX`).
pub trait OutcomeStore: Send + Sync + 'static {
    /// For how long a claim lasts before it must be renewed: 30 seconds, unless a store says
    /// otherwise. When the server dies that has it, others wait for that long. `None` for a store
    /// that dies with its server.
    fn lease(&self) -> Option<Duration> {
        Some(Duration::from_secs(30))
    }

    /// Claims a ticket. While somebody else who sent the same answers runs the round, this waits
    /// for what comes of it, or until that claim ends.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked. The round is not run then, and the client learns that it
    /// may try again.
    fn claim(
        &self,
        ticket: Ticket,
        answers: Answers,
        claimant: Claimant,
    ) -> impl Future<Output = Result<Claim, BoxError>> + Send;

    /// Makes a claim last for another [lease](Self::lease).
    fn renew(&self, _ticket: Ticket, _claimant: Claimant) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Keeps what came of a round that was claimed, for this time. The reply goes out afterwards.
    ///
    /// # Errors
    ///
    /// When it could not be kept. The reply goes out all the same.
    fn commit(
        &self,
        ticket: Ticket,
        claimant: Claimant,
        outcome: Arc<RememberedOutcome>,
        time: Duration,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Gives a claim back: the round came to nothing, and may be run by whoever claims it next.
    fn release(&self, ticket: Ticket, claimant: Claimant) -> impl Future<Output = ()> + Send;
}

/// A store of any type, and a store that is shared.
impl<S: OutcomeStore> OutcomeStore for Arc<S> {
    fn lease(&self) -> Option<Duration> {
        S::lease(self)
    }

    fn claim(
        &self,
        ticket: Ticket,
        answers: Answers,
        claimant: Claimant,
    ) -> impl Future<Output = Result<Claim, BoxError>> + Send {
        S::claim(self, ticket, answers, claimant)
    }

    fn renew(&self, ticket: Ticket, claimant: Claimant) -> impl Future<Output = ()> + Send {
        S::renew(self, ticket, claimant)
    }

    fn commit(
        &self,
        ticket: Ticket,
        claimant: Claimant,
        outcome: Arc<RememberedOutcome>,
        time: Duration,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        S::commit(self, ticket, claimant, outcome, time)
    }

    fn release(&self, ticket: Ticket, claimant: Claimant) -> impl Future<Output = ()> + Send {
        S::release(self, ticket, claimant)
    }
}

/// An [`OutcomeStore`] in the memory of the process. Clones share what they remember: servers of
/// one process that are to continue each other's calls are given clones of one.
///
/// It holds up to 10,000 outcomes of up to 64 MiB together, with the answers that led to them if these are short; then
/// the oldest ones go.
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
    done: VecDeque<Ticket>,
    bytes: usize,
}

struct Slot {
    answers: Answers,
    kept: Kept,
}

enum Kept {
    /// Its round runs.
    Running(Claimant),
    /// Its size, when it goes, and it.
    Done(usize, Instant, Arc<RememberedOutcome>),
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

    fn try_claim(&self, ticket: Ticket, answers: &Answers, claimant: Claimant) -> Option<Claim> {
        let mut slots = self.lock();
        slots.forget_old();
        match slots.by_ticket.get(&ticket) {
            Some(slot) if slot.answers != *answers => Some(Claim::Refused),
            Some(Slot { kept: Kept::Done(.., outcome), .. }) => Some(Claim::Done(outcome.clone())),
            Some(_) => None,
            None => {
                slots.by_ticket.insert(ticket, Slot { answers: answers.clone(), kept: Kept::Running(claimant) });
                Some(Claim::Granted)
            }
        }
    }
}

impl Slots {
    fn remove_oldest(&mut self) {
        let Some(ticket) = self.done.pop_front() else { return };
        if let Some(Slot { kept: Kept::Done(size, ..), .. }) = self.by_ticket.remove(&ticket) {
            self.bytes -= size;
        }
    }

    /// Forgets outcomes whose time is over. They are kept for the same time, so the oldest ones go
    /// first.
    fn forget_old(&mut self) {
        let now = Instant::now();
        while let Some(ticket) = self.done.front() {
            if let Some(Slot { kept: Kept::Done(_, until, _), .. }) = self.by_ticket.get(ticket)
                && now < *until
            {
                break;
            }
            self.remove_oldest();
        }
    }

    /// A claim that runs, if it is this one.
    fn claimed_by(&mut self, ticket: &Ticket, claimant: Claimant) -> Option<&mut Slot> {
        self.by_ticket.get_mut(ticket).filter(|slot| matches!(slot.kept, Kept::Running(by) if by == claimant))
    }
}

impl OutcomeStore for MemoryOutcomes {
    fn lease(&self) -> Option<Duration> {
        None
    }

    async fn claim(&self, ticket: Ticket, answers: Answers, claimant: Claimant) -> Result<Claim, BoxError> {
        if let Some(claim) = self.try_claim(ticket, &answers, claimant) {
            return Ok(claim);
        }
        loop {
            let mut changed = std::pin::pin!(self.inner.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(claim) = self.try_claim(ticket, &answers, claimant) {
                return Ok(claim);
            }
            changed.await;
        }
    }

    async fn commit(
        &self,
        ticket: Ticket,
        claimant: Claimant,
        outcome: Arc<RememberedOutcome>,
        time: Duration,
    ) -> Result<(), BoxError> {
        const OVERHEAD: usize = 2 * (size_of::<Ticket>() + size_of::<Slot>());
        let Bounds { outcomes, bytes } = self.inner.bounds;
        {
            let mut slots = self.lock();
            let Some(slot) = slots.claimed_by(&ticket, claimant) else { return Ok(()) };
            let size = outcome.size() + slot.answers.size() + OVERHEAD;
            // One that is larger than all of them may be would only drive out the others.
            if size <= bytes && outcomes > 0 {
                slot.kept = Kept::Done(size, after(time), outcome);
                slots.bytes += size;
                slots.done.push_back(ticket);
            } else {
                slots.by_ticket.remove(&ticket);
            }
            while slots.done.len() > outcomes || slots.bytes > bytes {
                slots.remove_oldest();
            }
        }
        self.inner.changed.notify_waiters();
        Ok(())
    }

    async fn release(&self, ticket: Ticket, claimant: Claimant) {
        {
            let mut slots = self.lock();
            if slots.claimed_by(&ticket, claimant).is_some() {
                slots.by_ticket.remove(&ticket);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{
        CallToolResult, ErrorObject, GetPromptResult, InputRequest, InputRequiredResult, Meta, PromptMessage,
        ReadResourceResult, ResourceContents, ServerResult,
    };

    const TIME: Duration = Duration::from_secs(60);

    fn ticket(round: u32) -> Ticket {
        Ticket::new([1; 16], round)
    }

    fn answers(byte: u8) -> Answers {
        [byte; 16].into()
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
        let (store, me) = (MemoryOutcomes::default(), Claimant(1));
        let claim = async |round, by| text(store.claim(ticket(round), answers(by), me).await.expect("it"));
        assert_eq!(claim(1, 1).await, "Granted");
        store.commit(ticket(1), me, outcome("done"), TIME).await.expect("kept");
        assert!(claim(1, 1).await.contains("done"));
        assert_eq!(claim(1, 2).await, "Refused", "other answers");
        assert_eq!(claim(2, 2).await, "Granted", "another round");
        store.release(ticket(2), Claimant(2)).await;
        assert_eq!(claim(2, 1).await, "Refused", "only who has it gives it back");
        store.release(ticket(2), me).await;
        assert_eq!(claim(2, 3).await, "Granted", "what came to nothing may be claimed again");
    }

    #[tokio::test]
    async fn who_comes_while_it_runs_waits_for_the_outcome() {
        let store = MemoryOutcomes::default();
        assert!(matches!(store.claim(ticket(1), answers(1), Claimant(1)).await, Ok(Claim::Granted)));
        let (waited, ()) = tokio::join!(store.claim(ticket(1), answers(1), Claimant(2)), async {
            tokio::task::yield_now().await;
            store.commit(ticket(1), Claimant(1), outcome("done"), TIME).await.expect("kept");
        });
        assert!(text(waited.expect("it")).contains("done"));
    }

    #[tokio::test(start_paused = true)]
    async fn outcomes_are_bounded_in_number_bytes_and_time() {
        let me = Claimant(1);
        let claims = async |store: &MemoryOutcomes, rounds: u32| {
            for round in 0..rounds {
                store.claim(ticket(round), answers(1), me).await.expect("it");
                store.commit(ticket(round), me, outcome("x"), TIME).await.expect("kept");
            }
            store.lock().done.len()
        };
        assert_eq!(claims(&MemoryOutcomes::bounded(3, usize::MAX), 10).await, 3);
        assert_eq!(claims(&MemoryOutcomes::bounded(usize::MAX, 1), 10).await, 0);
        let store = MemoryOutcomes::bounded(100, 10_000);
        assert_eq!(claims(&store, 10).await, 10);
        store.claim(ticket(50), answers(1), me).await.expect("it");
        store.commit(ticket(50), me, outcome(&"x".repeat(20_000)), TIME).await.expect("no mistake");
        assert_eq!(store.lock().done.len(), 10, "one that is too large drives nobody out");
        tokio::time::advance(TIME).await;
        store.claim(ticket(99), answers(1), me).await.expect("it");
        let slots = store.lock();
        assert_eq!((slots.done.len(), slots.bytes, slots.by_ticket.len()), (0, 0, 1));
    }

    #[test]
    fn outcomes_are_written_and_read() {
        let request = InputRequest { method: "roots/list", params: serde_json::value::RawValue::NULL.to_owned() };
        let mut read = ReadResourceResult::new([ResourceContents::text("a:b", "text/plain", "a")]);
        read.meta = Some(Meta::from_iter([("k".to_owned(), 1.into())]));
        let prompt = GetPromptResult::new([PromptMessage::user("a")]);
        for outcome in [
            Outcome::Complete(Ok(ServerResult::CallTool(CallToolResult::text("a")))),
            Outcome::Complete(Ok(ServerResult::ReadResource(Arc::new(read)))),
            Outcome::Complete(Ok(ServerResult::GetPrompt(Arc::new(prompt)))),
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
