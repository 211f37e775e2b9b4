use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

use super::cache::Cache;
use super::handler::{Handlers, erase};
use super::handshake::meet;
use super::lines::Lines;
use super::overheard::{Overheard, Speaker};
use super::process::{Process, Stderr};
use super::sampling::{Approval, SamplingRequest};
use super::wire::Wire;
use super::{Client, Options};
use crate::error::{Error, ErrorKind};
use crate::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, ErrorObject, Implementation,
    ListRootsResult, LoggingLevel, LoggingMessageNotificationParams, ProgressNotificationParams,
};
use crate::sampling::SamplingProvider;
use crate::server::Server;
use crate::telemetry::Telemetry;
use crate::transport::{Reader, Transport, Writer, pair};

/// Which protocol versions a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Era {
    /// The newest one that the server speaks too: it is asked with `server/discover`, and if it
    /// does not know that, `initialize` follows.
    #[default]
    Auto,
    /// Versions that begin with `initialize`: up to 2025-11-25.
    Legacy,
    /// Versions whose requests say it all: 2026-07-28.
    Modern,
}

enum Target {
    Command(Box<Command>),
    Server(Box<Server>),
    Streams {
        reader: Reader,
        writer: Writer,
        network: Option<&'static str>,
    },
    #[cfg(feature = "client-http")]
    Http(String),
}

/// Builds a [`Client`].
#[must_use = "a client does nothing until it is connected"]
pub struct ClientBuilder {
    target: Target,
    stderr: Stderr,
    info: Implementation,
    handlers: Handlers,
    era: Era,
    max_rounds: u32,
    tasks: bool,
    timeout: Duration,
    probe_timeout: Duration,
    cache_bytes: usize,
    overheard: Overheard,
    telemetry: Telemetry,
    #[cfg(feature = "client-http")]
    pub(super) http: super::http::Settings,
}

impl Client {
    /// A client of a server that is started as a child process and spoken to over its standard
    /// streams ([specification]). The child's standard error is the program's own, unless
    /// [`ClientBuilder::on_stderr`] takes it.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
    pub fn stdio(command: impl Into<Command>) -> ClientBuilder {
        ClientBuilder::new(Target::Command(Box::new(command.into())))
    }

    /// A client of a server that runs in the same process: for tests, and for programs that are
    /// both.
    pub fn in_memory(server: Server) -> ClientBuilder {
        ClientBuilder::new(Target::Server(Box::new(server)))
    }

    /// A client of a server at the other end of a connection: a Unix socket, a TCP connection, a pair
    /// `(reader, writer)`, and whatever else is a [`Transport`].
    ///
    /// ```no_run
    /// use mcp_runtime::Client;
    ///
    /// # async fn ask() -> mcp_runtime::prelude::Result<()> {
    /// let connection = tokio::net::TcpStream::connect("127.0.0.1:7000").await?;
    /// let client = Client::over(connection).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn over(transport: impl Transport) -> ClientBuilder {
        let network = transport.network();
        let (reader, writer) = transport.split();
        ClientBuilder::new(Target::Streams { reader: Box::new(reader), writer: Box::new(writer), network })
    }

    /// A client of a server at this URL, over Streamable HTTP ([specification]) or, where the server knows only that,
    /// the HTTP+SSE of 2024-11-05. Everything else is as over standard streams.
    ///
    /// The server may be of any protocol version. A legacy server that loses the client's session gets a new one, and
    /// event streams that break off are gone on with where they were. Redirects are followed on the same server only.
    ///
    /// ```no_run
    /// use mcp_runtime::Client;
    ///
    /// # async fn ask() -> Result<(), mcp_runtime::Error> {
    /// let client = Client::http("https://mcp.example.com/mcp").bearer("secret").connect().await?;
    /// let sum: i64 = client.call("add", [("a", 2), ("b", 3)]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A status that says no is an [`ErrorKind::Http`], unless the server says more in an error of the protocol;
    /// [`Error::http_status`] has it in both cases.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
    #[cfg(feature = "client-http")]
    pub fn http(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(Target::Http(url.into()))
    }
}

impl ClientBuilder {
    fn new(target: Target) -> Self {
        Self {
            target,
            stderr: Stderr::Inherit,
            info: Implementation::new("mcp-runtime-client", env!("CARGO_PKG_VERSION")),
            handlers: Handlers::default(),
            era: Era::Auto,
            max_rounds: 10,
            tasks: false,
            timeout: Duration::from_secs(300),
            probe_timeout: Duration::from_secs(5),
            cache_bytes: 16 << 20,
            overheard: Overheard::default(),
            telemetry: Telemetry::default(),
            #[cfg(feature = "client-http")]
            http: super::http::Settings::default(),
        }
    }

    /// Who the client says it is.
    pub fn info(mut self, info: Implementation) -> Self {
        self.info = info;
        self
    }

    /// Which protocol versions it speaks; [`Era::Auto`] by default.
    pub fn era(mut self, era: Era) -> Self {
        self.era = era;
        self
    }

    /// How many times a call may be continued with answers; 10 by default, as other clients have
    /// it.
    pub fn max_rounds(mut self, rounds: u32) -> Self {
        self.max_rounds = rounds;
        self
    }

    /// Lets a server go on with a call in the background, as a *task*
    /// ([extension](https://modelcontextprotocol.io/extensions/tasks/overview), since 2026-07-28).
    /// [`Client::call_tool`] then waits for the task; [`Client::start_tool`] hands it out. Off by
    /// default.
    pub fn tasks(mut self) -> Self {
        self.tasks = true;
        self
    }

    /// How long a request may take; 5 minutes by default. Each round of a call is a request.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// How long [`Era::Auto`] waits for an answer to `server/discover` before it takes the server
    /// for a legacy one; 5 seconds by default.
    pub fn probe_timeout(mut self, time: Duration) -> Self {
        self.probe_timeout = time;
        self
    }

    /// How many bytes of lists and resources are kept for as long as the server says that they may be
    /// ([specification]); 16 MiB by default, and 0 for none. What is kept is not asked for again, until the server
    /// tells that it has changed.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Answers the server's questions to the model ([specification]): with a
    /// [provider](SamplingProvider), or with a closure, which is one. Without it, the client declares
    /// that it has none.
    ///
    /// A closure that looks at the question names its type:
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// use mcp_runtime::Client;
    /// use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult};
    ///
    /// # let server = Server::new("parrots");
    /// let client = Client::in_memory(server).on_sampling(|request: CreateMessageRequestParams| async move {
    ///     Ok(CreateMessageResult::text("parrot", request.joined_text()))
    /// });
    /// ```
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/sampling
    pub fn on_sampling(mut self, provider: impl SamplingProvider) -> Self {
        self.handlers.sampling.provider = Some(Arc::new(provider));
        self
    }

    /// Declares that the sampling handler can offer tools to the model. A
    /// [provider](SamplingProvider::supports_tools) says so itself, a closure cannot.
    pub fn sampling_tools(mut self) -> Self {
        self.handlers.sampling.with_tools = true;
        self
    }

    /// Asks a person, or a rule, before the model is asked ([specification]): they see the question, which
    /// server and which tool asks, and may change the question or refuse it.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// use mcp_runtime::Client;
    /// use mcp_runtime::client::{Approval, SamplingRequest};
    /// use mcp_runtime::protocol::CreateMessageResult;
    ///
    /// /// Let the model greet.
    /// #[tool]
    /// async fn greet(ctx: Context) -> Result<String> {
    ///     Ok(ctx.sample("Greet them").await?.text()?.to_owned())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let client = Client::in_memory(Server::new("greeter").tools(tools![greet]))
    ///     .on_sampling(|_| async { Ok(CreateMessageResult::text("a-model", "Hello!")) })
    ///     .approve_sampling(|request: SamplingRequest| async move {
    ///         match request.tool() {
    ///             Some("greet") => Approval::Allow,
    ///             _ => Approval::Refuse,
    ///         }
    ///     })
    ///     .connect()
    ///     .await?;
    /// assert_eq!(client.call::<String>("greet", ()).await?, "Hello!");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A refusal is an error with the code -1. Since 2026-07-28 there is no way to tell the server, so that
    /// the call ends with [`ErrorKind::Refused`].
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/sampling#user-interaction-model
    pub fn approve_sampling<F, H>(mut self, approve: H) -> Self
    where
        F: Future<Output = Approval<CreateMessageRequestParams>> + Send + 'static,
        H: Fn(SamplingRequest) -> F + Send + Sync + 'static,
    {
        self.handlers.sampling.approve_with(approve);
        self
    }

    /// Asks a person, or a rule, before the server gets the model's answer ([specification]): they see the
    /// question that was asked and the answer, and may change or withhold it.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/sampling#user-interaction-model
    pub fn approve_sampling_answer<F, H>(mut self, approve: H) -> Self
    where
        F: Future<Output = Approval<CreateMessageResult>> + Send + 'static,
        H: Fn(SamplingRequest, CreateMessageResult) -> F + Send + Sync + 'static,
    {
        self.handlers.sampling.review_with(approve);
        self
    }

    /// How many questions to the model are answered in any period of this length; there is no limit by
    /// default. What is more is refused, before anybody is asked, with the time after which it makes sense to
    /// ask again.
    pub fn sampling_rate_limit(mut self, questions: u32, per: Duration) -> Self {
        self.handlers.sampling.limit_rate(questions, per);
        self
    }

    /// How many tokens all questions of one call may take together, as their `maxTokens` say; there is no
    /// limit by default. What is more is refused, before anybody is asked. Questions outside of calls, which
    /// servers could ask until 2025-11-25, count as those of one call, for as long as the connection lasts.
    pub fn sampling_token_budget(mut self, tokens: u64) -> Self {
        self.handlers.sampling.limit_tokens(tokens);
        self
    }

    /// Answers the server's questions to the user that come as a form ([specification]). Without
    /// it, the client declares that it shows no forms.
    ///
    /// The handler shows `message` and the fields of `requested_schema`, and lets the user accept,
    /// decline or dismiss them.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::Client;
    /// use mcp_runtime::protocol::{ElicitRequestParams, ElicitResult};
    ///
    /// /// Order lunch.
    /// #[tool]
    /// async fn lunch(ctx: Context) -> Result<&'static str> {
    ///     Ok(if ctx.confirm("The soup of the day?").await? { "ordered" } else { "not ordered" })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// // A user who accepts every form as it is.
    /// let agreeable = |form: ElicitRequestParams| async move { Ok(ElicitResult::accept(form.defaults())) };
    /// let client = Client::in_memory(Server::new("canteen").tools(tools![lunch]))
    ///     .on_elicitation(agreeable)
    ///     .connect()
    ///     .await?;
    /// assert_eq!(client.call::<String>("lunch", ()).await?, "ordered");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#form-mode-elicitation-requests
    pub fn on_elicitation<F, H>(mut self, handler: H) -> Self
    where
        F: Future<Output = Result<ElicitResult, ErrorObject>> + Send + 'static,
        H: Fn(ElicitRequestParams) -> F + Send + Sync + 'static,
    {
        self.handlers.elicitation = Some(erase(handler));
        self
    }

    /// Answers the server's questions to the user that send them to a page ([specification]).
    /// Without it, the client declares that it opens none.
    ///
    /// The handler shows `message` and the whole `url`, and opens it only if the user agrees; it
    /// must not look at the page itself. [`ElicitResult::agree`] says that they agreed, not that
    /// they have finished there.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::Client;
    /// use mcp_runtime::protocol::ElicitResult;
    ///
    /// /// Connect an account.
    /// #[tool]
    /// async fn connect(ctx: Context) -> Result<&'static str> {
    ///     let answer = ctx.elicit_url("Sign in to connect your account", "https://example.com/connect").await?;
    ///     Ok(if answer.is_accepted() { "finish signing in, then go on" } else { "not connected" })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let client = Client::in_memory(Server::new("accounts").tools(tools![connect]))
    ///     .on_elicitation_url(|page| async move {
    ///         assert_eq!(page.url.as_deref(), Some("https://example.com/connect"));
    ///         Ok(ElicitResult::decline())
    ///     })
    ///     .connect()
    ///     .await?;
    /// assert_eq!(client.call::<String>("connect", ()).await?, "not connected");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#url-mode-elicitation-requests
    pub fn on_elicitation_url<F, H>(mut self, handler: H) -> Self
    where
        F: Future<Output = Result<ElicitResult, ErrorObject>> + Send + 'static,
        H: Fn(ElicitRequestParams) -> F + Send + Sync + 'static,
    {
        self.handlers.elicitation_url = Some(erase(handler));
        self
    }

    /// Tells the server which directories it may look at ([specification]). Without it, the
    /// client declares that it has none.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/roots
    pub fn on_roots<F, H>(mut self, handler: H) -> Self
    where
        F: Future<Output = Result<ListRootsResult, ErrorObject>> + Send + 'static,
        H: Fn(()) -> F + Send + Sync + 'static,
    {
        self.handlers.roots = Some(erase(handler));
        self
    }

    /// Hears the server's log messages from this level on. Without it, the server sends none in
    /// the modern era.
    pub fn on_log(
        mut self,
        level: LoggingLevel,
        listener: impl Fn(LoggingMessageNotificationParams) + Send + Sync + 'static,
    ) -> Self {
        self.handlers.log = Some((level, Arc::new(listener)));
        self
    }

    /// Hears how far requests have come. Without it, the server is not asked to tell.
    pub fn on_progress(mut self, listener: impl Fn(ProgressNotificationParams) + Send + Sync + 'static) -> Self {
        self.handlers.progress = Some(Arc::new(listener));
        self
    }

    /// Hears each line that a child process writes to its standard error.
    pub fn on_stderr(mut self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.stderr = Stderr::Lines(Arc::new(listener));
        self
    }

    /// Hears every message that goes over the connection, both ways, as the JSON text that it is, before anything is
    /// made of it: to look at what is said, or to write it down for a test. There is no cost without it.
    ///
    /// What the client says is heard as it is sent, and so is told in the order of the wire; so is what the server
    /// says, except that requests over HTTP have connections of their own. A batch is one message. The listener must
    /// be quick, since the connection waits for it. Messages may hold secrets of those who use the client.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// use mcp_runtime::Client;
    /// use mcp_runtime::client::Era;
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Add two integers.
    /// #[tool]
    /// fn add(a: i64, b: i64) -> i64 {
    ///     a + b
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let said: Arc<Mutex<Vec<String>>> = Arc::default();
    /// let all = said.clone();
    /// let client = Client::in_memory(Server::new("adder").tools(tools![add]))
    ///     .era(Era::Legacy)
    ///     .on_message(move |speaker, message| all.lock().unwrap().push(format!("{speaker}: {message}")))
    ///     .connect()
    ///     .await?;
    /// client.call_tool("add", [("a", 2), ("b", 3)]).await?;
    ///
    /// let said = said.lock().unwrap();
    /// assert_eq!(
    ///     said[3..],
    ///     [
    ///         r#"client: {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3}}}"#,
    ///         r#"server: {"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"5"}],"structuredContent":{"result":5}}}"#,
    ///     ]
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_message(mut self, listener: impl Fn(Speaker, &str) + Send + Sync + 'static) -> Self {
        self.overheard = Overheard::by(listener);
        self
    }

    /// Measures with OpenTelemetry how long requests take (`mcp.client.operation.duration`). See
    /// [observability](crate::observability).
    #[cfg(feature = "otel")]
    pub fn meter(mut self, meter: &opentelemetry::metrics::Meter) -> Self {
        self.telemetry = Telemetry::of_client(meter);
        self
    }

    /// Starts the server where that is to be done, and finds out what both speak.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when the server cannot be started, [`ErrorKind::Protocol`] when no
    /// protocol version is common to both, [`ErrorKind::Closed`] or [`ErrorKind::Timeout`] when
    /// it does not answer, [`ErrorKind::Configuration`] when a server in the same process does
    /// not fit together, or the URL or a header of one over HTTP is none, [`ErrorKind::Http`] when there is no MCP
    /// server at the URL, or not for this client.
    pub async fn connect(mut self) -> Result<Client, Error> {
        self.telemetry.transport = match self.target {
            Target::Command(_) => Some("pipe"),
            #[cfg(feature = "client-http")]
            Target::Http(_) => Some("tcp"),
            Target::Streams { network, .. } => network,
            Target::Server(_) => None,
        };
        let extensions: &'static [&'static str] = match self.target {
            #[cfg(feature = "client-http")]
            Target::Http(_) => self.http.extensions(),
            _ => &[],
        };
        let options = Arc::new(Options {
            info: self.info,
            handlers: Arc::new(self.handlers),
            era: self.era,
            max_rounds: self.max_rounds,
            tasks: self.tasks,
            extensions,
            timeout: self.timeout,
            probe_timeout: self.probe_timeout,
            cache: Arc::new(Cache::new(self.cache_bytes)),
            overheard: self.overheard,
            telemetry: self.telemetry,
        });
        match self.target {
            Target::Command(mut command) => match start(&mut command, &self.stderr, options.clone(), options.era).await
            {
                // Some servers end when they see a request that they do not know.
                Err(error) if error.kind() == ErrorKind::Closed && options.era == Era::Auto => {
                    start(&mut command, &self.stderr, options, Era::Legacy).await
                }
                other => other,
            },
            Target::Server(server) => {
                let ready = server.build()?;
                let (ours, theirs) = pair();
                tokio::spawn(async move {
                    let (reader, writer) = tokio::io::split(theirs);
                    if let Err(error) = ready.serve_only(reader, writer, std::future::pending()).await {
                        tracing::debug!(%error, "the server in this process stopped");
                    }
                });
                let (reader, writer) = tokio::io::split(ours);
                let wire = Wire::start(&options, |incoming| Lines::start(reader, writer, incoming));
                meet(wire, None, options.clone(), options.era).await
            }
            #[cfg(feature = "client-http")]
            Target::Http(url) => {
                let sender = self.http.sender(&url)?;
                let wire = Wire::start(&options, |incoming| super::http::Http::start(sender, incoming));
                meet(wire, None, options.clone(), options.era).await
            }
            Target::Streams { reader, writer, .. } => {
                let wire = Wire::start(&options, |incoming| Lines::start(reader, writer, incoming));
                meet(wire, None, options.clone(), options.era).await
            }
        }
    }
}

async fn start(command: &mut Command, stderr: &Stderr, options: Arc<Options>, era: Era) -> Result<Client, Error> {
    let (process, stdin, stdout) = Process::start(command, stderr)?;
    let wire = Wire::start(&options, |incoming| Lines::start(stdout, stdin, incoming));
    meet(wire, Some(process), options, era).await
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("info", &self.info).field("era", &self.era).finish_non_exhaustive()
    }
}
