//! The headers of Streamable HTTP.

use http::HeaderName;

/// The protocol version of a request.
pub(crate) static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The method of a modern request.
pub(crate) static METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// What a modern request calls, gets or reads.
pub(crate) static NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The session of a legacy client.
pub(crate) static SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// Where in an event stream a legacy client goes on.
pub(crate) static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The media type of an event stream.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";
/// The media type of one message.
pub(crate) const JSON: &str = "application/json";
