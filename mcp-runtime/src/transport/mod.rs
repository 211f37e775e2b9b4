//! Bytes in, bytes out.

#[cfg(any(feature = "http", feature = "client-http"))]
pub(crate) mod http;
mod lines;
#[cfg(feature = "client")]
mod memory;
mod messages;
mod stdio;
mod streams;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use lines::{Line, LineReader, LineWriter};
#[cfg(feature = "client")]
pub(crate) use memory::pair;
pub use messages::Messages;
pub(crate) use stdio::Stdio;
#[cfg(feature = "client")]
pub(crate) use stdio::threaded;
pub use streams::Transport;

/// The reading half of a connection.
pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// The writing half of a connection.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;
