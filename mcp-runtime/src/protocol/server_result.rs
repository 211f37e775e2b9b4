use std::sync::Arc;

use super::{CallToolResult, InitializeResult, InputRequiredResult};

/// What a request led to, the same for every revision.
#[derive(Debug, Clone)]
pub(crate) enum ServerResult {
    /// Success that carries no data.
    Empty,
    Initialize(Box<InitializeResult>),
    CallTool(CallToolResult),
    InputRequired(InputRequiredResult),
    /// A body that was encoded once, for the revision that asks.
    Encoded(Arc<[u8]>),
}
