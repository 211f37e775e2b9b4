//! The way from a request over HTTP to its client.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use super::session::Session;
use crate::auth::granted;
use crate::dispatch::Origin;
use crate::engine::Reply;
use crate::protocol::{BoxFuture, ErrorCode, ErrorObject, Extensions, OnAnswer, Outlet, ServerNotification};
use crate::server::outbox::{CallOutlet, Outbox, owed};
use crate::server::room::Place;
use crate::session::Key;

/// What carries HTTP, as OpenTelemetry calls it.
pub(super) const TRANSPORT: Option<&str> = Some("tcp");

/// Where a request over HTTP comes from.
pub(super) struct HttpOrigin<'a> {
    pub(super) key: Key,
    /// Made for a call that does not end at once.
    pub(super) outbox: &'a OnceCell<Arc<Outbox>>,
    /// How long its call waits for a client that does not read.
    pub(super) patience: Duration,
    /// Of the call among those that run, if it does not end at once.
    pub(super) place: Cell<Option<Place>>,
    pub(super) subscriptions: usize,
    pub(super) extensions: &'a Extensions,
    /// In which it can be asked something on the way.
    pub(super) session: Option<&'a Session>,
}

/// The way to a client that can be told something, and is asked by results only.
struct TellingOutlet(CallOutlet);

impl Outlet for TellingOutlet {
    fn notify(&self, notification: ServerNotification) -> BoxFuture<'_, ()> {
        self.0.notify(notification)
    }

    fn request(&self, _: usize, _: &'static str, _: Box<RawValue>, _: OnAnswer) {}

    fn withdraw(&self, _: usize) {}
}

impl HttpOrigin<'_> {
    fn outbox(&self) -> &Arc<Outbox> {
        self.outbox.get_or_init(|| Outbox::impatient(self.patience))
    }
}

impl Origin for HttpOrigin<'_> {
    fn outlet(&self) -> Arc<dyn Outlet> {
        let outlet = CallOutlet { key: self.key, outbox: self.outbox().clone() };
        if self.session.is_some() { Arc::new(outlet) } else { Arc::new(TellingOutlet(outlet)) }
    }

    fn reply(&self) -> Reply {
        owed(self.key, self.outbox(), self.place.take())
    }

    fn has_room(&self) -> Result<(), ErrorObject> {
        // Who comes this far has room.
        Ok(())
    }

    fn has_room_to_watch(&self, more: usize) -> Result<(), ErrorObject> {
        if more <= self.subscriptions {
            return Ok(());
        }
        let message = format!("one stream may tell of {} resources; open another one for more", self.subscriptions);
        Err(ErrorObject::new(ErrorCode::InternalError, message))
    }

    fn watches(&self, uri: &str) -> bool {
        self.session.is_some_and(|session| session.watches(uri))
    }

    fn transport(&self) -> Option<&'static str> {
        TRANSPORT
    }

    fn granted(&self) -> Option<Vec<String>> {
        granted(self.extensions)
    }
}
