//! Bytes to one message and back, and where revisions differ.

mod content;
mod elicitation;
mod glimpse;
mod list;
mod message;
mod revision;
mod sampling;

pub(crate) use glimpse::{Glimpse, glimpse};
pub(crate) use list::{List, Lists};
pub(crate) use message::{Incoming, Malformed, parse, split_batch};
#[cfg(feature = "http")]
pub(crate) use revision::error_response as write_error;
#[cfg(feature = "client")]
pub(crate) use revision::request_meta;
pub(crate) use revision::{Encoder, Keep};
