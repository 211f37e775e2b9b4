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
pub use context::{Context, CreateMessage, Log, Prompt, QuestionError, ReportProgress, Sample, SamplingResult};
pub use error::{Error, ErrorKind};
#[doc = include_str!("docs/tool.md")]
pub use mcp_macros::tool;
pub use registry::Tools;
pub use server::Server;
pub use tool::{
    Inject, IntoToolError, IntoToolResult, Json, ListItem, ParamKind, State, StateNeed, ToolCall, ToolError, ToolParam,
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
    ($($tool:path),* $(,)?) => {
        $crate::Tools::new(&[$(<$tool as $crate::__private::Tool>::SPEC),*])
    };
}
