//! The only names that macro output may say. Not part of the API.

pub use crate::registry::{ParamSpec, Tool, ToolSpec, UNFINISHED};
pub use crate::tool::{IntoToolResult, Lend, ParamKind, Started, ToolCall, ToolParam, ToolRef};
