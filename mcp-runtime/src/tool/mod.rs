//! What the glue of `#[tool]` calls: arguments in, results out, decided here and compiled once.

mod args;
mod error;
mod input;
mod output;
mod schema;

pub(crate) use args::Args;
pub use error::{IntoToolError, ToolError};
pub use input::{Inject, Lend, ParamKind, ParamSpec, Started, State, StateNeed, ToolCall, ToolParam, ToolRef};
pub(crate) use input::{Progress, States};
pub use output::{IntoToolResult, Json, ListItem};
pub(crate) use schema::{output_generator, schema_generator, tidy, without_null};
