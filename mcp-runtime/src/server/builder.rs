use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{self, Limits};
use crate::codec::{Encoder, Offered};
use crate::context::Host;
use crate::dispatch::Dispatcher;
use crate::engine::{
    AnyStore, AnyTaskStore, MemoryOutcomes, MemoryTasks, Metrics, OutcomeStore, Resume, RoundLimits, Rounds, Seal,
    StateKey, TaskLimits, TaskStore, Tasks,
};
use crate::error::{Error, ErrorKind};
use crate::protocol::{
    DiscoverResult, Extensions, Icon, Implementation, ProtocolVersion, ServerCapabilities, TASKS_EXTENSION,
};
use crate::registry::{Built, Describe, Offers, Policy, Prompts, Resources, Tools};
use crate::sampling::{SamplingFallback, SamplingProvider};
use crate::tool::Leniency;

/// A server: what it offers, who it is, what it may use.
///
/// ```no_run
/// use mcp_runtime::prelude::*;
///
/// struct Catalog;
///
/// /// Count the products.
/// #[tool]
/// fn count(_catalog: State<Catalog>) -> u32 {
///     0
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<()> {
///     Server::new("product-catalog")
///         .version(env!("CARGO_PKG_VERSION"))
///         .instructions("Ask for the count first.")
///         .state(Catalog)
///         .tools(tools![count])
///         .run()
///         .await
/// }
/// ```
#[must_use = "a server does nothing until it is run"]
pub struct Server {
    pub(super) info: Implementation,
    instructions: Option<String>,
    offers: Offers,
    policy: Policy,
    host: Host,
    limits: Limits,
    rounds: RoundLimits,
    resume: Resume,
    state_key: Option<StateKey>,
    previous_keys: Vec<StateKey>,
    outcomes: Option<Arc<dyn AnyStore>>,
    metrics: Metrics,
    task_limits: TaskLimits,
    tasks_in: Option<Arc<dyn AnyTaskStore>>,
}

impl Server {
    /// A server of this name, without anything to offer yet.
    ///
    /// Its version is `0.0.0` until [`Server::version`] says otherwise.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            info: Implementation::new(name, "0.0.0"),
            instructions: None,
            offers: Offers::default(),
            policy: Policy::default(),
            host: Host::default(),
            limits: Limits::default(),
            rounds: RoundLimits::default(),
            resume: Resume::default(),
            state_key: None,
            previous_keys: Vec::new(),
            outcomes: None,
            metrics: Metrics::default(),
            task_limits: TaskLimits::default(),
            tasks_in: None,
        }
    }

    /// The version of the program; usually `env!("CARGO_PKG_VERSION")`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.info.version = version.into();
        self
    }

    /// The server's name for people.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.info.title = Some(title.into());
        self
    }

    /// What the server is for, for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.info.description = Some(description.into());
        self
    }

    /// Where to read more about the server.
    pub fn website_url(mut self, url: impl Into<String>) -> Self {
        self.info.website_url = Some(url.into());
        self
    }

    /// Adds a picture for user interfaces.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.info.icons.push(icon);
        self
    }

    /// Advice for the model about the server as a whole.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Gives something that tools, prompts and resources take as [`State<T>`](crate::State): a `T`, or an `Arc<T>` that
    /// the program keeps using too.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.host.states.insert(state);
        self
    }

    /// Offers tools: `tools![..]`, the `tools()` of a type with `#[tools]`, or a
    /// [`DynTool`](crate::DynTool). May be called again.
    pub fn tools(mut self, tools: impl Into<Tools>) -> Self {
        self.offers.tools = self.offers.tools.and(tools);
        self
    }

    /// Offers prompts: `prompts![..]`, or a [`DynPrompt`](crate::DynPrompt). May be called again.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Review code.
    /// #[prompt]
    /// fn review(
    ///     /// The code to review.
    ///     code: &str,
    /// ) -> String {
    ///     format!("Please review this code:\n{code}")
    /// }
    ///
    /// let server = Server::new("reviewer").prompts(prompts![review]);
    /// ```
    pub fn prompts(mut self, prompts: impl Into<Prompts>) -> Self {
        self.offers.prompts = self.offers.prompts.and(prompts);
        self
    }

    /// Offers resources: `resources![..]`, or a [`Resource`](crate::Resource) that needs no function.
    /// May be called again. Of several that match one URI, one without variables is read, or else the
    /// first.
    ///
    /// ```
    /// use mcp_runtime::Resource;
    /// use mcp_runtime::prelude::*;
    ///
    /// /// A user's name.
    /// #[resource("user://{id}/name")]
    /// fn user_name(id: u32) -> Option<&'static str> {
    ///     (id == 1).then_some("Ada")
    /// }
    ///
    /// let server = Server::new("users")
    ///     .resources(resources![user_name])
    ///     .resources(Resource::text("user://everyone", "Ada"));
    /// ```
    pub fn resources(mut self, resources: impl Into<Resources>) -> Self {
        self.offers.resources = self.offers.resources.and(resources);
        self
    }

    /// Takes arguments only as their schemas say. Without it an object or array may arrive as text
    /// that holds it, and null may stand for an argument that is left out, since models write
    /// both. `#[tool(lenient)]` says otherwise for one tool.
    pub fn strict(mut self) -> Self {
        self.policy.leniency = Leniency::Strict;
        self
    }

    /// Takes numbers and booleans that arrive as text, too, where the argument is not text.
    /// `#[tool(strict)]` says otherwise for one tool.
    pub fn lenient(mut self) -> Self {
        self.policy.leniency = Leniency::Lenient;
        self
    }

    /// Refuses to start while an argument of a tool has no description. Without it each of them is
    /// a warning in the log. `#[tool(undescribed = "deny")]` makes it a compile error for one tool,
    /// `#[tool(undescribed = "allow")]` is content with it.
    pub fn require_descriptions(mut self) -> Self {
        self.policy.describe = Describe::Deny;
        self
    }

    /// The server's own model, which answers what its tools ask of a model
    /// ([`Context::sample`](crate::Context::sample)) when the client cannot be asked. Nothing changes in
    /// the tools. See [`sampling`](crate::sampling).
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult};
    ///
    /// let server = Server::new("catalog").sampling_fallback(|question: CreateMessageRequestParams| async move {
    ///     // Here a provider is asked.
    ///     Ok(CreateMessageResult::text("my-model", question.joined_text()))
    /// });
    /// ```
    pub fn sampling_fallback(mut self, model: impl SamplingProvider) -> Self {
        self.host.model = Some(Arc::new(model));
        self
    }

    /// When the server's own model answers; [`SamplingFallback::IfUnsupported`] by default. One
    /// question can say otherwise ([`Sample::fallback`](crate::Sample::fallback)).
    pub fn sampling_fallback_when(mut self, when: SamplingFallback) -> Self {
        self.host.fallback = when;
        self
    }

    /// Hides from callers what errors say that were not made by
    /// [`ToolError::new`](crate::ToolError::new). They go to the log instead. Off by default.
    pub fn mask_errors(mut self, mask: bool) -> Self {
        self.host.mask_errors = mask;
        self
    }

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
    /// and the call is not executed twice; [`MemoryOutcomes`] by default. Servers that continue each
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

    /// Where calls are kept that go on as tasks; [`MemoryTasks`] by default. Servers behind one
    /// address should share one. Which calls become tasks is said by `#[tool(task)]` and
    /// `#[tool(task_after = "..")]`.
    pub fn task_store(mut self, store: impl TaskStore) -> Self {
        self.tasks_in = Some(Arc::new(store));
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

    /// Serves one connection over any pair of byte streams, one message a line, until the input
    /// ends. A program that serves several connections shares nothing between them this way; what
    /// they are to share goes into a state behind an `Arc`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when what the server was built from does not fit together,
    /// [`ErrorKind::Io`] when reading or writing fails.
    pub async fn serve(self, reader: impl AsyncRead + Unpin, writer: impl AsyncWrite + Unpin) -> Result<(), Error> {
        self.serve_with(reader, writer, Extensions::new()).await
    }

    /// The same for a connection of which something is known: who is at its other end, which
    /// tenant it is for. Tools take it as [`Extension<T>`](crate::Extension).
    ///
    /// # Errors
    ///
    /// As [`Server::serve`].
    pub async fn serve_with(
        self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        extensions: Extensions,
    ) -> Result<(), Error> {
        let mut ready = self.build()?;
        ready.extensions = extensions;
        ready.serve(reader, writer, std::future::pending()).await
    }

    /// Checks that everything fits together.
    pub(crate) fn build(self) -> Result<Ready, Error> {
        let built = Built::new(self.offers, self.policy);
        let problems = built.problems(&self.host.states);
        if !problems.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, problems.join("\n")));
        }
        let mut registry = built.registry;
        let seal = Seal::new(&state_keys(self.state_key, self.previous_keys)?);
        let outcomes = self.outcomes.unwrap_or_else(|| Arc::new(MemoryOutcomes::default()));
        let store = self.tasks_in.unwrap_or_else(|| Arc::new(MemoryTasks::default()));
        let tasks = Arc::new(Tasks::new(store, self.task_limits));
        let counters = self.metrics.0;
        let rounds = Rounds::new(self.info.name.clone(), seal, self.rounds, outcomes, counters, tasks.clone());
        let extensions = registry
            .tools
            .iter()
            .any(|entry| entry.task.is_some())
            .then(|| (TASKS_EXTENSION.to_owned(), serde_json::Value::Object(serde_json::Map::new())));
        let capabilities = ServerCapabilities {
            tools: (!registry.tools.is_empty()).then(Default::default),
            prompts: (!registry.prompts.is_empty()).then(Default::default),
            resources: registry.has_resources().then(Default::default),
            logging: Some(Default::default()),
            extensions: extensions.into_iter().collect(),
            ..ServerCapabilities::default()
        };
        let offered = Offered {
            tools: std::mem::take(&mut registry.tools.described),
            prompts: std::mem::take(&mut registry.prompts.described),
            resources: std::mem::take(&mut registry.resources.described),
            templates: std::mem::take(&mut registry.templates.described),
        };
        let discovery = DiscoverResult {
            supported_versions: ProtocolVersion::MODERN.iter().map(|it| (*it).to_owned()).collect(),
            capabilities,
            instructions: self.instructions,
            ..DiscoverResult::default()
        };
        let encoder = Encoder::new(self.info, offered, discovery);
        let dispatcher = Dispatcher { registry, host: Arc::new(self.host), rounds, tasks, resume: self.resume };
        Ok(Ready {
            dispatcher: Arc::new(dispatcher),
            encoder: Arc::new(encoder),
            limits: self.limits,
            extensions: Extensions::new(),
        })
    }
}

/// The environment variable with the keys of servers that were given none.
const STATE_KEY: &str = "MCP_STATE_KEY";

/// The key that was given, that of the environment, or one of this process alone; then those of
/// before.
fn state_keys(given: Option<StateKey>, previous: Vec<StateKey>) -> Result<Vec<StateKey>, Error> {
    let mut keys: Vec<StateKey> =
        match (given, std::env::var_os(STATE_KEY)) {
            (Some(key), _) => vec![key],
            (None, Some(text)) => {
                let keys: Result<_, _> = text.to_string_lossy().split(',').map(str::parse).collect();
                keys.map_err(|error| {
                    Error::new(ErrorKind::Configuration, format!("`{STATE_KEY}` is not right")).with_source(error)
                })?
            }
            (None, None) => vec![StateKey::random().map_err(|error| {
                Error::new(ErrorKind::Io, "the operating system has no randomness").with_source(error)
            })?],
        };
    keys.extend(previous);
    Ok(keys)
}

/// The tools that a server was given.
impl From<Server> for Tools {
    fn from(server: Server) -> Self {
        server.offers.tools
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("info", &self.info).field("offers", &self.offers).finish_non_exhaustive()
    }
}

/// A server that fits together.
#[derive(Clone)]
pub(crate) struct Ready {
    dispatcher: Arc<Dispatcher>,
    encoder: Arc<Encoder>,
    limits: Limits,
    extensions: Extensions,
}

impl Ready {
    pub(crate) async fn serve(
        &self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        connection::serve(&self.dispatcher, &self.encoder, self.limits, &self.extensions, reader, writer, shutdown)
            .await
            .map_err(Error::from)
    }
}
