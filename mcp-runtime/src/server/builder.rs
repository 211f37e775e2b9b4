use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{self, Limits};
use crate::codec::Encoder;
use crate::dispatch::Dispatcher;
use crate::engine::{Parking, ParkingLimits, Seal};
use crate::error::{Error, ErrorKind};
use crate::protocol::{DiscoverResult, Extensions, Icon, Implementation, ProtocolVersion, ServerCapabilities};
use crate::registry::{Built, Policy, Tools};
use crate::tool::{Leniency, States};

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
    tools: Tools,
    policy: Policy,
    states: States,
    limits: Limits,
    parking: ParkingLimits,
    mask_errors: bool,
}

impl Server {
    /// A server of this name, without anything to offer yet.
    ///
    /// Its version is `0.0.0` until [`Server::version`] says otherwise.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            info: Implementation::new(name, "0.0.0"),
            instructions: None,
            tools: Tools::default(),
            policy: Policy::default(),
            states: States::default(),
            limits: Limits::default(),
            parking: ParkingLimits::default(),
            mask_errors: false,
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

    /// Gives something that tools take as [`State<T>`](crate::State): a `T`, or an `Arc<T>` that
    /// the program keeps using too.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(state);
        self
    }

    /// Offers tools: `tools![..]`, the `tools()` of a type with `#[tools]`, or a
    /// [`DynTool`](crate::DynTool). May be called again.
    pub fn tools(mut self, tools: impl Into<Tools>) -> Self {
        self.tools = self.tools.and(tools);
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
        self.policy.describe = true;
        self
    }

    /// Hides from callers what errors say that were not made by
    /// [`ToolError::new`](crate::ToolError::new). They go to the log instead. Off by default.
    pub fn mask_errors(mut self, mask: bool) -> Self {
        self.mask_errors = mask;
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

    /// How many calls may wait, suspended, for a client to come back with answers; 10,000 by
    /// default. The oldest ones make room for more; they cannot be continued then.
    pub fn max_parked_calls(mut self, calls: usize) -> Self {
        self.parking.calls = calls;
        self
    }

    /// About how many bytes calls may hold that wait for a client to come back with answers;
    /// 256 MiB by default. What a tool keeps on the heap is not seen.
    pub fn max_parked_bytes(mut self, bytes: usize) -> Self {
        self.parking.bytes = bytes;
        self
    }

    /// How long a call waits for a client to come back with answers; 10 minutes by default.
    pub fn parked_timeout(mut self, time: Duration) -> Self {
        self.parking.time = time;
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
        let Built { registry, mut problems, needs } = Built::new(self.tools, self.policy);
        for (tool, need) in needs {
            let name = (need.name)();
            if (need.twice)(&self.states) {
                problems.push(format!("the state `{name}` was given twice, once as it is and once behind an `Arc`"));
            } else if !(need.is_there)(&self.states) {
                problems.push(format!(
                    "tool `{tool}` takes `State<{name}>`, which the server was not given; add `.state(..)` with a value of that type"
                ));
            }
        }
        for state in &self.states.repeated {
            problems.push(format!("the state `{state}` was given twice; a server has one of each type"));
        }
        problems.dedup();
        if !problems.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, problems.join("\n")));
        }
        let seal = Seal::random()
            .map_err(|error| Error::new(ErrorKind::Io, "the operating system has no randomness").with_source(error))?;
        let parking = Parking::new(self.info.name.clone(), seal, self.parking);
        let tools = registry.iter().map(|entry| entry.described.clone()).collect();
        let capabilities = ServerCapabilities {
            tools: Some(Default::default()),
            logging: Some(Default::default()),
            ..ServerCapabilities::default()
        };
        let discovery = DiscoverResult {
            supported_versions: ProtocolVersion::MODERN.iter().map(|it| (*it).to_owned()).collect(),
            capabilities,
            instructions: self.instructions,
            ..DiscoverResult::default()
        };
        let encoder = Encoder::new(self.info, tools, discovery);
        let dispatcher = Dispatcher { registry, states: self.states, parking, mask_errors: self.mask_errors };
        Ok(Ready {
            dispatcher: Arc::new(dispatcher),
            encoder: Arc::new(encoder),
            limits: self.limits,
            extensions: Extensions::new(),
        })
    }
}

/// The tools that a server was given.
impl From<Server> for Tools {
    fn from(server: Server) -> Self {
        server.tools
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("info", &self.info).field("tools", &self.tools).finish_non_exhaustive()
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
