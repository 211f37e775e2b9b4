//! What is HTTP about [Streamable HTTP]: headers, event streams, and who may call. What is said over it is
//! the business of `server/http` and `client/http`.
//!
//! [Streamable HTTP]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http

#[cfg(feature = "http")]
mod activity;
#[cfg(feature = "http")]
mod body;
mod encoding;
pub(crate) mod headers;
#[cfg(feature = "http")]
mod origin;
#[cfg(feature = "http")]
mod said;
#[cfg(feature = "http")]
mod socket;
#[cfg(feature = "http")]
pub(crate) mod sse;

#[cfg(feature = "http")]
pub(crate) use activity::{Active, Activity};
#[cfg(feature = "http")]
pub(crate) use body::Events;
#[cfg(feature = "http")]
pub use body::HttpBody;
#[cfg(feature = "http")]
pub(crate) use encoding::decode;
#[cfg(feature = "client-http")]
pub(crate) use encoding::encode;
#[cfg(feature = "http")]
pub(crate) use origin::{Callers, Foreign};
#[cfg(feature = "http")]
pub(crate) use said::{Header, Repeated, Said};
#[cfg(feature = "http")]
pub(crate) use socket::Socket;
