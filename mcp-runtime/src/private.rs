//! The only names that macro output may say. Not part of the API.

pub use crate::registry::{Tool, ToolSpec, UNFINISHED};
pub use crate::tool::{IntoToolResult, Lend, ParamSpec, Started, ToolCall, ToolParam, ToolRef};
