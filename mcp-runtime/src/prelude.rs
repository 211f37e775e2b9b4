//! What users import: `use mcp_runtime::prelude::*;`

pub use crate::{
    Args, Completing, Context, DynTool, Elicited, Extension, Json, Server, State, ToolError, prompt, prompts, resource,
    resources, tool, tools,
};

/// A result whose error is [`ToolError`], for tools and for `main`.
pub type Result<T, E = ToolError> = std::result::Result<T, E>;
