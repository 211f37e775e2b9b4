use super::{CallToolResult, DetailedTask, InitializeResult, InputRequiredResult, Task};

/// What a request led to, the same for every revision.
#[derive(Debug, Clone)]
pub(crate) enum ServerResult {
    /// Success that carries no data.
    Empty,
    Initialize(Box<InitializeResult>),
    CallTool(CallToolResult),
    InputRequired(InputRequiredResult),
    /// The call goes on as a task.
    CreateTask(Box<Task>),
    /// How far a task has come.
    GetTask(Box<DetailedTask>),
    /// What the server is and offers; encoded once for each revision.
    Discover,
    /// The list of its tools; encoded once for each revision. Of some of them, by their places, if
    /// not everyone sees all.
    ListTools(Option<Vec<usize>>),
}
