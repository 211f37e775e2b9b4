#![doc = include_str!("docs/lib.md")]
#![deny(missing_docs)]

// So that macro output can say `::mcp_runtime` in this crate's own tests.
extern crate self as mcp_runtime;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "http")]
pub mod auth;
#[cfg(feature = "__bench")]
#[doc(hidden)]
pub mod bench;
#[cfg(feature = "client")]
pub mod client;
mod codec;
mod context;
#[cfg(feature = "http")]
#[doc = include_str!("docs/deployment.md")]
pub mod deployment {}
mod dispatch;
mod engine;
mod error;
pub mod layer;
#[cfg(feature = "client")]
#[doc = include_str!("docs/migration.md")]
pub mod migration {}
#[doc = include_str!("docs/observability.md")]
pub mod observability {}
pub mod prelude;
pub mod protocol;
mod registry;
#[doc = include_str!("docs/rounds.md")]
pub mod rounds {}
pub mod sampling;
mod schema;
mod server;
#[cfg(feature = "skills")]
mod skills;
#[doc = include_str!("docs/servers.md")]
pub mod servers {}
mod session;
#[cfg(feature = "http")]
#[doc = include_str!("docs/http.md")]
pub mod streamable_http {}
mod side_by_side;
mod siphash;
mod subscription;
mod tally;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod tool;
mod transport;

#[cfg(feature = "client")]
pub use client::Client;
pub use context::{
    Confirm, Context, CreateMessage, Elicit, ElicitUrl, Elicited, IntoToolError, ListRoots, Log, OneTurn, Progress,
    ProgressIter, ProgressStream, ProgressTotal, Prompt, QuestionError, ReportProgress, Requester, Sample, SampleStep,
    SamplingResult, ToolError, Typed, Units, WholeAnswer,
};
pub use engine::{
    Answers, Claim, Claimant, InvalidResume, InvalidStateKey, MemoryOutcomes, MemoryTasks, Metrics, OutcomeStore,
    RememberedOutcome, Resume, StateKey, TaskMessage, TaskRecord, TaskStore, Ticket,
};
pub use error::{Error, ErrorKind};
#[doc = include_str!("docs/prompt.md")]
pub use mcp_macros::prompt;
#[doc = include_str!("docs/resource.md")]
pub use mcp_macros::resource;
#[doc = include_str!("docs/tool.md")]
pub use mcp_macros::tool;
pub use protocol::extensions::Extensions;
pub use protocol::principal::Principal;
#[cfg(feature = "skills")]
pub use registry::Skill;
pub use registry::{DynPrompt, DynTool, Item, Prompts, Resource, Resources, Tools};
pub use sampling::{ProviderError, ProviderErrorKind, SamplingProvider};
#[cfg(feature = "http")]
pub use server::http::{EventStore, HttpBody, StoredEvent, StreamableHttp};
pub use server::{ReadyServer, Server, ServerHandle};
#[cfg(feature = "client-log")]
pub use telemetry::ClientLog;
#[cfg(feature = "otlp")]
pub use telemetry::Otlp;
pub use tool::{
    Args, Completer, CompleterOf, Completing, Extension, HeaderArgument, Inject, IntoBound, IntoCompletion,
    IntoContent, IntoMessages, IntoPromptResult, IntoResourceResult, IntoToolResult, Json, ListArgument, ListItem,
    NumberArgument, ParamKind, Real, State, StateNeed, TextArgument, ToolCall, ToolParam, Whole,
};
// Not part of the API; here so that messages of the compiler name them shortly.
#[doc(hidden)]
pub use tool::{
    All, Awaited, Beside, DefaultArgument, Distinct, Fixed, Free, FromShared, Given, Injected, Iterated, Lend, Lent,
    Listed, Marked, NoVariable, Plain, Proposing, TextDefault, ToolArgument, TypeDefault, Undescribed, Unnamed,
};
pub use transport::{Messages, Transport};
pub use {schemars, serde, tokio_util::sync::CancellationToken};

#[cfg(feature = "http")]
pub use http;
#[cfg(feature = "otel")]
pub use opentelemetry;
#[cfg(feature = "client-http")]
pub use reqwest;
#[cfg(feature = "http-tls")]
pub use rustls;

/// Collects functions that carry [`#[tool]`](macro@tool) for [`Server::tools`].
///
/// Each is named by its path, once; `#[cfg(..)]` may stand before it.
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
        $crate::__private::list!($crate; tool; $($tool)*)
    };
}

/// Collects functions that carry [`#[prompt]`](macro@prompt) for [`Server::prompts`], as
/// [`tools!`] does.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Greet somebody.
/// #[prompt]
/// fn greet(name: &str) -> String {
///     format!("Write a greeting to {name}.")
/// }
///
/// let server = Server::new("greeter").prompts(prompts![greet]);
/// ```
#[macro_export]
macro_rules! prompts {
    ($($prompt:tt)*) => {
        $crate::__private::list!($crate; prompt; $($prompt)*)
    };
}

/// Collects functions that carry [`#[resource]`](macro@resource) for [`Server::resources`], as
/// [`tools!`] does.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// What this is for.
/// #[resource("docs://purpose")]
/// fn purpose() -> &'static str {
///     "It shows a resource."
/// }
///
/// let server = Server::new("docs").resources(resources![purpose]);
/// ```
#[macro_export]
macro_rules! resources {
    ($($resource:tt)*) => {
        $crate::__private::list!($crate; resource; $($resource)*)
    };
}

/// Compares what models see of tools with a file: their names, descriptions and schemas.
///
/// A change of these changes what models do, as much as a change of code. This makes it one that
/// is reviewed. The first argument is the file, from the directory of the crate's `Cargo.toml`;
/// the second is [`Tools`], or a [`Server`]: then it is all that any client may see at some time, with what is mounted,
/// whatever [`visible`](Server::visible), scopes and the client's capabilities hide from others, and whether it is
/// [disabled](ServerHandle::disable) or not. With `UPDATE_TOOL_SURFACE=1` in the environment the file is written.
///
/// # Panics
///
/// When the file does not say what models see: the message has the differences, tool by tool.
///
/// ```no_run
/// use mcp_runtime::{assert_tool_surface, prelude::*};
///
/// /// Add two integers.
/// #[tool]
/// fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[cfg(any())]
/// #[test]
/// fn what_models_see_is_reviewed() {
///     assert_tool_surface!("tests/tools.json", tools![add]);
/// }
/// # assert_tool_surface!("tests/tools.json", tools![add]);
/// ```
#[macro_export]
macro_rules! assert_tool_surface {
    ($path:literal, $tools:expr $(,)?) => {
        $crate::__private::assert_tool_surface(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", $path), $tools)
    };
}
