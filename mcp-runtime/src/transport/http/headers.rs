//! The headers of Streamable HTTP, by name: lower case, as HTTP/2 has them.

/// The protocol version of a request.
pub(crate) const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// The method of a modern request.
pub(crate) const METHOD: &str = "mcp-method";
/// What a modern request calls, gets or reads.
pub(crate) const NAME: &str = "mcp-name";
/// The session of a legacy client.
pub(crate) const SESSION_ID: &str = "mcp-session-id";
/// Where in an event stream a legacy client goes on.
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";

/// The media type of an event stream.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";
/// The media type of one message.
pub(crate) const JSON: &str = "application/json";
