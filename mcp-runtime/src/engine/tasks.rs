//! The tasks of a server. What runs them comes into being with the first call that may become one, and is named only
//! by what says that of a tool: programs without tasks have no code for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::claim::at_once;
use super::rounds::{Begun, Owner, eventually};
use super::task::Background;
use super::{AnyTaskStore, Call, MemoryTasks, Outcome, RawParams, Reply, Running};
use crate::protocol::{BoxFuture, ErrorObject, Principal};

/// When a call becomes a task, for a client that knows tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskMode {
    /// If it does not finish at once.
    Always,
    /// The same, and other clients cannot call it.
    Required,
    /// If it has run for so long in one round.
    After(Duration),
}

impl TaskMode {
    /// Whether it does so as soon as it does not finish.
    pub(crate) fn is_at_once(self) -> bool {
        matches!(self, Self::Always | Self::Required)
    }
}

/// The same of a tool, and what runs its tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskPolicy {
    pub(crate) mode: TaskMode,
    in_memory: fn(TaskLimits) -> Arc<dyn RunsTasks>,
}

impl TaskPolicy {
    pub(crate) fn new(mode: TaskMode) -> Self {
        Self { mode, in_memory: |limits| Arc::new(Background::new(Arc::new(MemoryTasks::default()), limits)) }
    }
}

/// Runs tasks that are kept elsewhere than in the memory of the process.
pub(crate) struct TasksIn(Box<dyn FnOnce(TaskLimits) -> Arc<dyn RunsTasks> + Send>);

impl TasksIn {
    pub(crate) fn new(store: Arc<dyn AnyTaskStore>) -> Self {
        Self(Box::new(|limits| Arc::new(Background::new(store, limits))))
    }
}

impl fmt::Debug for TasksIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TasksIn")
    }
}

/// How much tasks may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskLimits {
    /// How long a task can be asked for after it was made.
    pub(crate) time: Duration,
    /// How long clients are told to wait before they ask again.
    pub(crate) poll: Duration,
    /// The most tasks that run at the same time.
    pub(crate) running: usize,
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(3600), poll: Duration::from_secs(1), running: 1_000 }
    }
}

/// Which task is asked for, and by whom.
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) principal: Option<Principal>,
    /// The scopes that whoever asks is allowed, where that is known.
    pub(crate) granted: Option<Vec<String>>,
}

/// Runs tasks.
pub(crate) trait RunsTasks: Send + Sync {
    /// Ends all of them. Those that work have so long to finish; those that ask nobody can answer any more. That
    /// they ended is in the store, for whoever asks other servers for them.
    fn end(&self, time: Duration) -> BoxFuture<'_, ()>;

    /// Whether one more may run.
    fn has_room(&self) -> bool;

    /// Makes a task of a call. The outcome of its request is that it did.
    fn create(&self, running: Running, call: Arc<Call>, owner: Owner) -> BoxFuture<'static, Outcome>;

    /// `tasks/get`.
    fn get(&self, asked: Asked) -> BoxFuture<'static, Outcome>;

    /// `tasks/update`: hands over answers. Those to questions that are not open go nowhere.
    fn update(&self, asked: Asked, answers: HashMap<String, RawParams>) -> BoxFuture<'static, Outcome>;

    /// `tasks/cancel`: stops a task that is not over.
    fn cancel(&self, asked: Asked) -> BoxFuture<'static, Outcome>;
}

/// The tasks of a server.
pub(crate) struct Tasks {
    limits: TaskLimits,
    /// `None` if the server has ended before anything was to run: nothing is any more.
    runner: OnceLock<Option<Arc<dyn RunsTasks>>>,
}

impl Tasks {
    /// Those of this store. Without one they are kept in memory, and there are none yet.
    pub(crate) fn new(limits: TaskLimits, kept: Option<TasksIn>) -> Self {
        let runner = OnceLock::new();
        if let Some(TasksIn(make)) = kept {
            runner.get_or_init(|| Some(make(limits)));
        }
        Self { limits, runner }
    }

    /// Ends all of them, as [`RunsTasks::end`] does.
    pub(crate) async fn end(&self, time: Duration) {
        if let Some(runner) = self.runner.get_or_init(|| None) {
            runner.end(time).await;
        }
    }

    fn runner(&self) -> Option<&Arc<dyn RunsTasks>> {
        self.runner.get()?.as_ref()
    }

    /// From now on calls may become tasks.
    pub(crate) fn begin_with(&self, policy: TaskPolicy) {
        self.runner.get_or_init(|| Some((policy.in_memory)(self.limits)));
    }

    /// What can run one more.
    pub(crate) fn with_room(&self) -> Option<&Arc<dyn RunsTasks>> {
        self.runner().filter(|runner| runner.has_room())
    }

    pub(crate) fn get(&self, asked: Asked, reply: impl FnOnce() -> Reply) -> Begun {
        self.ask(asked, reply, |runner, asked| runner.get(asked))
    }

    pub(crate) fn update(
        &self,
        asked: Asked,
        answers: HashMap<String, RawParams>,
        reply: impl FnOnce() -> Reply,
    ) -> Begun {
        self.ask(asked, reply, |runner, asked| runner.update(asked, answers))
    }

    pub(crate) fn cancel(&self, asked: Asked, reply: impl FnOnce() -> Reply) -> Begun {
        self.ask(asked, reply, |runner, asked| runner.cancel(asked))
    }

    fn ask(
        &self,
        asked: Asked,
        reply: impl FnOnce() -> Reply,
        ask: impl FnOnce(&dyn RunsTasks, Asked) -> BoxFuture<'static, Outcome>,
    ) -> Begun {
        match self.runner() {
            Some(runner) => soon(ask(&**runner, asked), reply),
            None => Begun::Ended(Outcome::Complete(Err(no_such_task(&asked.id)))),
        }
    }
}

/// A future that is usually ready at once: its output, or a task that waits for it.
pub(crate) fn soon(future: BoxFuture<'static, Outcome>, reply: impl FnOnce() -> Reply) -> Begun {
    match at_once(future) {
        Ok(outcome) => Begun::Ended(outcome),
        Err(future) => eventually(future, reply()),
    }
}

pub(super) fn no_such_task(id: &str) -> ErrorObject {
    ErrorObject::invalid_params(format!("there is no task `{id}`: it has expired, or was never made"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_becomes_a_task_when_the_server_has_ended() {
        let policy = TaskPolicy::new(TaskMode::Always);
        let tasks = Tasks::new(TaskLimits::default(), None);
        tasks.begin_with(policy);
        assert!(tasks.with_room().is_some());
        let ended = Tasks::new(TaskLimits::default(), None);
        ended.end(Duration::ZERO).await;
        ended.begin_with(policy);
        assert!(ended.with_room().is_none());
    }
}
