use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CallToolResult, ErrorObject, InputRequest};

/// The identifier of the tasks extension ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/extensions/tasks/overview
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// A call that goes on in the background ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/extensions/tasks/overview
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Task {
    /// Names it. Whoever knows it can look at the task, so it is a secret.
    pub task_id: String,
    /// How far it has come.
    pub status: TaskStatus,
    /// What it is doing, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// When it was made, in the format of RFC 3339.
    pub created_at: String,
    /// When anything of it changed last, in the format of RFC 3339.
    pub last_updated_at: String,
    /// For how many milliseconds after it was made it can be asked for; `None` for ever.
    pub ttl_ms: Option<u64>,
    /// How many milliseconds to wait before asking again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_interval_ms: Option<u64>,
}

/// How far a [`Task`] has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskStatus {
    /// It is being worked on.
    #[default]
    Working,
    /// It waits for answers of the client.
    InputRequired,
    /// It is done; a tool that failed is done, too.
    Completed,
    /// It was stopped.
    Cancelled,
    /// It came to nothing.
    Failed,
}

impl TaskStatus {
    /// Whether it will not change any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        })
    }
}

/// A [`Task`] with what its status brings along.
#[derive(Debug, Clone, Default)]
pub(crate) struct DetailedTask {
    pub(crate) task: Task,
    /// What the client is asked, each under its key.
    pub(crate) input_requests: Vec<(String, InputRequest)>,
    /// What came of it, once it is completed or failed.
    pub(crate) outcome: Option<Result<CallToolResult, ErrorObject>>,
}

/// A [`DetailedTask`] as a client reads it.
#[cfg(feature = "client")]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceivedTask {
    #[serde(flatten)]
    pub(crate) task: Task,
    #[serde(default)]
    pub(crate) input_requests: std::collections::BTreeMap<String, super::ReceivedInputRequest>,
    #[serde(default)]
    pub(crate) result: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) error: Option<ErrorObject>,
}
