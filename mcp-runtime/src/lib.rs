#![doc = include_str!("docs/lib.md")]
#![deny(missing_docs)]

// So that macro output can say `::mcp_runtime` in this crate's own tests.
extern crate self as mcp_runtime;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "client")]
pub mod client;
mod codec;
mod context;
mod dispatch;
mod engine;
mod error;
pub mod prelude;
pub mod protocol;
mod registry;
mod server;
mod session;
mod tool;
mod transport;

#[cfg(feature = "client")]
pub use client::Client;
pub use context::{
    Context, CreateMessage, Log, Prompt, QuestionError, ReportProgress, Requester, Sample, SamplingResult,
};
pub use error::{Error, ErrorKind};
#[doc = include_str!("docs/tool.md")]
pub use mcp_macros::tool;
pub use protocol::extensions::Extensions;
pub use registry::{DynTool, Tools};
pub use server::Server;
pub use tool::{
    Args, Extension, HeaderArgument, Inject, IntoBound, IntoContent, IntoToolError, IntoToolResult, Json, ListArgument,
    ListItem, NumberArgument, ParamKind, Real, State, StateNeed, TextArgument, ToolCall, ToolError, ToolParam, Whole,
};
// Not part of the API; here so that messages of the compiler name them shortly.
#[doc(hidden)]
pub use tool::{
    All, DefaultArgument, Given, Injected, Lend, TextDefault, ToolArgument, TypeDefault, Undescribed, Unnamed,
};
pub use {schemars, serde, tokio_util::sync::CancellationToken};

/// Collects functions that carry [`#[tool]`](macro@tool) for [`Server::tools`].
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Add two integers.
/// #[tool]
/// fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let server = Server::new("calculator").tools(tools![add]);
/// ```
#[macro_export]
macro_rules! tools {
    ($($tool:tt)*) => {
        $crate::__private::tools_list!($crate; $($tool)*)
    };
}
