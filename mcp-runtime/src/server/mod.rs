//! Builds a server and serves it.

mod builder;
mod changes;
mod connection;
#[expect(dead_code, reason = "nobody replaces parts yet")]
mod feed;
mod handle;
#[cfg(feature = "http")]
pub(crate) mod http;
mod lifespan;
mod limits;
mod live;
mod outbox;
mod ready;
mod run;
mod surface;

pub use builder::Server;
pub use handle::ServerHandle;
pub use ready::ReadyServer;
pub use surface::assert_tool_surface;
