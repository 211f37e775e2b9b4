//! The only names that macro output may say. Not part of the API.

pub use crate::registry::{ParamSpec, Tool, ToolSpec, param};
pub use crate::tool::{IntoToolResult, Started, ToolCall, ToolParam, ToolRef};
