//! Builds a server and serves it.

mod builder;
mod connection;
mod outbox;
mod run;
mod surface;

pub use builder::Server;
pub use surface::assert_tool_surface;
