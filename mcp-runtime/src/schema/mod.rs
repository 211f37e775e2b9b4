//! JSON Schema: made from types, checked against values, put into words. It knows neither tools nor
//! messages.

mod check;
mod describe;
mod format;
mod generate;
mod mirror;
mod rule;
mod survey;

pub(crate) use check::{Checker, is_of_kind};
pub(crate) use describe::{came, listed, nearest, shortened, wanted};
pub(crate) use format::Format;
pub(crate) use generate::{output_generator, schema_generator, tidy, tidy_input, without_null};
#[cfg(any(feature = "http", feature = "client-http"))]
pub(crate) use mirror::Mirrored;
pub(crate) use mirror::mirrored;
pub(crate) use rule::{Facts, Number, Rule};
