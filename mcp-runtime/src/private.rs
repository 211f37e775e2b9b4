//! The only names that macro output may say. Not part of the API.

pub use std::sync::Arc;

pub use mcp_macros::list;

pub use crate::context::Requester;
pub use crate::engine::Resume;
pub use crate::protocol::Role;
pub use crate::registry::{
    OutputSchema, PromptFn, PromptSpec, Prompts, ResourceFacts, ResourceFn, ResourceSpec, Resources, Tool, ToolSpec,
    Tools, UNFINISHED, UNFINISHED_PROMPT, UNFINISHED_RESOURCE,
};
pub use crate::server::assert_tool_surface;
pub use crate::tool::{
    Beside, DefaultArgument, Distinct, FromShared, HeaderArgument, IntoBound, IntoDefault, IntoPromptResult,
    IntoResourceResult, IntoToolResult, Lend, ListArgument, Marked, NoVariable, NumberArgument, ParamDetails,
    ParamSpec, Started, TextArgument, TextDefault, ToolArgument, ToolCall, ToolParam, ToolRef, TypeDefault,
    Undescribed, Unnamed, checked,
};
