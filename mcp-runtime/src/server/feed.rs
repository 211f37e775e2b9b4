use std::sync::{Arc, OnceLock, Weak};

use super::live::{Amendment, Live};
use crate::error::Error;
use crate::protocol::Change;
use crate::registry::{PartId, Replacement};

/// Replaces a part of what a server offers while it runs, also when the server is mounted on another one: then clients
/// of that see it. Clones replace the same part.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    part: PartId,
    /// The server that offers it in the end. Whoever feeds it must not keep it.
    live: Arc<OnceLock<Weak<Live>>>,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self { part: PartId::new(), live: Arc::default() }
    }

    pub(super) fn part(&self) -> PartId {
        self.part
    }

    /// The server runs that offers it.
    pub(super) fn connect(&self, live: &Arc<Live>) {
        // A server runs once.
        _ = self.live.set(Arc::downgrade(live));
    }

    fn live(&self) -> Option<Arc<Live>> {
        self.live.get()?.upgrade()
    }

    /// Offers this from now on, and tells clients, if it is something else. Nothing happens while the server does not
    /// run.
    ///
    /// # Errors
    ///
    /// All that is wrong with it; then what was offered stays.
    pub(crate) fn replace(&self, with: Replacement) -> Result<(), Error> {
        let Some(live) = self.live() else { return Ok(()) };
        live.amend(Amendment::Replace(self.part, with)).map(|_| ())
    }

    /// Tells clients that the resource of this URI holds something else now.
    pub(crate) fn resource_updated(&self, uri: &str) {
        let Some(live) = self.live() else { return };
        let uri = live.host_of(self.part).map_or_else(|| uri.into(), |host| host.uri(uri).as_ref().into());
        live.events().changed(&Change::Resource(uri));
    }
}
