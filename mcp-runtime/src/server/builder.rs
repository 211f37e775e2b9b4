use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tower_layer::Layer;
use tower_service::Service;

use super::capabilities::capabilities;
use super::connection::Limits;
use super::feed::Feed;
use super::handle::ServerHandle;
use super::lifespan::{Hooks, Lifespan};
use super::live::Live;
use super::ready::ReadyServer;
use crate::codec::{Encoder, Keep};
use crate::context::{Host, Requester, ToolError};
use crate::dispatch::{Admits, Dispatcher};
use crate::engine::{
    AnyStore, CallLimits, MemoryOutcomes, Metrics, Resume, RoundLimits, Rounds, Seal, StateKey, TaskLimits, Tasks,
    TasksIn,
};
use crate::error::{Error, ErrorKind};
use crate::layer::{AnyLayer, CallError, CallRequest, CallResponse, CallService};
use crate::protocol::{DiscoverResult, Extensions, Icon, Implementation, ProtocolVersion};
use crate::registry::{
    Built, Describe, Filter, Item, Mount, Offers, Part, Policy, Prompts, Replacement, Resources, Tools,
};
use crate::sampling::{SamplingFallback, SamplingProvider};
use crate::tally::Tally;
use crate::telemetry::Telemetry;
use crate::tool::Leniency;
use crate::transport::Transport;

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
    pub(super) instructions: Option<String>,
    pub(super) offers: Offers,
    /// What replaces parts of it.
    pub(super) feeds: Vec<Feed>,
    pub(super) policy: Policy,
    pub(super) host: Host,
    pub(super) live: Arc<Live>,
    pub(super) hooks: Hooks,
    pub(super) keep: Keep,
    pub(super) page: Option<usize>,
    pub(super) limits: Limits,
    pub(super) rounds: RoundLimits,
    pub(super) resume: Resume,
    pub(super) state_key: Option<StateKey>,
    pub(super) previous_keys: Vec<StateKey>,
    pub(super) outcomes: Option<Arc<dyn AnyStore>>,
    pub(super) metrics: Metrics,
    pub(super) task_limits: TaskLimits,
    pub(super) tasks_in: Option<TasksIn>,
    pub(super) completion_time: Duration,
    pub(super) completion_rate: Option<Admits>,
    pub(super) telemetry: Telemetry,
}

impl Server {
    /// A server of this name, without anything to offer yet.
    ///
    /// Its version is `0.0.0` until [`Server::version`] says otherwise.
    pub fn new(name: impl Into<String>) -> Self {
        let host = Host::default();
        Self {
            info: Implementation::new(name, "0.0.0"),
            instructions: None,
            offers: Offers::default(),
            feeds: Vec::new(),
            policy: Policy::default(),
            live: Arc::new(Live::new(host.events.clone())),
            host,
            hooks: Hooks::default(),
            keep: Keep::default(),
            page: None,
            limits: Limits::default(),
            rounds: RoundLimits::default(),
            resume: Resume::default(),
            state_key: None,
            previous_keys: Vec::new(),
            outcomes: None,
            metrics: Metrics::default(),
            task_limits: TaskLimits::default(),
            tasks_in: None,
            completion_time: Duration::from_secs(10),
            completion_rate: None,
            telemetry: Telemetry::default(),
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

    /// Does something before the first connection is served: migrates a database, warms a cache. Hooks run one
    /// after the other, in their order; when one fails, the server does not start.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// let server = Server::new("catalog").on_start(|| async {
    ///     // Here the database is migrated.
    ///     Ok(())
    /// });
    /// ```
    pub fn on_start<F>(mut self, hook: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), ToolError>> + Send + 'static,
    {
        self.hooks.start.push(Box::new(|| Box::pin(hook())));
        self
    }

    /// Does something when the server has ended: all connections are closed, calls and background work have
    /// come to their end. Hooks run one after the other, the last one first. They do not run when the process is
    /// killed.
    pub fn on_shutdown<F>(mut self, hook: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.hooks.shutdown.push(Box::new(|| Box::pin(hook())));
        self
    }

    /// Runs something beside the connections, from the start on: watches a directory, refreshes a cache. When
    /// the server ends, the token is cancelled, and the work has [a while](Server::drain_timeout) to end.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::Resource;
    /// use mcp_runtime::prelude::*;
    ///
    /// let server = Server::new("clock").resources(Resource::text("clock://hour", "12"));
    /// let handle = server.handle();
    /// let server = server.background(move |stop| async move {
    ///     let mut hour = tokio::time::interval(Duration::from_secs(3600));
    ///     while stop.run_until_cancelled(hour.tick()).await.is_some() {
    ///         handle.resource_updated("clock://hour");
    ///     }
    /// });
    /// ```
    pub fn background<F>(mut self, work: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.hooks.background.push(Box::new(|stop| Box::pin(work(stop))));
        self
    }

    /// What changes this server while it runs: adds and removes tools, prompts and resources, and tells its
    /// clients. Once it was taken, clients are told that lists may change.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.live.hand_out();
        ServerHandle::new(&self.live)
    }

    /// Offers this until `feed` replaces it, here or wherever the server is mounted. Clients are told that lists may
    /// change if that is so.
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "who replaces parts is a client"))]
    pub(crate) fn fed(mut self, feed: &Feed, first: Replacement, may_change: bool) -> Self {
        let Replacement { tools, prompts, resources } = first;
        self.offers.parts.push(Part {
            id: feed.part(),
            tools: tools.unwrap_or_default(),
            prompts: prompts.unwrap_or_default(),
            resources: resources.unwrap_or_default(),
        });
        self.feeds.push(feed.clone());
        if may_change {
            self.live.will_change();
        }
        self
    }

    /// How many items a page of a list has ([specification]); all of them by default. Each page names the one
    /// after it by a cursor, which only servers with the same [key](Server::state_key) understand.
    ///
    /// A list of no more items comes in one piece, encoded once.
    ///
    /// # Panics
    ///
    /// When it is 0.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination
    pub fn page_size(mut self, items: usize) -> Self {
        assert!(items > 0, "a page must have at least one item");
        self.page = Some(items);
        self
    }

    /// For how long clients may keep the lists of this server and what it says of itself ([specification]); one
    /// minute by default. It is whole milliseconds that count.
    ///
    /// What resources hold is another matter: `#[resource(.., ttl = "..")]`.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
    pub fn list_ttl(mut self, time: Duration) -> Self {
        let millis = millis(time);
        self.keep = Keep { tools: millis, prompts: millis, resources: millis, templates: millis, discovery: millis };
        self
    }

    /// For how long clients may keep the list of tools, if that is not as long as [all](Server::list_ttl).
    pub fn tools_ttl(mut self, time: Duration) -> Self {
        self.keep.tools = millis(time);
        self
    }

    /// For how long clients may keep the list of prompts, if that is not as long as [all](Server::list_ttl).
    pub fn prompts_ttl(mut self, time: Duration) -> Self {
        self.keep.prompts = millis(time);
        self
    }

    /// For how long clients may keep the lists of resources and of their templates, if that is not as long as
    /// [all](Server::list_ttl).
    pub fn resources_ttl(mut self, time: Duration) -> Self {
        self.keep.resources = millis(time);
        self.keep.templates = millis(time);
        self
    }

    /// To how many resources one connection may be subscribed; 10,000 by default. One more is answered with
    /// an error.
    pub fn max_subscriptions(mut self, resources: usize) -> Self {
        self.limits.subscriptions = resources;
        self
    }

    /// Puts a [layer](crate::layer) around all calls of tools, prompts and resources. The first one that was given is
    /// the outermost.
    pub fn layer<L, S>(mut self, layer: L) -> Self
    where
        L: Layer<CallService, Service = S>,
        S: Service<CallRequest, Response = CallResponse, Future: Send> + Clone + Send + Sync + 'static,
        S::Error: Into<CallError>,
    {
        self.offers.layers.push(AnyLayer::new(&layer));
        self
    }

    /// Decides who sees which tools, prompts and resources, and can call them, besides what they say themselves
    /// (`#[tool(visible = ..)]`). To others they are as unknown as what is not there. All that is given must agree.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// #[derive(Clone)]
    /// struct Admin;
    ///
    /// /// Delete everything.
    /// #[tool]
    /// fn delete_all() {}
    ///
    /// let server = Server::new("files").tools(tools![delete_all].tag("admin")).visible(|item, requester| {
    ///     !item.has_tag("admin") || requester.extensions().get::<Admin>().is_some()
    /// });
    /// ```
    pub fn visible(mut self, shows: impl Fn(Item<'_>, &Requester) -> bool + Send + Sync + 'static) -> Self {
        self.offers.filters.push(Filter { shows: Arc::new(shows), depth: 0 });
        self
    }

    /// Offers all that another server does, too: its tool `add` becomes `prefix_add`, as do prompts, and its
    /// resource `a://b` becomes `a://prefix/b`. Where its results name a resource of its own, by link, embedded or as
    /// what was read, they say so too.
    ///
    /// What is mounted keeps its states, its layers (inside of those of this server), its own model, who may see it,
    /// how it reads arguments, masks errors and goes on with calls, and its hooks. Its layers and rules know names as it
    /// does, without the prefix. Name, instructions and limits are those of this server. What is mounted changes by
    /// a [handle](Server::handle) of this server: one of its own, taken before, is an error when this server starts.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Add two integers.
    /// #[tool]
    /// fn add(a: i64, b: i64) -> i64 {
    ///     a + b
    /// }
    ///
    /// let calculator = Server::new("calculator").tools(tools![add]);
    /// let server = Server::new("office").mount("calculator", calculator); // has `calculator_add`
    /// ```
    pub fn mount(mut self, prefix: impl Into<Arc<str>>, other: Server) -> Self {
        let prefix = prefix.into();
        let Self { offers, feeds, policy, host, hooks, live, resume, .. } = other;
        let has_handle = live.has_handle();
        let mut mount = Mount { offers, policy, host, resume, has_handle, add: Built::mount };
        mount.put_below(&prefix, &self.host);
        self.offers.mounts.push(mount);
        if live.may_change() {
            self.live.will_change();
        }
        self.feeds.extend(feeds);
        self.hooks.start.extend(hooks.start);
        self.hooks.background.extend(hooks.background);
        self.hooks.shutdown.extend(hooks.shutdown);
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

    /// Serves one connection until the client ends it: a Unix socket, a TCP connection, a pair `(reader, writer)`, and
    /// whatever else is a [`Transport`]. [`Server::build`] makes a server for several.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when what the server was built from does not fit together,
    /// [`ErrorKind::Startup`] when a hook of [`Server::on_start`] failed, [`ErrorKind::Io`] when reading or
    /// writing fails.
    pub async fn serve(self, transport: impl Transport) -> Result<(), Error> {
        self.serve_with(transport, Extensions::new()).await
    }

    /// The same for a connection of which something is known: who is at its other end, which
    /// tenant it is for. Tools take it as [`Extension<T>`](crate::Extension).
    ///
    /// # Errors
    ///
    /// As [`Server::serve`].
    pub async fn serve_with(self, transport: impl Transport, extensions: Extensions) -> Result<(), Error> {
        let ready = ReadyServer { extensions, transport: transport.network(), ..self.build()? };
        let (reader, writer) = transport.split();
        ready.serve_only(reader, writer, std::future::pending()).await
    }

    /// Checks that everything fits together, and makes a server that several connections share.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when it does not: the message has all that is wrong.
    pub fn build(self) -> Result<ReadyServer, Error> {
        let host = Arc::new(self.host);
        let offering = self.live.start(self.offers, self.policy, &host)?;
        self.feeds.iter().for_each(|feed| feed.connect(&self.live));
        let is_key_made_up = self.state_key.is_none() && std::env::var_os(STATE_KEY).is_none();
        let seal = Arc::new(Seal::new(&state_keys(self.state_key, self.previous_keys)?));
        let outcomes = self.outcomes.unwrap_or_else(|| Arc::new(MemoryOutcomes::default()));
        let tasks = Arc::new(Tasks::new(self.task_limits, self.tasks_in));
        let counters = self.metrics.0;
        let rounds = Rounds::new(self.info.name.clone(), seal.clone(), self.rounds, outcomes, counters, tasks.clone());
        let discovery = DiscoverResult {
            supported_versions: ProtocolVersion::MODERN.iter().map(|it| (*it).to_owned()).collect(),
            capabilities: capabilities(&offering.registry),
            instructions: self.instructions,
            ..DiscoverResult::default()
        };
        let encoder = Encoder::new(self.info, discovery, self.keep);
        let dispatcher = Dispatcher {
            host,
            rounds,
            tasks,
            resume: self.resume,
            seal,
            page: self.page,
            completion_limits: CallLimits::new(Some(self.completion_time), None),
            completion_rate: self.completion_rate,
            telemetry: self.telemetry,
            calls: Tally::default(),
        };
        Ok(ReadyServer {
            live: self.live,
            dispatcher: Arc::new(dispatcher),
            encoder: Arc::new(encoder),
            limits: self.limits,
            extensions: Extensions::new(),
            lifespan: Arc::new(Lifespan::new(self.hooks)),
            connections: Tally::default(),
            transport: None,
            is_key_made_up,
        })
    }
}

/// Whole milliseconds, as many as there can be.
fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
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

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("info", &self.info).field("offers", &self.offers).finish_non_exhaustive()
    }
}
