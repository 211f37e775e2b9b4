//! What requests of a legacy client have for it that were not answered at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use http::StatusCode;
use smallvec::SmallVec;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Endpoint;
use super::answer::{Answer, USUAL};
use super::reading;
use super::session::{Open, Running, Session, lock};
use super::stream::Stream;
use crate::dispatch::finished;
use crate::engine::{Finished, after};
use crate::protocol::{ErrorCode, ErrorObject, Method, RequestId};
use crate::server::live::Offering;
use crate::server::outbox::{Outbox, Outgoing};
use crate::session::Key;
use crate::tally::Counted;

/// Replies to requests that came together; most come alone.
pub(super) type Replies = SmallVec<[Vec<u8>; 1]>;

/// Requests that came together, as far as they are answered.
pub(super) struct Answered {
    pub(super) replies: Replies,
    pub(super) waiting: BTreeMap<Key, (RequestId, Option<Method>)>,
    pub(super) is_batch: bool,
}

/// Requests in flight that came together: what they have for the client goes into one stream.
pub(super) struct Driver {
    endpoint: Arc<Endpoint>,
    session: Arc<Session>,
    offering: Arc<Offering>,
    outbox: Arc<Outbox>,
    stream: Arc<Stream>,
    answered: Answered,
    /// Calls that have nothing more to say.
    ended: HashSet<Key>,
    _counted: Counted,
}

impl Driver {
    /// Sees to it that they are answered, whether the client is there or not: one that loses its connection has not
    /// cancelled anything.
    pub(super) fn begin(
        endpoint: Arc<Endpoint>,
        session: Arc<Session>,
        offering: Arc<Offering>,
        outbox: Arc<Outbox>,
        answered: Answered,
        open: Open,
    ) -> Posted {
        let stream = session.new_stream(session.next_key(), endpoint.settings.sessions.event_bytes);
        let driver = Self {
            endpoint: endpoint.clone(),
            session: session.clone(),
            offering,
            outbox,
            stream: stream.clone(),
            answered,
            ended: HashSet::new(),
            _counted: endpoint.ready.connections.count(),
        };
        tokio::spawn(driver.run());
        Posted { endpoint, session, stream, open }
    }

    async fn run(mut self) {
        let (mut deadline, mut is_deaf) = (None, false);
        while !(self.answered.waiting.is_empty() && self.outbox.is_empty()) {
            let stop = &self.endpoint.ready.lifespan.stop;
            tokio::select! {
                biased;
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    self.give_up();
                    break;
                }
                () = stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(after(self.endpoint.ready.limits.drain));
                    lock(&self.session.calls).values().for_each(|call| call.cancel.client_is_gone());
                    continue;
                }
                () = self.outbox.filled() => {}
            }
            // What comes meanwhile has its turn after the clock.
            for _ in 0..self.outbox.len() {
                let Some((key, outgoing)) = self.outbox.pop() else { break };
                if matches!(outgoing, Outgoing::Notification(_)) {
                    // Whoever does not read hears no more until it does, and gets what comes of it.
                    is_deaf &= !self.stream.has_room();
                    if is_deaf {
                        continue;
                    }
                    tokio::select! {
                        biased;
                        () = self.stream.room() => {}
                        // At the end nobody waits for those who do not read.
                        () = self.endpoint.ready.lifespan.stop.cancelled() => continue,
                        () = sleep(self.endpoint.settings.keep_alive) => {
                            is_deaf = true;
                            continue;
                        }
                    }
                }
                self.say(key, outgoing);
            }
        }
        let replies = std::mem::take(&mut self.answered.replies);
        if !self.stream.is_fresh() {
            replies.iter().for_each(|reply| self.stream.push(|out| out.extend_from_slice(reply)));
            self.stream.end();
        } else if let Some(message) = whole(replies, self.answered.is_batch) {
            self.stream.finish_with(message);
        } else {
            self.stream.end();
        }
    }

    fn say(&mut self, key: Key, outgoing: Outgoing) {
        let (encoder, revision) = (&self.endpoint.ready.encoder, self.session.legacy.revision);
        match outgoing {
            Outgoing::Reply(outcome) => {
                let Some((id, method)) = self.answered.waiting.remove(&key) else { return };
                lock(&self.session.calls).remove(&id);
                let reply = self.endpoint.reply(&self.session, &self.offering, &id, method, finished(outcome));
                // If that was the last one and nothing else was said, it needs no stream.
                match self.stream.is_fresh() {
                    true => self.answered.replies.push(reply),
                    false => self.stream.push(|out| out.extend_from_slice(&reply)),
                }
            }
            // A call that was cancelled has nothing more to say.
            Outgoing::Notification(notification) if self.is_current(key) => {
                self.stream.push(|out| encoder.notification(out, revision, &notification));
            }
            Outgoing::Request { question, method, params, on_answer } if self.is_current(key) => {
                let id = lock(&self.session.asked).insert(key, question, on_answer);
                self.stream.push(|out| encoder.request(out, revision, &id, method, &params));
            }
            Outgoing::Withdrawal { question } => {
                let withdrawn = lock(&self.session.asked).withdraw(key, question);
                withdrawn.iter().for_each(|id| self.stream.push(|out| encoder.withdrawal(out, id)));
            }
            Outgoing::Cancelled => {
                self.answered.waiting.remove(&key);
                self.ended.insert(key);
                let withdrawn = lock(&self.session.asked).withdraw_all(key);
                withdrawn.iter().for_each(|id| self.stream.push(|out| encoder.withdrawal(out, id)));
            }
            // Clients of older revisions do not know where to come back to before something was said.
            Outgoing::Pause if revision.has_primed_streams() => self.stream.pause(),
            Outgoing::Notification(_) | Outgoing::Request { .. } | Outgoing::Changes | Outgoing::Pause => {}
        }
    }

    fn is_current(&self, key: Key) -> bool {
        !self.ended.contains(&key)
    }

    /// Ends what did not end in time.
    fn give_up(&mut self) {
        for (_, (id, method)) in std::mem::take(&mut self.answered.waiting) {
            let running = lock(&self.session.calls).remove(&id);
            if let Some(Running { cancel, .. }) = running {
                cancel.cancel();
            }
            let error = ErrorObject::new(ErrorCode::InternalError, "the server is shutting down");
            self.answered.replies.push(self.endpoint.reply(&self.session, &self.offering, &id, method, Err(error)));
        }
    }
}

/// Requests of a legacy client that were not answered at once.
pub(super) struct Posted {
    endpoint: Arc<Endpoint>,
    session: Arc<Session>,
    stream: Arc<Stream>,
    open: Open,
}

impl Posted {
    pub(super) async fn finish(self) -> Answer {
        let Self { endpoint, session, stream, open } = self;
        let unheard = Unheard { session: &session, stream: Some(&stream) };
        // Whatever takes long becomes a stream, which can be kept open and come back to.
        _ = timeout(endpoint.settings.keep_alive, stream.begun()).await;
        match stream.take_whole() {
            // Nobody can come back to it.
            Some(message) => Answer::message(StatusCode::OK, message),
            None => {
                unheard.keep();
                reading::events(&endpoint, &session, &stream, None, open)
            }
        }
    }
}

/// A stream of which the client knows nothing yet: if it goes away now, it cannot come back to it.
struct Unheard<'s> {
    session: &'s Session,
    stream: Option<&'s Stream>,
}

impl Unheard<'_> {
    fn keep(mut self) {
        self.stream = None;
    }
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        if let Some(stream) = self.stream {
            self.session.forget_stream(stream.number);
        }
    }
}

/// One message, or a batch of them; nothing is said of none.
pub(super) fn whole(mut replies: Replies, is_batch: bool) -> Option<Vec<u8>> {
    if !is_batch {
        return replies.pop();
    }
    if replies.is_empty() {
        return None;
    }
    let mut out = vec![b'['];
    out.extend_from_slice(&replies.join(&b','));
    out.push(b']');
    Some(out)
}

impl Endpoint {
    pub(super) fn reply(
        &self,
        session: &Session,
        offering: &Offering,
        id: &RequestId,
        method: Option<Method>,
        outcome: Finished,
    ) -> Vec<u8> {
        let (encoder, revision) = (&self.ready.encoder, session.legacy.revision);
        let outcome = encoder.outcome_for(revision, method, outcome);
        let mut out = Vec::with_capacity(USUAL);
        encoder.response(&mut out, revision, id, &outcome, &offering.lists);
        out
    }
}
