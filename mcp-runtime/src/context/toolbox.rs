use serde_json::Map;

use super::{Context, Requester};
use crate::protocol::{BoxFuture, CallToolResult, Tool};

/// Tools that a model may use, as a conversation with it sees them.
pub(crate) trait Toolbox: Send + Sync {
    /// Those that whoever asks may use, as the model is told of them.
    fn described(&self, requester: &dyn Fn() -> Requester) -> Vec<Tool>;
    /// Calls one. All that can go wrong is in the result, where the model reads it.
    fn call(
        &self,
        name: &str,
        arguments: Map<String, serde_json::Value>,
        context: Context,
    ) -> BoxFuture<'static, CallToolResult>;
}
