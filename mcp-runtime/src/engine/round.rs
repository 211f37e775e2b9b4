//! What a call knows about the request that drives it at the moment.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::protocol::{
    ClientCapabilities, Extensions, Implementation, LoggingLevel, Members, Meta, ProgressToken, RequestId, keys,
};

/// One request of a call.
#[derive(Clone)]
pub(crate) struct Round {
    pub(crate) request_id: RequestId,
    /// As JSON: few want it, and calls may wait for long.
    pub(crate) meta: Option<Box<str>>,
    pub(crate) client: Client,
    pub(crate) progress_token: Option<ProgressToken>,
    /// The least severe log message that the client wants; `None` for none at all.
    pub(crate) log_level: Option<LoggingLevel>,
    /// What came along with it.
    pub(crate) extensions: Extensions,
    pub(crate) decoded: Decoded,
}

/// Where a client says what it is.
#[derive(Clone)]
pub(crate) enum Client {
    /// It was said in a handshake.
    Known(Arc<ClientFacts>),
    /// It is in the metadata of the request; there are its capabilities.
    Said(Range<usize>),
}

/// What a client says of itself.
#[derive(Debug, Default)]
pub(crate) struct ClientFacts {
    pub(crate) info: Option<Implementation>,
    pub(crate) capabilities: ClientCapabilities,
}

/// What somebody wanted to know of it.
#[derive(Clone, Default)]
pub(crate) struct Decoded {
    info: OnceLock<Option<Arc<Implementation>>>,
    capabilities: OnceLock<Arc<ClientCapabilities>>,
}

impl Round {
    /// Of no request: what may be asked of one of which nothing but this is known.
    #[cfg(feature = "testing")]
    pub(crate) fn detached(extensions: Extensions) -> Self {
        Self {
            request_id: RequestId::Number(0),
            meta: None,
            client: Client::Known(Arc::default()),
            progress_token: None,
            log_level: None,
            extensions,
            decoded: Decoded::default(),
        }
    }

    pub(crate) fn info(&self) -> Option<&Implementation> {
        if let Client::Known(facts) = &self.client {
            return facts.info.as_ref();
        }
        let info = || {
            let meta = Members::read(self.meta.as_deref()?);
            meta.get(keys::CLIENT_INFO).and_then(|info| serde_json::from_str(info.get()).ok()).map(Arc::new)
        };
        self.decoded.info.get_or_init(info).as_deref()
    }

    pub(crate) fn capabilities(&self) -> &ClientCapabilities {
        let said = match &self.client {
            Client::Known(facts) => return &facts.capabilities,
            Client::Said(place) => self.meta.as_deref().and_then(|meta| meta.get(place.clone())).unwrap_or("{}"),
        };
        self.decoded.capabilities.get_or_init(|| read(said))
    }

    pub(crate) fn meta(&self) -> Meta {
        self.meta.as_deref().and_then(|meta| serde_json::from_str(meta).ok()).unwrap_or_default()
    }

    /// About how many bytes it holds.
    pub(super) fn size(&self) -> usize {
        let decoded = self.decoded.capabilities.get().map_or(0, |_| size_of::<ClientCapabilities>());
        size_of::<Self>() + self.meta.as_ref().map_or(0, |meta| meta.len()) + decoded
    }
}

thread_local! {
    /// The capabilities that were read last, and what they say.
    static LAST: RefCell<Option<(Box<str>, Arc<ClientCapabilities>)>> = const { RefCell::new(None) };
}

/// What capabilities say. Clients say the same with each request, so the last ones are kept.
fn read(said: &str) -> Arc<ClientCapabilities> {
    /// Longer ones are not kept.
    const LONGEST: usize = 1 << 10;
    let is_last = |(last, _): &&(Box<str>, _)| **last == *said;
    let kept = LAST.with_borrow(|last| last.as_ref().filter(is_last).map(|(_, capabilities)| capabilities.clone()));
    if let Some(kept) = kept {
        return kept;
    }
    match serde_json::from_str::<ClientCapabilities>(said).map(Arc::new) {
        Ok(capabilities) => {
            if said.len() <= LONGEST {
                LAST.set(Some((said.into(), capabilities.clone())));
            }
            capabilities
        }
        Err(error) => {
            tracing::warn!(%error, "the client's capabilities could not be read; it counts as having none");
            Arc::default()
        }
    }
}
