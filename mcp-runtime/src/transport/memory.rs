//! A connected pair, for tests and for servers inside their client's process.

use tokio::io::{DuplexStream, duplex};

/// Two ends; what is written to one is read from the other.
pub(crate) fn pair() -> (DuplexStream, DuplexStream) {
    duplex(256 << 10)
}
