//! Claims of rounds in a store of any type, and what is to be waited for if it takes its time.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinHandle};

use super::answers::Answers;
use super::outcomes::{Claim, Claimant, OutcomeStore, RememberedOutcome, Ticket};
use super::spawn;
use crate::protocol::BoxFuture;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An [`OutcomeStore`] of any type.
pub(crate) trait AnyStore: Send + Sync {
    fn lease_of(&self) -> Option<Duration>;
    fn claim_boxed(
        self: Arc<Self>,
        of: ClaimOf,
        answers: Answers,
        time: Duration,
    ) -> BoxFuture<'static, Result<Claimed, BoxError>>;
    fn renew_boxed(&self, of: ClaimOf) -> BoxFuture<'_, ()>;
    /// Commits what was granted.
    fn commit_boxed(self: Arc<Self>, grant: Grant, outcome: Arc<RememberedOutcome>) -> BoxFuture<'static, ()>;
    fn release_boxed(self: Arc<Self>, of: ClaimOf) -> BoxFuture<'static, ()>;
}

/// Which ticket, and who claims it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimOf {
    pub(crate) ticket: Ticket,
    pub(crate) claimant: Claimant,
}

impl<S: OutcomeStore> AnyStore for S {
    fn lease_of(&self) -> Option<Duration> {
        self.lease()
    }

    fn claim_boxed(
        self: Arc<Self>,
        of: ClaimOf,
        answers: Answers,
        time: Duration,
    ) -> BoxFuture<'static, Result<Claimed, BoxError>> {
        Box::pin(async move {
            Ok(match self.claim(of.ticket, answers, of.claimant).await? {
                Claim::Granted => Claimed::Granted(Grant::new(self, of, time)),
                Claim::Done(outcome) => Claimed::Done(outcome),
                Claim::Refused => Claimed::Refused,
            })
        })
    }

    fn renew_boxed(&self, of: ClaimOf) -> BoxFuture<'_, ()> {
        Box::pin(self.renew(of.ticket, of.claimant))
    }

    fn commit_boxed(self: Arc<Self>, grant: Grant, outcome: Arc<RememberedOutcome>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // The whole of it goes along: where it is dropped, an uncommitted claim is given back.
            let mut grant = grant;
            let Grant { of: ClaimOf { ticket, claimant }, time, .. } = grant;
            match self.commit(ticket, claimant, outcome, time).await {
                Ok(()) => grant.committed = true,
                Err(error) => {
                    let error = &*error;
                    tracing::error!(error, "the outcome of a round was not kept: a client that lost it repeats it");
                }
            }
        })
    }

    fn release_boxed(self: Arc<Self>, of: ClaimOf) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.release(of.ticket, of.claimant).await })
    }
}

/// Claims a ticket: what comes of it, or what will, if the store takes its time. If nobody wants the
/// claim any more when it is granted, it is given back.
pub(crate) fn claim(
    store: Arc<dyn AnyStore>,
    of: ClaimOf,
    answers: Answers,
    time: Duration,
) -> Result<Result<Claimed, BoxError>, BoxFuture<'static, Result<Claimed, BoxError>>> {
    at_once(store.claim_boxed(of, answers, time)).map_err(|claiming| -> BoxFuture<'static, _> {
        // In a task of its own: a future that is dropped half way would leave a claim behind.
        let task = tokio::spawn(claiming);
        Box::pin(async move { task.await? })
    })
}

/// What came of claiming.
pub(crate) enum Claimed {
    Granted(Grant),
    Done(Arc<RememberedOutcome>),
    Refused,
}

/// A claim that was granted. Dropped without a commit, it is given back.
pub(crate) struct Grant {
    store: Arc<dyn AnyStore>,
    of: ClaimOf,
    time: Duration,
    renewal: Option<AbortHandle>,
    committed: bool,
}

impl Grant {
    fn new(store: Arc<dyn AnyStore>, of: ClaimOf, time: Duration) -> Self {
        let renewal = store.lease_of().map(|lease| {
            let store = store.clone();
            let renew = async move {
                loop {
                    tokio::time::sleep(lease / 3).await;
                    store.renew_boxed(of).await;
                }
            };
            spawn(Box::pin(renew)).abort_handle()
        });
        Self { store, of, time, renewal, committed: false }
    }

    /// Keeps what came of the round. What is left to wait for, if the store takes its time: it goes on
    /// also if nobody does.
    pub(crate) fn commit(self, outcome: Arc<RememberedOutcome>) -> Option<JoinHandle<()>> {
        let commit = at_once(self.store.clone().commit_boxed(self, outcome));
        // It is not cancelled with the request: the outcome is there.
        commit.err().map(spawn)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
        if self.committed {
            return;
        }
        now_or_later(self.store.clone().release_boxed(self.of));
    }
}

/// Polls in place what is usually done at once; what is not goes on in a task.
pub(crate) fn now_or_later(future: BoxFuture<'static, ()>) {
    if let Err(future) = at_once(future)
        && let Ok(runtime) = tokio::runtime::Handle::try_current()
    {
        runtime.spawn(future);
    }
}

/// The output of a future that is ready at its first poll, or the future. If it panics there, that is
/// left for whoever polls on: here it would take the connection along.
pub(crate) fn at_once<T>(mut future: BoxFuture<'_, T>) -> Result<T, BoxFuture<'_, T>> {
    match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())))) {
        Ok(Poll::Ready(output)) => Ok(output),
        Ok(Poll::Pending) => Err(future),
        Err(panic) => Err(Box::pin(async move { resume_unwind(panic) })),
    }
}
