//! What the glue of `#[tool]` calls: arguments in, results out, decided here and compiled once.

mod args;
mod error;
mod input;
mod output;
mod param;
mod schema;

pub(crate) use args::Args;
pub use error::{IntoToolError, ToolError};
pub(crate) use input::Progress;
pub use input::{Inject, Lend, Started, State, ToolCall, ToolParam, ToolRef};
pub use output::{IntoToolResult, Json, ListItem};
pub(crate) use param::States;
pub use param::{ParamKind, ParamSpec, StateNeed};
pub(crate) use schema::{output_generator, schema_generator, tidy, without_null};
