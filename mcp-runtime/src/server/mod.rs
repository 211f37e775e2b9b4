//! Builds a server and serves it.

mod builder;
mod capabilities;
mod changes;
mod connection;
#[cfg_attr(not(feature = "client"), expect(dead_code, reason = "who replaces parts is a client"))]
mod feed;
mod handle;
#[cfg(feature = "http")]
pub(crate) mod http;
mod lifespan;
mod limits;
mod live;
mod outbox;
mod ready;
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "one connection knows itself how much goes on on it"))]
mod room;
mod run;
mod surface;

pub use builder::Server;
#[cfg(feature = "__bench")]
pub(crate) use connection::Connection;
#[cfg(feature = "client")]
pub(crate) use feed::Feed;
pub use handle::ServerHandle;
pub use ready::ReadyServer;
pub use surface::assert_tool_surface;
