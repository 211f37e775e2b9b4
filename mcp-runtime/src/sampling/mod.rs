//! Who answers questions to a model: the same for a client that is asked by its servers, and for a
//! server whose client cannot be asked.
//!
//! A [`SamplingProvider`] takes the parameters of `sampling/createMessage` and gives an answer. A
//! closure is one; so is everything that implements the trait.

mod conversation;
mod error;
mod fallback;
#[cfg(feature = "genai")]
mod genai;
mod provider;

pub(crate) use conversation::check as check_conversation;

#[cfg(feature = "genai")]
pub use self::genai::{Genai, Model};
pub use error::{ProviderError, ProviderErrorKind};
pub use fallback::SamplingFallback;
pub(crate) use provider::AnyProvider;
pub use provider::SamplingProvider;
