//! The only names that macro output may say. Not part of the API.

pub use std::sync::Arc;

pub use mcp_macros::tools_list;

pub use crate::context::Requester;
pub use crate::engine::Resume;
pub use crate::registry::{OutputSchema, Tool, ToolDetails, ToolSpec, Tools, UNFINISHED};
pub use crate::server::assert_tool_surface;
pub use crate::tool::{
    Beside, DefaultArgument, Distinct, FromShared, HeaderArgument, IntoBound, IntoDefault, IntoToolResult, Lend,
    ListArgument, Marked, NumberArgument, ParamDetails, ParamSpec, Started, TextArgument, TextDefault, ToolArgument,
    ToolCall, ToolParam, ToolRef, TypeDefault, Undescribed, Unnamed, checked,
};
