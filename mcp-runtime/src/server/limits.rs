//! How much a server takes on, and how its calls go on.

use std::sync::Arc;
use std::time::Duration;

use super::Server;
use crate::engine::{Metrics, OutcomeStore, Resume, StateKey, TaskStore, TasksIn};
use crate::layer::RateLimit;
#[cfg(feature = "otel")]
use crate::telemetry::Telemetry;

impl Server {
    /// The longest message that is read, in bytes; 4 MiB by default. A longer one is answered
    /// with an error, and the connection goes on.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.limits.message_bytes = bytes;
        self
    }

    /// How many requests of one connection may be in flight; 1,024 by default. One more is
    /// answered with an error.
    pub fn max_calls_in_flight(mut self, calls: usize) -> Self {
        self.limits.calls_in_flight = calls;
        self
    }

    /// How long running calls may go on when the input has ended; 2 seconds by default.
    pub fn drain_timeout(mut self, time: Duration) -> Self {
        self.limits.drain = time;
        self
    }

    /// How many requests to complete an argument each [principal](crate::Principal) may make in any period of some
    /// length, and all together who are not authenticated; one more is answered with an error. There is no limit by
    /// default. [Layers](crate::layer), such as [`RateLimit`], stand around calls and not around these: people who
    /// type make many.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::prelude::*;
    ///
    /// let server = Server::new("catalog").completion_rate(20, Duration::from_secs(1));
    /// ```
    pub fn completion_rate(mut self, requests: usize, per: Duration) -> Self {
        let rate = RateLimit::new(requests, per);
        self.completion_rate = Some(Box::new(move |principal| rate.admit(principal)));
        self
    }

    /// How calls that ask their client go on when the answers come, where a client must call again
    /// to bring them; [`Resume::Auto`] by default. `#[tool(resume = "..")]` says otherwise for one
    /// tool.
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = resume;
        self
    }

    /// The key that seals what clients keep of a call between rounds. Servers with one name and one
    /// key can continue each other's calls, and a server its own after a restart.
    ///
    /// Without it the key is read from the environment variable `MCP_STATE_KEY`; there it may be
    /// followed by previous ones, separated by commas. If that is not set either, each process makes
    /// up a key of its own, and what it has sealed ends with it.
    pub fn state_key(mut self, key: impl Into<StateKey>) -> Self {
        self.state_key = Some(key.into());
        self
    }

    /// Keys that were used before: what they have sealed is still opened. When a key is changed, the
    /// previous one stays here for as long as calls may go on ([`Server::state_timeout`]).
    pub fn previous_state_keys<K: Into<StateKey>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.previous_keys.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Where it is remembered what came of rounds, so that a client which lost a reply gets it again
    /// and the call is not executed twice; [`MemoryOutcomes`](crate::MemoryOutcomes) by default. Servers that continue each
    /// other's calls should share one.
    pub fn outcomes(mut self, store: impl OutcomeStore) -> Self {
        self.outcomes = Some(Arc::new(store));
        self
    }

    /// What becomes of calls that take rounds, counted. It stays readable while the server runs.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Measures with OpenTelemetry how long requests take (`mcp.server.operation.duration`), and what
    /// [`Server::metrics`] counts. See [observability](crate::observability).
    #[cfg(feature = "otel")]
    pub fn meter(mut self, meter: &opentelemetry::metrics::Meter) -> Self {
        self.telemetry = Telemetry::of_server(meter);
        self.metrics.observe(meter);
        self
    }

    /// How many calls may wait, suspended, for a client to come back with answers; 10,000 by
    /// default. The oldest ones make room for more: their futures are dropped, and run again when
    /// the answers come ([`Resume`]).
    pub fn max_parked_calls(mut self, calls: usize) -> Self {
        self.rounds.parked_calls = calls;
        self
    }

    /// About how many bytes calls may hold that wait for a client to come back with answers;
    /// 256 MiB by default. What a tool keeps on the heap is not seen.
    pub fn max_parked_bytes(mut self, bytes: usize) -> Self {
        self.rounds.parked_bytes = bytes;
        self
    }

    /// How long a call waits, suspended, for a client to come back with answers; 10 minutes by
    /// default.
    pub fn parked_timeout(mut self, time: Duration) -> Self {
        self.rounds.parked_time = time;
        self
    }

    /// How long a call can be continued at all, counted from the end of its last round; one hour by
    /// default. Longer than [`Server::parked_timeout`], it runs again from the top.
    pub fn state_timeout(mut self, time: Duration) -> Self {
        self.rounds.state_time = time;
        self
    }

    /// How long the state of a call may be that a client keeps between rounds, in bytes; 256 KiB by
    /// default. A call that needs more ends with an error that says so.
    pub fn max_state_bytes(mut self, bytes: usize) -> Self {
        self.rounds.state_bytes = bytes;
        self
    }

    /// In how many rounds one call may ask its client; 100 by default. Many clients stop after 10.
    pub fn max_rounds(mut self, rounds: u32) -> Self {
        self.rounds.rounds = rounds;
        self
    }

    /// Where calls are kept that go on as tasks; [`MemoryTasks`](crate::MemoryTasks) by default. Servers behind one
    /// address should share one. Which calls become tasks is said by `#[tool(task)]` and
    /// `#[tool(task_after = "..")]`.
    pub fn task_store(mut self, store: impl TaskStore) -> Self {
        self.tasks_in = Some(TasksIn::new(Arc::new(store)));
        self
    }

    /// How long a task can be asked for after it was made; one hour by default. One that still runs
    /// then is dropped.
    pub fn task_timeout(mut self, time: Duration) -> Self {
        self.task_limits.time = time;
        self
    }

    /// How long clients are told to wait before they ask again how far a task has come; one second by
    /// default.
    pub fn task_poll_interval(mut self, time: Duration) -> Self {
        self.task_limits.poll = time;
        self
    }

    /// How many tasks may run at the same time; 1,000 by default. Calls that would be one more go on
    /// like those of clients that know no tasks.
    pub fn max_running_tasks(mut self, tasks: usize) -> Self {
        self.task_limits.running = tasks;
        self
    }

    /// How long a function may take to [complete](crate::Completer) an argument; 10 seconds by default. It is stopped then,
    /// and whoever asked gets an error.
    pub fn completion_timeout(mut self, time: Duration) -> Self {
        self.completion_time = time;
        self
    }
}
