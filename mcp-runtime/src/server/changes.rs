//! What a connection tells its client of what has changed: a modern one for each `subscriptions/listen`
//! ([specification]), a legacy one for its session.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions

use serde_json::json;

use super::connection::Connection;
use super::outbox::Outgoing;
use crate::protocol::{
    ErrorCode, ErrorObject, Method, ProtocolVersion, RequestId, ServerResult, SubscriptionFilter, keys,
};
use crate::session::{InFlight, Key, Pending};
use crate::subscription::{Sight, Subscription};

/// Changes are only written while less than this waits to be: until a client reads them, they may become fewer.
pub(super) const UNREAD: usize = 8 << 10;

/// The key of what belongs to the session of a legacy client; requests have others.
pub(super) const SESSION: Key = 0;

impl Connection<'_> {
    /// Subscribes for a request, which is in flight from then on.
    pub(super) fn listen(
        &mut self,
        key: Key,
        id: &RequestId,
        revision: ProtocolVersion,
        filter: SubscriptionFilter,
        sight: &Sight,
        out: &mut Vec<u8>,
    ) {
        // Nothing may be told before this.
        self.ready.encoder.acknowledged(out, id, &filter);
        out.push(b'\n');
        let pending = Pending::Listen(self.subscribe(key, filter, sight));
        let method = Some(Method::SubscriptionsListen);
        self.calls.insert(key, InFlight { id: id.clone(), revision, method, pending, batch: None });
    }

    /// A legacy client hears of all lists that may change, from when it is ready.
    pub(super) fn listen_for_session(&mut self) -> &Subscription {
        let lists = match self.ready.live.may_change() {
            true => SubscriptionFilter::new().lists(),
            false => SubscriptionFilter::new(),
        };
        let subscription = match self.session_changes.take() {
            Some(subscription) => subscription,
            // What it listens to comes later.
            None => self.subscribe(SESSION, lists, &Sight::new(|_| false)),
        };
        self.session_changes.insert(subscription)
    }

    /// Subscribes a legacy client to a resource.
    pub(super) fn watch(&mut self, uri: &str, sight: Sight) -> ServerResult {
        self.listen_for_session().watch(uri, sight);
        ServerResult::Empty
    }

    pub(super) fn unwatch(&mut self, uri: &str) -> ServerResult {
        if let Some(subscription) = &self.session_changes {
            subscription.unwatch(uri);
        }
        ServerResult::Empty
    }

    fn subscribe(&self, key: Key, filter: SubscriptionFilter, sight: &Sight) -> Subscription {
        let outbox = self.outbox.clone();
        self.ready.live.events().subscribe(filter, sight, move || outbox.push(key, Outgoing::Changes))
    }

    /// Whether it may be subscribed to so many more resources.
    pub(super) fn has_room_to_watch(&self, more: usize) -> Result<(), ErrorObject> {
        let listening = self.calls.iter().filter_map(|call| match &call.pending {
            Pending::Listen(subscription) => Some(subscription),
            Pending::Call(_) => None,
        });
        let watched: usize = listening.chain(&self.session_changes).map(Subscription::watched).sum();
        let limit = self.ready.limits.subscriptions;
        if more == 0 || watched.saturating_add(more) <= limit {
            return Ok(());
        }
        Err(ErrorObject::new(
            ErrorCode::InternalError,
            format!("a connection may be subscribed to {limit} resources; give up some of them first"),
        ))
    }

    /// Writes what has changed, up to about `room` bytes; what is left waits.
    pub(super) fn write_changes(&mut self, key: Key, room: usize, out: &mut Vec<u8>) {
        let (subscription, id) = match self.calls.get(key) {
            Some(InFlight { pending: Pending::Listen(subscription), id, .. }) => (subscription, Some(id)),
            _ => match &self.session_changes {
                Some(subscription) if key == SESSION => (subscription, None),
                // It was given up meanwhile.
                _ => return,
            },
        };
        let start = out.len();
        while out.len() - start < room {
            let Some(change) = subscription.next() else { return };
            self.ready.encoder.change(out, id, &change);
            out.push(b'\n');
        }
        self.untold.push(key);
    }

    /// Goes on with what waits.
    pub(super) fn write_untold(&mut self, room: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let mut next = Vec::new();
        for key in std::mem::take(&mut self.untold) {
            match room.saturating_sub(out.len() - start) {
                0 => next.push(key),
                room => self.write_changes(key, room, out),
            }
        }
        // Who had their turn wait for those who had not.
        next.append(&mut self.untold);
        self.untold = next;
    }

    /// Tells those who listen what they have not heard, and that it is over.
    pub(super) fn end_subscriptions(&mut self, out: &mut Vec<u8>) {
        let encoder = &self.ready.encoder;
        let last = |subscription: &Subscription, id: Option<&RequestId>, out: &mut Vec<u8>| {
            while let Some(change) = subscription.next() {
                encoder.change(out, id, &change);
                out.push(b'\n');
            }
        };
        if let Some(subscription) = self.session_changes.take() {
            last(&subscription, None, out);
        }
        for InFlight { id, revision, method, pending, .. } in self.calls.take_listening() {
            if let Pending::Listen(subscription) = pending {
                last(&subscription, Some(&id), out);
            }
            let meta = [(keys::SUBSCRIPTION_ID.to_owned(), json!(id))].into_iter().collect();
            self.reply(&id, revision, method, Ok(ServerResult::EndOfSubscription(meta)), None, out);
        }
    }
}
