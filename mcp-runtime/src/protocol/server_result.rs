use super::{CallToolResult, InitializeResult, InputRequiredResult};

/// What a request led to, the same for every revision.
#[derive(Debug, Clone)]
pub(crate) enum ServerResult {
    /// Success that carries no data.
    Empty,
    Initialize(Box<InitializeResult>),
    CallTool(CallToolResult),
    InputRequired(InputRequiredResult),
    /// What the server is and offers; encoded once for each revision.
    Discover,
    /// The list of its tools; encoded once for each revision. Of some of them, by their places, if
    /// not everyone sees all.
    ListTools(Option<Vec<usize>>),
}
