use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::watch;

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
        let has_resources = with.resources.is_some();
        let differs = live.amend(Amendment::replace(self.part, with))?;
        if differs && has_resources {
            // Somebody may listen to what has come.
            live.events().interest_changed();
        }
        Ok(())
    }

    /// Tells clients that the resource of this URI holds something else now.
    pub(crate) fn resource_updated(&self, uri: &str) {
        let Some(live) = self.live() else { return };
        let uri = live.host_of(self.part).map_or_else(|| uri.into(), |host| host.uri(uri).as_ref().into());
        live.events().changed(&Change::Resource(uri));
    }

    /// Hears when clients listen to other resources than before. `None` while the server does not run.
    pub(crate) fn interest(&self) -> Option<watch::Receiver<()>> {
        Some(self.live()?.events().interest())
    }

    /// To which of the resources of this part clients listen; as it calls them, wherever it is mounted.
    pub(crate) fn watched(&self) -> BTreeSet<String> {
        let Some(live) = self.live() else { return BTreeSet::new() };
        let Some((offering, _)) = live.current() else { return BTreeSet::new() };
        let host = live.host_of(self.part);
        let inner = |uri: &Arc<str>| match &host {
            Some(host) => host.inner(uri, host.prefix.len()).as_ref().to_owned(),
            None => uri.as_ref().to_owned(),
        };
        let watched = live.events().watched();
        watched.iter().filter(|uri| offering.registry.has_in_part(self.part, uri)).map(inner).collect()
    }
}
