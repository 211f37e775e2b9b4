//! Builds a server and serves it.

mod builder;
mod connection;
mod outbox;
mod run;

pub use builder::Server;
