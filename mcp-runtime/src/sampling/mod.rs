#![doc = include_str!("../docs/sampling.md")]
#![doc = ""]
// Where the page leads to, as far as that is compiled.
#![cfg_attr(feature = "genai", doc = "[genai]: crate::sampling::Genai")]
#![cfg_attr(not(feature = "genai"), doc = "[genai]: crate")]
#![cfg_attr(feature = "testing", doc = "[scripted]: crate::testing::ScriptedModel")]
#![cfg_attr(feature = "testing", doc = "[trial]: crate::testing::Trial")]
#![cfg_attr(not(feature = "testing"), doc = "[scripted]: crate")]
#![cfg_attr(not(feature = "testing"), doc = "[trial]: crate")]

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
