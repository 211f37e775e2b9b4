//! Legacy clients: they shake hands once, and what they said then holds for the connection.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::ClientFacts;
use crate::protocol::{ElicitationCapability, InitializeRequestParams, LoggingLevel, ProtocolVersion};

/// What a legacy client said in `initialize`.
#[derive(Debug)]
pub(crate) struct LegacySession {
    pub(crate) revision: ProtocolVersion,
    pub(crate) client: Arc<ClientFacts>,
    log_level: Mutex<LoggingLevel>,
}

/// The revision to speak with a client that offers `offered`: that one if we know it and it has
/// a handshake, and else the newest that has.
pub(crate) fn negotiate(offered: &str) -> ProtocolVersion {
    offered.parse().ok().filter(|it: &ProtocolVersion| !it.is_modern()).unwrap_or(ProtocolVersion::LATEST_LEGACY)
}

impl LegacySession {
    pub(crate) fn new(revision: ProtocolVersion, params: InitializeRequestParams) -> Self {
        let InitializeRequestParams { mut capabilities, client_info, .. } = params;
        // What is declared counts as far as the revision has it: forms came with 2025-06-18, pages
        // with 2025-11-25.
        if revision < ProtocolVersion::V2025_11_25 {
            let forms = capabilities.elicitation.filter(|_| revision >= ProtocolVersion::V2025_06_18);
            capabilities.elicitation = forms.map(|_| ElicitationCapability::default());
        }
        // A client that never sets a level hears what goes on, but no details.
        let client = Arc::new(ClientFacts { info: Some(client_info), capabilities });
        Self { revision, client, log_level: Mutex::new(LoggingLevel::Info) }
    }

    /// That of a client of which nothing is known but its revision.
    #[cfg(feature = "http")]
    pub(crate) fn anonymous(revision: ProtocolVersion) -> Self {
        Self { revision, client: Arc::default(), log_level: Mutex::new(LoggingLevel::Info) }
    }

    pub(crate) fn log_level(&self) -> LoggingLevel {
        *self.log_level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_log_level(&self, level: LoggingLevel) {
        *self.log_level.lock().unwrap_or_else(PoisonError::into_inner) = level;
    }
}
