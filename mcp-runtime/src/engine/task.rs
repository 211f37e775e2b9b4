//! The task carrier: a call goes on in the background under an id that its client asks for, and
//! questions wait there to be answered (the extension `io.modelcontextprotocol/tasks`).

use std::collections::HashMap;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::call::is_result;
use super::rounds::{Owner, millis};
use super::task_store::{AnyTaskStore, Message, TaskMessage, TaskRecord};
use super::tasks::{Asked, RunsTasks, TaskLimits, no_such_task};
use super::{Call, Finished, Outcome, RawParams, Running, after, spawn};
use crate::protocol::{
    BoxFuture, DetailedTask, ErrorCode, ErrorObject, OnAnswer, Outlet, ProgressToken, ServerNotification, ServerResult,
    Task, TaskStatus,
};
use crate::tally::Tally;
use crate::telemetry::{Ended, Operation};
use crate::time::rfc3339;

/// Runs tasks, and keeps them in a store.
pub(super) struct Background {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn AnyTaskStore>,
    limits: TaskLimits,
    /// Those that this process runs.
    running: Mutex<HashMap<String, Arc<Seat>>>,
    drivers: Tally,
    /// Cancelled when no answers come any more, and when there is no time left.
    no_answers: CancellationToken,
    no_time: CancellationToken,
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, HashMap<String, Arc<Seat>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Background {
    pub(super) fn new(store: Arc<dyn AnyTaskStore>, limits: TaskLimits) -> Self {
        let (no_answers, no_time) = (CancellationToken::new(), CancellationToken::new());
        let (running, drivers) = (Mutex::default(), Tally::default());
        Self { shared: Arc::new(Shared { store, limits, running, drivers, no_answers, no_time }) }
    }

    fn abort(&self) {
        let seats: Vec<_> = self.shared.running().drain().map(|(_, seat)| seat).collect();
        seats.iter().for_each(|seat| seat.abort());
    }

    fn tell(&self, asked: Asked, message: Message) -> BoxFuture<'static, Outcome> {
        let shared = self.shared.clone();
        let tell = async move {
            match shared.find(&asked).await? {
                Found::Here(seat) => seat.hear(message, &shared).await,
                Found::Stored(record) if record.task().status.is_over() => {}
                Found::Stored(_) => {
                    shared.store.send_boxed(&asked.id, TaskMessage(message)).await.map_err(unreachable)?;
                }
            }
            Ok(ServerResult::Empty)
        };
        Box::pin(async move { Outcome::Complete(tell.await) })
    }
}

impl RunsTasks for Background {
    fn end(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Shared { drivers, no_answers, no_time, .. } = &*self.shared;
            no_answers.cancel();
            if timeout(time, drivers.none()).await.is_err() {
                tracing::warn!(tasks = drivers.len(), "tasks were stopped: they did not end in time");
                no_time.cancel();
                // A store that does not answer must not hold up the end.
                if timeout(time, drivers.none()).await.is_err() {
                    self.abort();
                }
            }
        })
    }

    fn has_room(&self) -> bool {
        self.shared.running().len() < self.shared.limits.running
    }

    fn create(&self, running: Running, call: Arc<Call>, owner: Owner) -> BoxFuture<'static, Outcome> {
        Box::pin(create(self.shared.clone(), running, call, owner))
    }

    fn get(&self, asked: Asked) -> BoxFuture<'static, Outcome> {
        let shared = self.shared.clone();
        let get = async move { shared.find(&asked).await.map(|it| ServerResult::GetTask(Arc::new(it.detailed()))) };
        Box::pin(async move { Outcome::Complete(get.await) })
    }

    fn update(&self, asked: Asked, mut answers: HashMap<String, RawParams>) -> BoxFuture<'static, Outcome> {
        answers.retain(|_, answer| is_result((&**answer).into()));
        self.tell(asked, Message::Answers(answers))
    }

    fn cancel(&self, asked: Asked) -> BoxFuture<'static, Outcome> {
        self.tell(asked, Message::Cancel)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.abort();
    }
}

fn unreachable(error: Box<dyn std::error::Error + Send + Sync>) -> ErrorObject {
    tracing::error!(error = &*error, "the store of tasks cannot be asked");
    ErrorObject::new(ErrorCode::InternalError, "the server cannot look up its tasks; try again later")
}

/// Where a task was found.
enum Found {
    Here(Arc<Seat>),
    Stored(Arc<TaskRecord>),
}

impl Found {
    fn owner(&self) -> &Owner {
        match self {
            Self::Here(seat) => &seat.owner,
            Self::Stored(record) => &record.owner,
        }
    }

    fn detailed(&self) -> DetailedTask {
        match self {
            Self::Here(seat) => seat.detailed(),
            Self::Stored(record) => record.task.clone(),
        }
    }
}

impl Shared {
    async fn find(&self, Asked { id, principal, granted }: &Asked) -> Result<Found, ErrorObject> {
        let here = self.running().get(id).cloned();
        let found = match here {
            Some(seat) => Some(Found::Here(seat)),
            None => self.store.get_boxed(id).await.map_err(unreachable)?.map(Found::Stored),
        };
        // Somebody else's task is as good as none.
        let found = found.filter(|found| found.owner().principal == *principal).ok_or_else(|| no_such_task(id))?;
        let scopes = &found.owner().scopes;
        let is_allowed = |granted: &Vec<String>| scopes.iter().all(|scope| granted.iter().any(|it| it == scope));
        if granted.as_ref().is_none_or(is_allowed) {
            return Ok(found);
        }
        let message = format!("the token does not allow this: the task needs `{}`, as its tool does", scopes.join(" "));
        Err(ErrorObject::invalid_request(message))
    }

    /// How much longer a task is kept.
    fn left(&self, seat: &Seat) -> Duration {
        seat.until.saturating_duration_since(Instant::now())
    }

    async fn put(&self, seat: &Seat) -> Result<(), ErrorObject> {
        let record = Arc::new(TaskRecord { task: seat.detailed(), owner: seat.owner.clone() });
        self.store.put_boxed(&seat.id, record, self.left(seat)).await.map_err(unreachable)
    }
}

async fn create(shared: Arc<Shared>, running: Running, call: Arc<Call>, owner: Owner) -> Outcome {
    let mut id = [0; 16];
    if getrandom::fill(&mut id).is_err() {
        let message = "the operating system has no randomness to name a task with";
        return Outcome::Complete(Err(ErrorObject::new(ErrorCode::InternalError, message)));
    }
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = timestamp();
    let task = Task {
        task_id: id.clone(),
        created_at: now.clone(),
        last_updated_at: now,
        ttl_ms: Some(millis(shared.limits.time)),
        poll_interval_ms: Some(millis(shared.limits.poll)),
        ..Task::default()
    };
    let seat = Arc::new(Seat {
        id,
        until: after(shared.limits.time),
        call,
        owner,
        state: Mutex::new(SeatState { task: task.clone(), changed: false, over: None }),
        driver: OnceLock::new(),
    });
    seat.call.set_outlet(Arc::new(TaskOutlet { seat: Arc::downgrade(&seat) }));
    // Whoever is told of the task can ask for it.
    if let Err(error) = shared.put(&seat).await {
        return Outcome::Complete(Err(error));
    }
    shared.running().insert(seat.id.clone(), seat.clone());
    let operation = Operation::background(running.name(), &seat.call.span());
    seat.call.change_span(operation.span().clone());
    let registration = Registration { shared: shared.clone(), seat: seat.clone() };
    let driver = Driver { registration, running, operation };
    let counted = shared.drivers.count();
    let work = async move {
        driver.run().await;
        drop(counted);
    };
    let driver = spawn(Box::pin(work)).abort_handle();
    _ = seat.driver.set(driver);
    Outcome::Complete(Ok(ServerResult::CreateTask(Arc::new(task))))
}

fn timestamp() -> String {
    rfc3339(SystemTime::now())
}

/// One task that this process runs.
struct Seat {
    id: String,
    until: Instant,
    call: Arc<Call>,
    owner: Owner,
    state: Mutex<SeatState>,
    /// There as soon as the driver was started.
    driver: OnceLock<AbortHandle>,
}

struct SeatState {
    task: Task,
    /// The store has not seen the latest.
    changed: bool,
    over: Option<Over>,
}

/// How a task ended.
#[derive(Clone)]
enum Over {
    Finished(Finished),
    Cancelled,
    Expired,
    /// The server ended before it.
    Stopped,
}

/// What is said of a task that has been stopped.
const STOPPED: &str = "the server ended before the task was finished";

impl Seat {
    fn lock(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abort(&self) {
        if let Some(driver) = self.driver.get() {
            driver.abort();
        }
    }

    /// Notes that something has changed.
    fn touch(&self, change: impl FnOnce(&mut Task)) {
        {
            let mut state = self.lock();
            change(&mut state.task);
            state.task.last_updated_at = timestamp();
            state.changed = true;
        }
        self.call.wake_driver();
    }

    fn take_changed(&self) -> bool {
        std::mem::take(&mut self.lock().changed)
    }

    /// The task as it is now.
    fn detailed(&self) -> DetailedTask {
        let open = self.call.open_requests();
        let state = self.lock();
        let mut task = state.task.clone();
        let (status, outcome) = match &state.over {
            None if open.is_empty() => (TaskStatus::Working, None),
            None => (TaskStatus::InputRequired, None),
            Some(Over::Cancelled) => (TaskStatus::Cancelled, None),
            Some(Over::Finished(Ok(ServerResult::CallTool(result)))) => {
                (TaskStatus::Completed, Some(Ok(result.clone())))
            }
            Some(Over::Finished(Err(error))) => (TaskStatus::Failed, Some(Err(error.clone()))),
            Some(Over::Finished(Ok(_))) => {
                let error = ErrorObject::new(ErrorCode::InternalError, "the call ended without a result");
                (TaskStatus::Failed, Some(Err(error)))
            }
            Some(Over::Expired) => {
                let error = ErrorObject::new(ErrorCode::InternalError, "the task was not finished in its time");
                (TaskStatus::Failed, Some(Err(error)))
            }
            Some(Over::Stopped) => (TaskStatus::Failed, Some(Err(ErrorObject::new(ErrorCode::InternalError, STOPPED)))),
        };
        task.status = status;
        if let Some(Err(error)) = &outcome {
            task.status_message = Some(error.message.to_string());
        }
        let input_requests = if status == TaskStatus::InputRequired { open } else { Vec::new() };
        DetailedTask { task, input_requests, outcome }
    }

    /// Something that a client wants of the task.
    async fn hear(self: &Arc<Self>, message: Message, shared: &Arc<Shared>) {
        match message {
            Message::Answers(answers) => {
                if self.call.take_answers(|key| answers.get(key).cloned()) {
                    self.touch(|_| {});
                }
            }
            Message::Cancel => {
                self.lock().over.get_or_insert(Over::Cancelled);
                self.touch(|_| {});
                if let Err(error) = shared.put(self).await {
                    tracing::error!(%error, "a task that was cancelled still seems to run");
                }
                // The registration does the rest.
                self.abort();
            }
        }
    }
}

/// Forgets a task when its driver is gone, however that came about.
struct Registration {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.running().remove(&self.seat.id);
        self.seat.call.end();
    }
}

/// Polls one task.
struct Driver {
    registration: Registration,
    running: Running,
    /// What is seen of it.
    operation: Arc<Operation>,
}

impl Driver {
    async fn run(self) {
        let Self { registration, mut running, operation } = self;
        let Registration { shared, seat } = &registration;
        let mut deadline = pin!(sleep_until(seat.until));
        let over = loop {
            let asks = !seat.call.open_requests().is_empty();
            let polled = poll_fn(|cx| {
                seat.call.set_driver(cx.waker());
                if let Poll::Ready(finished) = Pin::new(&mut running).poll(cx) {
                    return Poll::Ready(Some(finished));
                }
                if seat.call.takes_unsent() {
                    seat.touch(|_| {});
                }
                if seat.take_changed() { Poll::Ready(None) } else { Poll::Pending }
            });
            tokio::select! {
                biased;
                polled = polled => match polled {
                    Some(finished) => break Over::Finished(finished),
                    // It is told once more when there is something newer.
                    None => _ = shared.put(seat).await,
                },
                TaskMessage(message) = shared.store.receive_boxed(&seat.id) => match message {
                    Message::Cancel => break Over::Cancelled,
                    answers @ Message::Answers(_) => seat.hear(answers, shared).await,
                },
                () = shared.no_answers.cancelled(), if asks => break Over::Stopped,
                () = shared.no_time.cancelled() => break Over::Stopped,
                () = &mut deadline => break Over::Expired,
            }
        };
        drop(running);
        operation.ended(match &over {
            Over::Finished(finished) => finished.into(),
            Over::Cancelled => Ended::Cancelled,
            Over::Stopped => Ended::Unanswered("shutdown", STOPPED),
            Over::Expired => Ended::Unanswered("timeout", "the task was not finished in its time"),
        });
        drop(operation);
        seat.lock().over.get_or_insert(over);
        seat.touch(|_| {});
        if let Err(error) = shared.put(seat).await {
            tracing::error!(%error, "what came of a task was lost");
        }
    }
}

/// The way from a task to whoever asks for it. Progress becomes the task's message; log messages
/// have no way.
struct TaskOutlet {
    seat: Weak<Seat>,
}

impl Outlet for TaskOutlet {
    fn own_token(&self) -> Option<ProgressToken> {
        Some(ProgressToken::Number(0))
    }

    fn notify(&self, notification: ServerNotification) -> BoxFuture<'_, ()> {
        if let (ServerNotification::Progress(params), Some(seat)) = (notification, self.seat.upgrade()) {
            let counted = match params.total {
                Some(total) => format!("{} of {total}", params.progress),
                None => params.progress.to_string(),
            };
            let message = match params.message {
                Some(message) => format!("{message} ({counted})"),
                None => counted,
            };
            seat.touch(|task| task.status_message = Some(message));
        }
        Box::pin(std::future::ready(()))
    }

    fn request(&self, _: usize, _: &'static str, _: RawParams, _: OnAnswer) {}

    fn withdraw(&self, _: usize) {
        if let Some(seat) = self.seat.upgrade() {
            seat.touch(|_| {});
        }
    }
}
