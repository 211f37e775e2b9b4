//! All that is said on the connection of a client, for whoever wants to see it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Who says a message; see [`ClientBuilder::on_message`](super::ClientBuilder::on_message).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

type Listener = dyn Fn(Speaker, &str) + Send + Sync;

/// Whoever is told of every message, if there is somebody.
#[derive(Clone, Default)]
pub(super) struct Overheard(Option<Arc<Listener>>);

impl Overheard {
    pub(super) fn by(listener: impl Fn(Speaker, &str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Something was said. What is no text is told as well as it can be.
    pub(super) fn said(&self, by: Speaker, message: &[u8]) {
        let Some(listener) = &self.0 else { return };
        let message = String::from_utf8_lossy(message.trim_ascii());
        // A listener that panics must not take the connection with it.
        if catch_unwind(AssertUnwindSafe(|| listener(by, &message))).is_err() {
            tracing::error!("the listener of `on_message` panicked");
        }
    }
}
