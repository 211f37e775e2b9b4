//! What whoever operates a program sees of its requests: a span for each, and how long they take, by
//! the semantic conventions of OpenTelemetry. Everything stands on it; it knows only `protocol/`.

#[cfg(feature = "client-log")]
mod client_log;
mod operation;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "otlp")]
mod otlp;
mod trail;

#[cfg(feature = "client-log")]
pub use client_log::ClientLog;
#[cfg(feature = "client-log")]
pub(crate) use client_log::{Audience, hand_to};
pub(crate) use operation::{Ended, Facts, Operation, Target, Telemetry};
#[cfg(all(feature = "otel", feature = "client"))]
pub(crate) use otel::Origin;
#[cfg(feature = "otlp")]
pub use otlp::Otlp;
pub(crate) use trail::{Left, Trail, current};

use tracing::Level;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};

/// Whose spans those of served requests are, for filters.
const SERVER: &str = "mcp_runtime::server";

/// Whose spans those of a client's requests are.
const CLIENT: &str = "mcp_runtime::client";

/// Whether what happens in the span of this thread must be handed to its call.
pub(crate) fn has_audience() -> bool {
    #[cfg(feature = "client-log")]
    return is_on() && client_log::is_awaited(&current());
    #[cfg(not(feature = "client-log"))]
    return false;
}

/// Whether anybody looks at spans at all. One load and one comparison: without a subscriber a call
/// costs no more than that.
pub(crate) fn is_on() -> bool {
    Level::INFO <= STATIC_MAX_LEVEL && Level::INFO <= LevelFilter::current()
}
