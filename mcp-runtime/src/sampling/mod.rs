//! Who answers questions to a model: the same for a client that is asked by its servers, and for a
//! server whose client cannot be asked.
//!
//! A [`SamplingProvider`] takes the parameters of `sampling/createMessage` and gives an answer. A
//! closure is one; so is everything that implements the trait.

mod error;
mod provider;

pub use error::{ProviderError, ProviderErrorKind};
pub use provider::SamplingProvider;

#[cfg(feature = "client")]
pub(crate) use provider::AnyProvider;
