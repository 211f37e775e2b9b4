//! Where tasks are kept, so that whoever knows their id can ask for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::rounds::Owner;
use super::written::Written;
use super::{Outcome, RawParams, after};
use crate::protocol::{BoxFuture, DetailedTask, InputRequest, Method, Principal, ServerResult, Task};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A task as a store keeps it: how far it has come, what it asks, what came of it, and whose it is.
#[derive(Debug, Clone)]
pub struct TaskRecord {
    pub(super) task: DetailedTask,
    pub(super) owner: Owner,
}

/// A record as bytes have it.
#[derive(Serialize, Deserialize)]
struct WrittenRecord {
    task: Task,
    questions: Vec<(String, String, RawParams)>,
    outcome: Option<Written>,
    principal: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Cow<'static, str>>,
}

impl TaskRecord {
    /// The id, the status and the times of the task.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task.task
    }

    /// It as bytes, for a store outside of the process.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { task: DetailedTask { task, input_requests, outcome }, owner } = self.clone();
        let principal = owner.principal.map(|it| it.as_str().to_owned());
        let outcome = outcome.and_then(|it| Written::of(&Outcome::Complete(it.map(ServerResult::CallTool))));
        let questions = input_requests.into_iter().map(|(key, it)| (key, it.method.to_owned(), it.params)).collect();
        serde_json::to_vec(&WrittenRecord { task, questions, outcome, principal, scopes: owner.scopes.to_vec() })
            .unwrap_or_default()
    }

    /// What [`to_bytes`](Self::to_bytes) has written.
    ///
    /// # Errors
    ///
    /// When the bytes are something else, or of a version of this library that writes them
    /// differently. Treat that as if nothing had been stored.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let wrong = || serde::de::Error::custom("it is no task of a tool");
        let WrittenRecord { task, questions, outcome, principal, scopes } = serde_json::from_slice(bytes)?;
        let question = |(key, method, params): (String, String, RawParams)| {
            let method = Method::from_name(&method)?.as_str();
            Some((key, InputRequest { method, params }))
        };
        let input_requests = questions.into_iter().map(question).collect::<Option<_>>().ok_or_else(wrong)?;
        let outcome = match outcome.map(Written::into_outcome) {
            None => None,
            Some(Some(Outcome::Complete(Ok(ServerResult::CallTool(result))))) => Some(Ok(result)),
            Some(Some(Outcome::Complete(Err(error)))) => Some(Err(error)),
            Some(_) => return Err(wrong()),
        };
        let owner = Owner { principal: principal.map(Principal::new), scopes: scopes.into() };
        Ok(Self { task: DetailedTask { task, input_requests, outcome }, owner })
    }
}

/// Something for the server that runs a task, from another one that shares its store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskMessage(pub(super) Message);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Message {
    /// Answers, each under the key of its question.
    Answers(HashMap<String, RawParams>),
    Cancel,
}

impl TaskMessage {
    /// It as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What [`to_bytes`](Self::to_bytes) has written.
    ///
    /// # Errors
    ///
    /// When the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Keeps tasks. The default one is the memory of the process; servers behind one address want one
/// that they share, so that each of them can be asked for every task, and can hand answers to the one
/// that runs it.
pub trait TaskStore: Send + Sync + 'static {
    /// Keeps a task under its id, instead of an earlier state of it, for this time.
    ///
    /// # Errors
    ///
    /// When it cannot be kept. A call that was to become a task fails then.
    fn put(
        &self,
        id: &str,
        record: Arc<TaskRecord>,
        time: Duration,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// The task of this id, if there is one.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    fn get(&self, id: &str) -> impl Future<Output = Result<Option<Arc<TaskRecord>>, BoxError>> + Send;

    /// Leaves a message for whoever runs the task.
    ///
    /// # Errors
    ///
    /// When that cannot be done.
    fn send(&self, id: &str, message: TaskMessage) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Waits for the next message to the task; called by the server that runs it, one call at a time.
    /// The future may be dropped, and must not lose a message then.
    fn receive(&self, id: &str) -> impl Future<Output = TaskMessage> + Send;
}

/// A [`TaskStore`] of any type.
pub(crate) trait AnyTaskStore: Send + Sync {
    fn put_boxed<'s>(
        &'s self,
        id: &'s str,
        record: Arc<TaskRecord>,
        time: Duration,
    ) -> BoxFuture<'s, Result<(), BoxError>>;
    fn get_boxed<'s>(&'s self, id: &'s str) -> BoxFuture<'s, Result<Option<Arc<TaskRecord>>, BoxError>>;
    fn send_boxed<'s>(&'s self, id: &'s str, message: TaskMessage) -> BoxFuture<'s, Result<(), BoxError>>;
    fn receive_boxed<'s>(&'s self, id: &'s str) -> BoxFuture<'s, TaskMessage>;
}

impl<S: TaskStore> AnyTaskStore for S {
    fn put_boxed<'s>(
        &'s self,
        id: &'s str,
        record: Arc<TaskRecord>,
        time: Duration,
    ) -> BoxFuture<'s, Result<(), BoxError>> {
        Box::pin(self.put(id, record, time))
    }

    fn get_boxed<'s>(&'s self, id: &'s str) -> BoxFuture<'s, Result<Option<Arc<TaskRecord>>, BoxError>> {
        Box::pin(self.get(id))
    }

    fn send_boxed<'s>(&'s self, id: &'s str, message: TaskMessage) -> BoxFuture<'s, Result<(), BoxError>> {
        Box::pin(self.send(id, message))
    }

    fn receive_boxed<'s>(&'s self, id: &'s str) -> BoxFuture<'s, TaskMessage> {
        Box::pin(self.receive(id))
    }
}

/// A [`TaskStore`] in the memory of the process. Clones share what they keep.
///
/// It holds up to 10,000 tasks; when there are more, those that are over go first, the oldest of them
/// at once, and if none is over, one more is refused.
#[derive(Clone)]
pub struct MemoryTasks {
    inner: Arc<Inner>,
}

struct Inner {
    tasks: Mutex<Kept>,
    changed: Notify,
    most: usize,
}

#[derive(Default)]
struct Kept {
    by_id: HashMap<String, Slot>,
    /// When each of them goes.
    until: BTreeMap<(Instant, u64), String>,
    next: u64,
}

struct Slot {
    record: Arc<TaskRecord>,
    place: (Instant, u64),
    messages: VecDeque<TaskMessage>,
}

impl Default for MemoryTasks {
    fn default() -> Self {
        Self::bounded(10_000)
    }
}

impl MemoryTasks {
    /// A memory of so many tasks.
    #[must_use]
    pub fn bounded(tasks: usize) -> Self {
        Self { inner: Arc::new(Inner { tasks: Mutex::default(), changed: Notify::new(), most: tasks }) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, id: &str) {
        if let Some(slot) = self.by_id.remove(id) {
            self.until.remove(&slot.place);
        }
    }

    fn forget_old(&mut self) {
        let now = Instant::now();
        while let Some(((until, _), id)) = self.until.first_key_value() {
            if *until > now {
                break;
            }
            let id = id.clone();
            self.remove(&id);
        }
    }

    /// Makes room by the oldest one that is over.
    fn make_room(&mut self) -> bool {
        let is_over = |id: &&String| self.by_id.get(*id).is_some_and(|it| it.record.task().status.is_over());
        let Some(oldest) = self.until.values().find(is_over).cloned() else { return false };
        self.remove(&oldest);
        true
    }
}

impl TaskStore for MemoryTasks {
    async fn put(&self, id: &str, record: Arc<TaskRecord>, time: Duration) -> Result<(), BoxError> {
        let mut kept = self.lock();
        kept.forget_old();
        let is_new = !kept.by_id.contains_key(id);
        if is_new && kept.by_id.len() >= self.inner.most && !kept.make_room() {
            return Err(format!("{} tasks are running already", self.inner.most).into());
        }
        let messages = kept.by_id.get_mut(id).map(|slot| std::mem::take(&mut slot.messages)).unwrap_or_default();
        kept.remove(id);
        let place = (after(time), kept.next);
        kept.next += 1;
        kept.until.insert(place, id.to_owned());
        kept.by_id.insert(id.to_owned(), Slot { record, place, messages });
        Ok(())
    }

    async fn get(&self, id: &str) -> Result<Option<Arc<TaskRecord>>, BoxError> {
        let mut kept = self.lock();
        kept.forget_old();
        Ok(kept.by_id.get(id).map(|slot| slot.record.clone()))
    }

    async fn send(&self, id: &str, message: TaskMessage) -> Result<(), BoxError> {
        if let Some(slot) = self.lock().by_id.get_mut(id) {
            slot.messages.push_back(message);
        }
        self.inner.changed.notify_waiters();
        Ok(())
    }

    async fn receive(&self, id: &str) -> TaskMessage {
        loop {
            let mut changed = std::pin::pin!(self.inner.changed.notified());
            changed.as_mut().enable();
            let message = self.lock().by_id.get_mut(id).and_then(|slot| slot.messages.pop_front());
            if let Some(message) = message {
                return message;
            }
            changed.await;
        }
    }
}

impl fmt::Debug for MemoryTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTasks").field("tasks", &self.lock().by_id.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::protocol::{CallToolResult, ErrorObject, TaskStatus};

    const TIME: Duration = Duration::from_secs(60);

    fn record(status: TaskStatus) -> TaskRecord {
        let task = Task { task_id: "t".to_owned(), status, ..Task::default() };
        let request = InputRequest { method: "roots/list", params: RawValue::NULL.to_owned() };
        let (input_requests, outcome) = match status {
            TaskStatus::InputRequired => (vec![("k".to_owned(), request)], None),
            TaskStatus::Completed => (Vec::new(), Some(Ok(CallToolResult::text("done")))),
            TaskStatus::Failed => (Vec::new(), Some(Err(ErrorObject::invalid_params("no")))),
            _ => (Vec::new(), None),
        };
        let owner = Owner { principal: Some(Principal::new("ada")), scopes: ["write".into()].into() };
        TaskRecord { task: DetailedTask { task, input_requests, outcome }, owner }
    }

    #[test]
    fn records_and_messages_are_written_and_read() {
        for status in [TaskStatus::Working, TaskStatus::InputRequired, TaskStatus::Completed, TaskStatus::Failed] {
            let record = record(status);
            let read = TaskRecord::from_bytes(&record.to_bytes()).expect("a record");
            assert_eq!(format!("{read:?}"), format!("{record:?}"));
        }
        let message = TaskMessage(Message::Answers(HashMap::from([("k".to_owned(), RawValue::TRUE.to_owned())])));
        let read = TaskMessage::from_bytes(&message.to_bytes()).expect("a message");
        assert_eq!(format!("{read:?}"), format!("{message:?}"));
        assert!(TaskRecord::from_bytes(b"{}").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_are_kept_for_their_time_and_within_bounds() {
        let store = MemoryTasks::bounded(2);
        let working = Arc::new(record(TaskStatus::Working));
        store.put("a", working.clone(), TIME).await.expect("room");
        store.put("b", working.clone(), TIME).await.expect("room");
        assert!(store.put("c", working.clone(), TIME).await.is_err(), "none is over");
        store.put("b", Arc::new(record(TaskStatus::Completed)), TIME).await.expect("it is there already");
        store.put("c", working, TIME).await.expect("one is over");
        let there = async |id| store.get(id).await.expect("it").is_some();
        assert_eq!([there("a").await, there("b").await, there("c").await], [true, false, true]);
        tokio::time::advance(TIME).await;
        assert_eq!([there("a").await, there("c").await], [false, false]);
    }

    #[tokio::test]
    async fn messages_wait_for_whoever_runs_the_task() {
        let store = MemoryTasks::default();
        store.put("a", Arc::new(record(TaskStatus::Working)), TIME).await.expect("room");
        let (message, ()) = tokio::join!(store.receive("a"), async {
            tokio::task::yield_now().await;
            store.send("a", TaskMessage(Message::Cancel)).await.expect("sent");
        });
        assert!(matches!(message.0, Message::Cancel));
    }
}
