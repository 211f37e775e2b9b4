#![doc = include_str!("../docs/sampling.md")]

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
