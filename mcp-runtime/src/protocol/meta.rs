use serde_json::{Map, Value};

/// A `_meta` object: metadata that rides along with a request, a result or an item
/// ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic#meta
pub type Meta = Map<String, Value>;

/// The reserved keys of `_meta`.
pub(crate) mod keys {
    pub(crate) const PROGRESS_TOKEN: &str = "progressToken";
    pub(crate) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    pub(crate) const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    pub(crate) const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    pub(crate) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
    #[cfg(feature = "otel")]
    pub(crate) const TRACEPARENT: &str = "traceparent";
    #[cfg(feature = "otel")]
    pub(crate) const TRACESTATE: &str = "tracestate";
    #[cfg(feature = "otel")]
    pub(crate) const BAGGAGE: &str = "baggage";
    pub(crate) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
}
