//! The future of a call: its limits kept, its panics caught, its slow polls noticed.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker, ready};
use std::time::{Duration, Instant};

use tracing::Span;

use super::limits::{self, CallLimits, Limited, Place};
use super::{Call, Finished, OnComplete};
use crate::protocol::{BoxFuture, ErrorCode, ErrorObject, ServerResult};
use crate::tally::{Counted, Tally};
use crate::telemetry::{current, is_on};

/// What a call has to do.
pub(crate) enum Work {
    Future(BoxFuture<'static, Finished>),
    /// On a thread of its own.
    Blocking(Box<dyn FnOnce() -> Finished + Send>),
    /// A future that is made with what a thread of it must hold.
    Around(Box<dyn FnOnce(Option<Place>) -> BoxFuture<'static, Finished> + Send>),
}

impl Work {
    /// The future that does it.
    pub(crate) fn into_future(self, place: Option<Place>) -> BoxFuture<'static, Finished> {
        match self {
            Self::Future(future) => future,
            Self::Blocking(function) => Box::pin(on_thread(function, place)),
            Self::Around(make) => make(place),
        }
    }
}

/// Runs what blocks. It goes on when nobody waits for it, and keeps its place until it ends.
async fn on_thread(function: Box<dyn FnOnce() -> Finished + Send>, place: Option<Place>) -> Finished {
    let span = current();
    let held = move || {
        let finished = span.in_scope(function);
        drop((place, span));
        finished
    };
    match tokio::task::spawn_blocking(held).await {
        Ok(finished) => finished,
        // Panics are answered wherever they come from.
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(ErrorObject::new(ErrorCode::InternalError, "the server is shutting down")),
    }
}

/// What is called, and how a call of it says what is wrong, in the words of its method.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What messages call it: `tool`.
    pub(crate) noun: &'static str,
    /// Its function failed.
    pub(crate) failed: fn(String) -> Finished,
    /// Its arguments are not right.
    pub(crate) refused: fn(String) -> Finished,
    /// What to do with one that holds up others.
    pub(crate) if_slow: &'static str,
}

impl Kind {
    /// The outcome of a call whose function panicked. Details go to the log only.
    pub(crate) fn panicked(&self, name: &str, panic: &(dyn std::any::Any + Send)) -> Finished {
        let details = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("the panic carried no text");
        tracing::error!(kind = self.noun, name, details, "a function panicked");
        (self.failed)(format!("{} `{name}` panicked", self.noun))
    }

    /// Warns of a function that held up others, and says what to do.
    pub(crate) fn noticed_if_slow(&self, name: &str, before: Instant) {
        let took = before.elapsed();
        if took > SLOW_POLL {
            let Self { noun, if_slow, .. } = self;
            let millis = took.as_millis();
            tracing::warn!(
                kind = noun,
                name,
                millis,
                "this {noun} blocked its thread and held up other calls; {if_slow}"
            );
        }
    }
}

/// The future of a call, with panics caught and slow polls noticed.
pub(crate) struct Running {
    name: Arc<str>,
    kind: &'static Kind,
    future: BoxFuture<'static, Finished>,
    limited: Option<Box<Limited>>,
    pub(super) call: Option<Arc<Call>>,
    /// The span that it runs in, if it has no call that knows.
    span: Span,
    /// It is a part of its call, which goes on when it ends.
    is_part: bool,
    /// Counts it for as long as its future is there; so it is the last to be dropped.
    counted: Option<Counted>,
}

/// What the first poll led to.
pub(crate) enum First {
    Finished(Finished),
    Pending(Running),
}

/// A poll that takes longer than this holds up others.
const SLOW_POLL: Duration = Duration::from_millis(50);

impl Running {
    pub(crate) fn new(
        name: Arc<str>,
        kind: &'static Kind,
        limits: &CallLimits,
        work: Work,
        call: Option<Arc<Call>>,
    ) -> Self {
        let limited = limits.begin();
        let future = work.into_future(limited.as_ref().map(|limited| limited.place()));
        let span = if call.is_none() { current() } else { Span::none() };
        Self { name, kind, future, limited, call, span, is_part: false, counted: None }
    }

    /// Something that a call does with limits of its own.
    pub(crate) fn within(
        name: Arc<str>,
        kind: &'static Kind,
        limits: &CallLimits,
        work: Work,
        call: Arc<Call>,
    ) -> Self {
        let mut part = Self::new(name, kind, limits, work, Some(call));
        part.is_part = true;
        part
    }

    /// Counts it among the calls that have not ended.
    #[must_use]
    pub(crate) fn counted_in(mut self, calls: &Tally) -> Self {
        self.counted = Some(calls.count());
        self
    }

    /// Polls in place; the waker does not matter, since whatever takes over polls again.
    pub(crate) fn first_poll(self) -> First {
        self.first_poll_with(Waker::noop())
    }

    /// Polls in place. This call learns when the future is to be polled again: nothing may take over for a while.
    pub(crate) fn first_poll_of(self, call: &Arc<Call>) -> First {
        self.first_poll_with(&call.clone().into())
    }

    fn first_poll_with(mut self, waker: &Waker) -> First {
        match Pin::new(&mut self).poll(&mut TaskContext::from_waker(waker)) {
            Poll::Ready(finished) => First::Finished(finished),
            Poll::Pending => First::Pending(self),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The span of the request that it runs for at the moment.
    fn span(&self) -> Span {
        match &self.call {
            _ if !is_on() => Span::none(),
            Some(call) => call.span(),
            None => self.span.clone(),
        }
    }

    /// What is to be done now that the call has completed, if there is something.
    fn effects_of(&self, finished: &Finished) -> Option<Vec<OnComplete>> {
        let effects = self.call.as_ref().filter(|_| !self.is_part)?.take_on_complete();
        let failed = match finished {
            Ok(ServerResult::CallTool(result)) => result.is_error,
            other => other.is_err(),
        };
        (!failed && !effects.is_empty()).then_some(effects)
    }

    /// About how much memory the call holds while it waits.
    pub(super) fn size(&self) -> usize {
        let call = self.call.as_ref().map_or(0, |call| {
            let state = call.lock();
            size_of::<Call>() + state.round.size() + state.journal.size()
        });
        size_of::<Self>() + size_of_val(&*self.future) + call
    }
}

impl Future for Running {
    type Output = Finished;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Finished> {
        let span = self.span();
        let _entered = span.enter();
        if let Some(limited) = &mut self.limited
            && let Err(limits::TimedOut(timeout)) = ready!(limited.poll_enter(cx))
        {
            let Self { name, kind, .. } = &*self;
            let text = format!("{} `{name}` took longer than {timeout:?} and was stopped", kind.noun);
            return Poll::Ready((kind.failed)(text));
        }
        let before = Instant::now();
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx)));
        self.kind.noticed_if_slow(&self.name, before);
        let polled = polled.unwrap_or_else(|panic| Poll::Ready(self.kind.panicked(&self.name, &*panic)));
        if let Poll::Ready(finished) = &polled
            && let Some(effects) = self.effects_of(finished)
        {
            // They are part of the call, and its limits hold.
            let finished = finished.clone();
            self.future = Box::pin(async move {
                for effect in effects {
                    effect().await;
                }
                finished
            });
            return self.poll(cx);
        }
        if polled.is_pending()
            && let Self { limited: Some(limited), call: Some(call), .. } = &mut *self
            && call.waits_for_client()
            && !call.is_in_step()
        {
            limited.leave();
        }
        polled
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(call) = self.call.as_ref().filter(|_| !self.is_part) {
            call.end();
        }
    }
}
