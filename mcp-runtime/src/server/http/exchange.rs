//! A modern request that was not answered at once, and how it is.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::Endpoint;
use super::answer::Answer;
use super::driver::Posted;
use super::modern::{ONLY, whole};
use crate::dispatch::finished;
use crate::engine::{Finished, after};
use crate::protocol::{
    ErrorCode, ErrorObject, Method, ProtocolVersion, RequestId, ServerNotification, ServerResult, SubscriptionFilter,
    keys,
};
use crate::server::changes::UNREAD;
use crate::server::live::Offering;
use crate::server::outbox::{Outbox, Outgoing};
use crate::server::room::Place;
use crate::session::Pending as InFlight;
use crate::subscription::Sight;
use crate::tally::Counted;
use crate::transport::http::sse;

/// An answer that is there, or will be.
pub(super) enum Pending {
    Answer(Answer),
    Exchange(Box<Exchange>),
    Posted(Posted),
}

impl From<Answer> for Pending {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl Pending {
    pub(super) async fn finish(self) -> Answer {
        match self {
            Self::Answer(answer) => answer,
            Self::Exchange(exchange) => exchange.finish().await,
            Self::Posted(posted) => posted.finish().await,
        }
    }
}

/// A modern request in flight. When it is dropped, its client has gone away: that cancels the call.
pub(super) struct Exchange {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) offering: Arc<Offering>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) id: RequestId,
    pub(super) revision: ProtocolVersion,
    pub(super) method: Option<Method>,
    /// `None` once it is answered.
    pub(super) pending: Option<InFlight>,
    /// When it must be over, if the server is shutting down.
    pub(super) deadline: Option<Instant>,
    /// The place of a stream, for as long as it is open.
    pub(super) _place: Option<Place>,
    pub(super) _counted: Counted,
}

/// Why an exchange goes on.
enum Event {
    /// There is something to say.
    Filled,
    /// There was nothing for a while.
    Idle,
    /// The server ends.
    Over,
}

impl Exchange {
    /// The answer to a request whose outcome is there. What the call has said before goes first.
    pub(super) fn answered(mut self, outcome: Finished) -> Answer {
        let mut out = Vec::new();
        // Whoever was to reply later has been dropped, and says so there, too.
        while let Some((_, outgoing)) = self.outbox.pop() {
            if let Outgoing::Notification(notification) = outgoing {
                self.write_notification(&notification, &mut out);
            }
        }
        if out.is_empty() {
            return self.whole(outcome);
        }
        self.write_reply(outcome, &mut out);
        Answer::written_events(out)
    }

    /// Tells of changes, from now on.
    pub(super) fn listen(mut self, filter: SubscriptionFilter, sight: &Sight) -> Answer {
        let mut out = Vec::new();
        sse::event(&mut out, None, |out| self.endpoint.ready.encoder.acknowledged(out, &self.id, &filter));
        let outbox = self.outbox.clone();
        let wake = move || outbox.push(ONLY, Outgoing::Changes);
        self.pending = Some(InFlight::Listen(self.endpoint.ready.live.events().subscribe(filter, sight, wake)));
        self.stream(out)
    }

    async fn finish(mut self) -> Answer {
        let mut out = Vec::new();
        match self.next().await {
            Event::Filled => {
                if let Some(outcome) = self.take_reply() {
                    return self.whole(outcome);
                }
                self.write_outgoing(&mut out);
            }
            Event::Idle => out.extend_from_slice(sse::KEEP_ALIVE),
            Event::Over => {
                // It may have come at the last moment.
                return match self.take_reply() {
                    Some(outcome) => self.whole(outcome),
                    None => Answer::busy("the server is shutting down"),
                };
            }
        }
        self.stream(out)
    }

    /// The outcome, if that is what comes next.
    fn take_reply(&mut self) -> Option<Finished> {
        self.outbox.pop_reply().map(finished)
    }

    fn whole(mut self, outcome: Finished) -> Answer {
        self.pending = None;
        whole(&self.endpoint, &self.offering, self.revision, &self.id, self.method, outcome)
    }

    /// What is written already, and what comes.
    fn stream(self, written: Vec<u8>) -> Answer {
        let rest = stream::unfold((self, written), |(mut exchange, mut out)| async move {
            while out.is_empty() {
                exchange.pending.as_ref()?;
                match exchange.next().await {
                    Event::Filled => exchange.write_outgoing(&mut out),
                    Event::Idle => out.extend_from_slice(sse::KEEP_ALIVE),
                    Event::Over => exchange.end(&mut out),
                }
            }
            Some((Bytes::from(std::mem::take(&mut out)), (exchange, out)))
        });
        Answer::events(Box::pin(rest))
    }

    async fn next(&mut self) -> Event {
        let ready = &self.endpoint.ready;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(self.deadline.unwrap_or_else(Instant::now)), if self.deadline.is_some() => {
                    return Event::Over;
                }
                () = ready.lifespan.stop.cancelled(), if self.deadline.is_none() => {
                    if matches!(self.pending, Some(InFlight::Listen(_))) {
                        return Event::Over;
                    }
                    self.deadline = Some(after(ready.limits.drain));
                }
                () = self.outbox.filled() => return Event::Filled,
                () = sleep(self.endpoint.settings.keep_alive) => return Event::Idle,
            }
        }
    }

    /// Writes what there is to say, up to a limit where there may be much.
    fn write_outgoing(&mut self, out: &mut Vec<u8>) {
        for _ in 0..self.outbox.len() {
            let Some((_, outgoing)) = self.outbox.pop() else { return };
            match outgoing {
                Outgoing::Reply(outcome) => return self.write_reply(finished(outcome), out),
                Outgoing::Notification(notification) => self.write_notification(&notification, out),
                Outgoing::Changes => self.write_changes(out),
                // A modern client is asked by the result, and its streams cannot be resumed.
                Outgoing::Request { .. } | Outgoing::Withdrawal { .. } | Outgoing::Cancelled | Outgoing::Pause => {}
            }
        }
    }

    fn write_notification(&self, notification: &ServerNotification, out: &mut Vec<u8>) {
        let encoder = &self.endpoint.ready.encoder;
        sse::event(out, None, |out| encoder.notification(out, self.revision, notification));
    }

    fn write_changes(&self, out: &mut Vec<u8>) {
        let Some(InFlight::Listen(subscription)) = &self.pending else { return };
        while out.len() < UNREAD {
            let Some(change) = subscription.next() else { return };
            sse::event(out, None, |out| self.endpoint.ready.encoder.change(out, Some(&self.id), &change));
        }
        // The rest when this was read.
        self.outbox.push(ONLY, Outgoing::Changes);
    }

    /// Writes the last event.
    fn write_reply(&mut self, outcome: Finished, out: &mut Vec<u8>) {
        let encoder = &self.endpoint.ready.encoder;
        let outcome = encoder.outcome_for(self.revision, self.method, outcome);
        let lists = &self.offering.lists;
        sse::event(out, None, |out| encoder.response(out, self.revision, &self.id, &outcome, lists));
        self.pending = None;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if !matches!(self.pending, Some(InFlight::Listen(_))) {
            // It may have come at the last moment.
            self.write_outgoing(out);
            if self.pending.is_none() {
                return;
            }
        }
        let outcome = match &self.pending {
            Some(InFlight::Listen(subscription)) => {
                while let Some(change) = subscription.next() {
                    sse::event(out, None, |out| self.endpoint.ready.encoder.change(out, Some(&self.id), &change));
                }
                let meta = [(keys::SUBSCRIPTION_ID.to_owned(), json!(self.id))].into_iter().collect();
                Ok(ServerResult::EndOfSubscription(meta))
            }
            _ => Err(ErrorObject::new(ErrorCode::InternalError, "the server is shutting down")),
        };
        if let Some(pending) = self.pending.take() {
            pending.cancel();
        }
        self.write_reply(outcome, out);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.outbox.close();
        if let Some(pending) = self.pending.take() {
            pending.cancel();
        }
    }
}
