//! Calls that a server lets go on as tasks: asks for them until they are over, and answers what they
//! ask ([extension]).
//!
//! [extension]: https://modelcontextprotocol.io/extensions/tasks/overview

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::{Client, decode, rounds};
use crate::error::{Error, ErrorKind};
use crate::protocol::{CallToolResult, ErrorObject, Method, ReceivedTask, Task, TaskStatus};

/// How long to wait before asking again, if the server does not say.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// However often a server wants to be asked, it is not asked more often.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// What calling a tool led to. Made by [`Client::start_tool`].
#[derive(Debug)]
pub enum Called<'c> {
    /// It is done.
    Done(CallToolResult),
    /// It goes on at the server.
    Task(TaskHandle<'c>),
}

/// A task of the server ([extension]). Dropping it leaves the task alone; its id is enough to come
/// back to it, see [`Client::task`].
///
/// ```
/// use mcp_runtime::Client;
/// use mcp_runtime::client::Called;
/// use mcp_runtime::prelude::*;
///
/// /// Compute something for long.
/// #[tool(task)]
/// async fn compute(n: u32) -> u32 {
///     tokio::task::yield_now().await;
///     n * 2
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let client = Client::in_memory(Server::new("computer").tools(tools![compute])).tasks().connect().await?;
/// // Whoever does not care whether it is a task calls it as any other tool.
/// let doubled: u32 = client.call("compute", [("n", 2)]).await?;
/// assert_eq!(doubled, 4);
/// // Whoever does gets to know.
/// if let Called::Task(task) = client.start_tool("compute", [("n", 3)]).await? {
///     println!("{} is {}", task.id(), task.latest().status);
///     assert_eq!(task.finish().await?.joined_text(), "6");
/// }
/// # Ok(())
/// # }
/// ```
///
/// [extension]: https://modelcontextprotocol.io/extensions/tasks/overview
pub struct TaskHandle<'c> {
    client: &'c Client,
    latest: Task,
    /// What led to it.
    call: Arc<Call>,
    /// The questions that were answered.
    answered: HashSet<String>,
}

impl<'c> TaskHandle<'c> {
    pub(super) fn new(client: &'c Client, latest: Task, call: Arc<Call>) -> Self {
        Self { client, latest, call, answered: HashSet::new() }
    }

    /// The id of the task. Keep it secret: whoever knows it may be able to ask for the task.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.latest.task_id
    }

    /// The task as the server has last described it.
    #[must_use]
    pub fn latest(&self) -> &Task {
        &self.latest
    }

    /// Asks the server how far the task has come. What it asks is not answered by this.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server knows no such task any more, and those of the
    /// connection.
    pub async fn refresh(&mut self) -> Result<&Task, Error> {
        self.get().await?;
        Ok(&self.latest)
    }

    /// Waits until the task is over, at the pace that the server asks for; the handlers of the client
    /// answer what it asks meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the task has failed, was cancelled or has expired, or a handler
    /// refuses, and those of the connection.
    pub async fn finish(mut self) -> Result<CallToolResult, Error> {
        loop {
            let ReceivedTask { mut input_requests, result, error, .. } = self.get().await?;
            match self.latest.status {
                TaskStatus::Working => {}
                TaskStatus::InputRequired => {
                    // The server may not have seen an answer yet; nobody is asked twice.
                    input_requests.retain(|key, _| !self.answered.contains(key));
                    if !input_requests.is_empty() {
                        let answers = rounds::answer_all(self.client, &self.call, input_requests).await?;
                        self.answered.extend(answers.keys().cloned());
                        self.send(Method::TasksUpdate, Some(("inputResponses", Value::Object(answers)))).await?;
                        continue;
                    }
                }
                TaskStatus::Completed => {
                    let method = Method::TasksGet.as_str();
                    return decode(method, &result.unwrap_or_default().to_string());
                }
                TaskStatus::Cancelled => return Err(self.ended("was cancelled", None)),
                TaskStatus::Failed => return Err(self.ended("has failed", error)),
            }
            tokio::time::sleep(self.interval()).await;
        }
    }

    /// Asks the server to stop the task. It may come to its end all the same.
    ///
    /// # Errors
    ///
    /// As [`TaskHandle::refresh`].
    pub async fn cancel(&self) -> Result<(), Error> {
        self.send(Method::TasksCancel, None).await
    }

    fn interval(&self) -> Duration {
        self.latest.poll_interval_ms.map_or(POLL_INTERVAL, Duration::from_millis).max(LEAST_INTERVAL)
    }

    fn ended(&self, how: &str, error: Option<ErrorObject>) -> Error {
        let why = self.latest.status_message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
        let ended = Error::new(ErrorKind::Refused, format!("the task {how}{why}"));
        match error {
            Some(error) => ended.with_source(error),
            None => ended,
        }
    }

    async fn get(&mut self) -> Result<ReceivedTask, Error> {
        let method = Method::TasksGet.as_str();
        let answer = self.client.request(method, self.params(None)).await?;
        let received: ReceivedTask = decode(method, answer.get())?;
        self.latest = received.task.clone();
        Ok(received)
    }

    async fn send(&self, method: Method, more: Option<(&str, Value)>) -> Result<(), Error> {
        self.client.request(method.as_str(), self.params(more)).await.map(drop)
    }

    fn params(&self, more: Option<(&str, Value)>) -> Map<String, Value> {
        let mut params = Map::new();
        params.insert("taskId".to_owned(), json!(self.latest.task_id));
        params.extend(more.map(|(name, value)| (name.to_owned(), value)));
        params
    }

    /// The same as [`finish`](Self::finish), for a call of which nobody knows that it is a task:
    /// if it is dropped, so is the task.
    pub(super) async fn finish_or_cancel(self) -> Result<CallToolResult, Error> {
        struct CancelOnDrop<'c>(&'c Client, Option<Map<String, Value>>);
        impl Drop for CancelOnDrop<'_> {
            fn drop(&mut self) {
                if let Some(params) = self.1.take() {
                    self.0.forget(Method::TasksCancel, params);
                }
            }
        }
        let mut guard = CancelOnDrop(self.client, Some(self.params(None)));
        let finished = self.finish().await;
        // A task that goes on although nobody wants it any more is cancelled, too.
        if finished.is_ok() {
            guard.1 = None;
        }
        finished
    }
}

impl fmt::Debug for TaskHandle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("status", &self.latest.status).finish_non_exhaustive()
    }
}
