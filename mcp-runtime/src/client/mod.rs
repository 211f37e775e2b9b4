//! Starts servers and calls them, whatever protocol version they speak.

mod builder;
mod cache;
mod call;
mod complete;
mod handler;
mod handshake;
#[cfg(feature = "client-http")]
mod http;
mod incoming;
mod lines;
mod list;
#[cfg(feature = "client-oauth")]
pub mod oauth;
mod observe;
mod overheard;
mod process;
mod proxy;
mod rounds;
mod sampling;
#[cfg(feature = "skills")]
mod skills;
mod subscription;
mod task;
mod terminal;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

pub use builder::{ClientBuilder, Era};
pub use call::CallInFlight;
pub use complete::Complete;
#[cfg(feature = "client-http")]
pub use http::{Credential, RefusedToken, TokenProvider, TokenRequest};
pub use overheard::Speaker;
pub use sampling::{Approval, SamplingRequest};
pub use subscription::{ServerChange, Subscription};
pub use task::{Called, TaskHandle};
pub use terminal::Terminal;

use crate::codec::request_meta;
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::protocol::{
    CallToolResult, ClientCapabilities, ErrorCode, GetPromptResult, Implementation, LoggingLevel, Method,
    ProtocolVersion, ReadResourceResult, ServerCapabilities, TASKS_EXTENSION, Task, keys,
};
use crate::telemetry::Telemetry;
use cache::Cache;
use call::Call;
use handler::Handlers;
use overheard::Overheard;
use process::Process;
use rounds::Completed;
use wire::Wire;

/// A connection to a server.
///
/// ```
/// use mcp_runtime::Client;
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::protocol::CreateMessageResult;
///
/// /// Let the model greet.
/// #[tool]
/// async fn greet(name: String, ctx: Context) -> Result<String> {
///     let answer = ctx.sample(format!("Greet {name}")).await?;
///     Ok(answer.text()?.to_owned())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let server = Server::new("greeter").tools(tools![greet]);
/// let client = Client::in_memory(server)
///     .on_sampling(|_| async { Ok(CreateMessageResult::text("a-model", "Hello, Ada!")) })
///     .connect()
///     .await?;
/// let greeting: String = client.call("greet", [("name", "Ada")]).await?;
/// assert_eq!(greeting, "Hello, Ada!");
/// # Ok(())
/// # }
/// ```
///
/// A call that is dropped is cancelled. Dropping the client ends the connection; a child process
/// is then asked to end, and made to if it does not. [`Client::close`] waits for that.
pub struct Client {
    wire: Arc<Wire>,
    process: Option<Process>,
    options: Arc<Options>,
    server: ServerFacts,
    /// Whoever asks for the tools first does so for all.
    learning: tokio::sync::Mutex<()>,
}

/// What the builder was told.
pub(crate) struct Options {
    info: Implementation,
    handlers: Arc<Handlers>,
    era: Era,
    max_rounds: u32,
    /// Whether calls may become tasks.
    tasks: bool,
    /// What else it declares.
    extensions: &'static [&'static str],
    timeout: Duration,
    probe_timeout: Duration,
    cache: Arc<Cache>,
    overheard: Overheard,
    telemetry: Telemetry,
}

/// What the server said of itself.
#[derive(Debug, Clone)]
struct ServerFacts {
    version: ProtocolVersion,
    info: Option<Implementation>,
    capabilities: ServerCapabilities,
    instructions: Option<String>,
}

impl Client {
    /// The protocol version that both speak.
    #[must_use]
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.server.version
    }

    /// Who the server says it is.
    #[must_use]
    pub fn server_info(&self) -> Option<&Implementation> {
        self.server.info.as_ref()
    }

    /// What the server offers.
    #[must_use]
    pub fn server_capabilities(&self) -> &ServerCapabilities {
        &self.server.capabilities
    }

    /// The server's advice for the model.
    #[must_use]
    pub fn instructions(&self) -> Option<&str> {
        self.server.instructions.as_deref()
    }

    /// Reads a resource ([specification]). Questions that the server asks meanwhile go to the handlers
    /// of the client, as in [`Client::call_tool`].
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::{Client, Resource};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let server = Server::new("docs").resources(Resource::text("docs://purpose", "It shows a resource."));
    /// let client = Client::in_memory(server).connect().await?;
    /// assert_eq!(client.read_resource("docs://purpose").await?.joined_text(), "It shows a resource.");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, as for a resource that is not
    /// there, or a handler refuses, and those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/resources#reading-resources
    pub async fn read_resource(&self, uri: &str) -> Result<ReadResourceResult, Error> {
        let method = Method::ResourcesRead;
        let params = Map::from_iter([("uri".to_owned(), json!(uri))]);
        let asked = match self.options.cache.find(method, &params) {
            Ok(kept) => return decode(method.as_str(), kept.get()),
            Err(asked) => asked,
        };
        match rounds::complete(self, method.as_str(), params).await? {
            Completed::Result { result, at_once } => {
                // What was answered meanwhile is not part of what was asked.
                if at_once {
                    self.options.cache.keep(asked, &result);
                }
                decode(method.as_str(), result.get())
            }
            Completed::Task(..) => Err(cannot_be_a_task(method)),
        }
    }

    /// Gets a prompt, filled in with arguments ([specification]). Questions that the server asks
    /// meanwhile go to the handlers of the client, as in [`Client::call_tool`].
    ///
    /// `arguments` are an object, or pairs of names and values. Prompts take text: what is not text is
    /// sent as the JSON that it is, and null is left out.
    ///
    /// ```
    /// use mcp_runtime::Client;
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Ask for a number of ideas.
    /// #[prompt]
    /// fn ideas(
    ///     /// What they are about.
    ///     topic: &str,
    ///     /// How many.
    ///     count: u32,
    /// ) -> String {
    ///     format!("Name {count} ideas about {topic}.")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let client = Client::in_memory(Server::new("ideas").prompts(prompts![ideas])).connect().await?;
    /// let prompt = client.get_prompt("ideas", serde_json::json!({ "topic": "tea", "count": 3 })).await?;
    /// assert_eq!(prompt.joined_text(), "Name 3 ideas about tea.");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, as for arguments that are not
    /// right, or a handler refuses, [`ErrorKind::Decode`] when `arguments` are not a JSON object, and
    /// those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#getting-a-prompt
    pub async fn get_prompt(&self, name: &str, arguments: impl Serialize) -> Result<GetPromptResult, Error> {
        let mut params = Map::from_iter([("name".to_owned(), json!(name))]);
        if let Value::Object(arguments) = arguments_of(&arguments)? {
            let text = |(name, value): (String, Value)| match value {
                Value::Null => None,
                text @ Value::String(_) => Some((name, text)),
                other => Some((name, other.to_string().into())),
            };
            params.insert("arguments".to_owned(), arguments.into_iter().filter_map(text).collect());
        }
        self.complete(Method::PromptsGet, params).await
    }

    /// Makes a request over as many rounds as it takes.
    async fn complete<R: DeserializeOwned>(&self, method: Method, params: Map<String, Value>) -> Result<R, Error> {
        match rounds::complete(self, method.as_str(), params).await? {
            Completed::Result { result, .. } => decode(method.as_str(), result.get()),
            Completed::Task(..) => Err(cannot_be_a_task(method)),
        }
    }

    /// Makes a request whose result may be kept, unless it is.
    async fn cached(&self, method: Method, params: Map<String, Value>) -> Result<Box<RawValue>, Error> {
        let asked = match self.options.cache.find(method, &params) {
            Ok(kept) => return Ok(kept),
            Err(asked) => asked,
        };
        let answer = self.request(method.as_str(), params).await?;
        self.options.cache.keep(asked, &answer);
        Ok(answer)
    }

    /// Calls a tool ([specification]). Questions that the server asks meanwhile go to the
    /// handlers of the client, over as many rounds as it takes.
    ///
    /// A tool that failed is a result too; see [`CallToolResult::is_error`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error or a handler refuses,
    /// [`ErrorKind::Protocol`] when the server asks for more rounds than
    /// [allowed](ClientBuilder::max_rounds), [`ErrorKind::Timeout`], [`ErrorKind::Closed`], and
    /// [`ErrorKind::Decode`] when `arguments` are not a JSON object.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/tools#calling-tools
    pub async fn call_tool(&self, name: &str, arguments: impl Serialize) -> Result<CallToolResult, Error> {
        match self.start_tool(name, arguments).await? {
            Called::Done(result) => Ok(result),
            Called::Task(task) => task.finish_or_cancel().await,
        }
    }

    /// Calls a tool like [`Client::call_tool`], but does not wait for a call that the server lets go
    /// on as a task. Only a client with [tasks](ClientBuilder::tasks) can get one.
    ///
    /// # Errors
    ///
    /// As [`Client::call_tool`].
    pub async fn start_tool(&self, name: &str, arguments: impl Serialize) -> Result<Called<'_>, Error> {
        let mut params = Map::new();
        params.insert("name".to_owned(), json!(name));
        match arguments_of(&arguments)? {
            Value::Null => {}
            arguments => _ = params.insert("arguments".to_owned(), arguments),
        }
        let method = Method::ToolsCall.as_str();
        match rounds::complete(self, method, params).await? {
            Completed::Result { result, .. } => decode(method, result.get()).map(Called::Done),
            Completed::Task(task, call) => Ok(Called::Task(TaskHandle::new(self, task, call))),
        }
    }

    /// A task of the server by its id, as it was kept from an earlier
    /// [`TaskHandle::id`](TaskHandle::id).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server knows no such task, and those of the connection.
    pub async fn task(&self, id: impl Into<String>) -> Result<TaskHandle<'_>, Error> {
        let task = Task { task_id: id.into(), ..Task::default() };
        let mut handle = TaskHandle::new(self, task, Arc::new(Call::of_task()));
        handle.refresh().await?;
        Ok(handle)
    }

    /// Calls a tool and decodes what it returns: its structured content, the `result` member of
    /// that where the tool returns a plain value, or its text.
    ///
    /// # Errors
    ///
    /// Like [`Client::call_tool`], and [`ErrorKind::Tool`] when the tool failed,
    /// [`ErrorKind::Decode`] when what it returned is no `T`.
    pub async fn call<T: DeserializeOwned>(&self, name: &str, arguments: impl Serialize) -> Result<T, Error> {
        let result = self.call_tool(name, arguments).await?;
        let text = result.joined_text();
        if result.is_error {
            return Err(Error::new(ErrorKind::Tool, text));
        }
        typed(&result, &text).map_err(|error| {
            Error::new(ErrorKind::Decode, format!("what `{name}` returned is not of the expected type"))
                .with_source(error)
        })
    }

    /// Ends the connection. Over HTTP, a legacy server is told that its session is over. A child process has its input closed, gets 5 seconds to end, then
    /// `SIGTERM`, and is killed if that does not help in 2 more ([specification]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when the child process cannot be waited for.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio#shutdown
    pub async fn close(mut self) -> Result<(), Error> {
        self.wire.link().close().await;
        let process = self.process.take();
        drop(self);
        match process {
            Some(process) => process.ended().await,
            None => Ok(()),
        }
    }

    /// Sends one request. The protocol version decides what goes with it.
    async fn request(&self, method: &str, params: Map<String, Value>) -> Result<Box<RawValue>, Error> {
        let params = self.options.params_for(self.server.version, params);
        self.wire.request(method, params, self.options.timeout, None).await
    }

    /// Sends one request of a call, on which the server may ask something.
    async fn request_within(
        &self,
        call: &Arc<Call>,
        method: &str,
        params: Map<String, Value>,
    ) -> Result<Box<RawValue>, Error> {
        let params = self.options.params_for(self.server.version, params);
        self.round(method, params, call).await
    }

    /// Sends one request of a call, with all that the transport must know of what is called.
    async fn round(&self, method: &str, params: Map<String, Value>, call: &Arc<Call>) -> Result<Box<RawValue>, Error> {
        let (time, link, call) = (self.options.timeout, self.wire.link(), Some(call));
        if method != Method::ToolsCall.as_str() || !link.mirrors_arguments() {
            return self.wire.request(method, params, time, call).await;
        }
        self.learn_tools().await?;
        match self.wire.request(method, params.clone(), time, call).await {
            // The tool is not what it was.
            Err(error) if error.peer_error().is_some_and(|error| error.code == ErrorCode::HeaderMismatch) => {
                self.options.cache.void_all(Method::ToolsList);
                self.list_tools().await?;
                self.wire.request(method, params, time, call).await
            }
            other => other,
        }
    }

    /// Sends a request whose answer nobody wants.
    fn forget(&self, method: Method, params: Map<String, Value>) {
        self.wire.forget(method, self.options.params_for(self.server.version, params));
    }
}

impl Options {
    fn capabilities(&self) -> ClientCapabilities {
        self.handlers.capabilities()
    }

    /// Adds what a request of this revision must say.
    fn params_for(&self, version: ProtocolVersion, params: Map<String, Value>) -> Map<String, Value> {
        let capabilities = version.is_modern().then(|| {
            let mut capabilities = self.capabilities();
            capabilities.extensions.extend(self.extensions.iter().map(|&name| (name.to_owned(), json!({}))));
            if self.tasks {
                capabilities.extensions.insert(TASKS_EXTENSION.to_owned(), json!({}));
            }
            capabilities
        });
        self.params_with(capabilities, params)
    }

    /// Adds what a request says that is made for a call of somebody else: what that can be asked, and wants to hear.
    fn params_of_call(&self, version: ProtocolVersion, params: Map<String, Value>, of: &Context) -> Map<String, Value> {
        let capabilities = version.is_modern().then(|| {
            let mut capabilities = of.client_capabilities().clone();
            capabilities.extensions.clear();
            capabilities
        });
        self.params_to_hear(capabilities, of.log_level(), of.wants_progress(), params)
    }

    fn params_with(&self, capabilities: Option<ClientCapabilities>, params: Map<String, Value>) -> Map<String, Value> {
        let (level, wants_progress) = (self.handlers.log_level(), self.handlers.wants_progress());
        self.params_to_hear(capabilities, level, wants_progress, params)
    }

    fn params_to_hear(
        &self,
        capabilities: Option<ClientCapabilities>,
        level: Option<LoggingLevel>,
        wants_progress: bool,
        mut params: Map<String, Value>,
    ) -> Map<String, Value> {
        let mut meta = Map::new();
        if let Some(capabilities) = capabilities {
            meta = request_meta(&self.info, &capabilities);
            if let Some(level) = level {
                meta.insert(keys::LOG_LEVEL.to_owned(), json!(level));
            }
        }
        if wants_progress {
            // The wire puts the id of the request here.
            meta.insert(keys::PROGRESS_TOKEN.to_owned(), Value::Null);
        }
        if !meta.is_empty() {
            params.insert("_meta".to_owned(), Value::Object(meta));
        }
        params
    }

    fn log_level(&self) -> Option<LoggingLevel> {
        self.handlers.log_level()
    }
}

fn timed_out(method: &str, time: Duration) -> Error {
    let message = format!("the server did not answer `{method}` in {} seconds", time.as_secs_f64());
    Error::new(ErrorKind::Timeout, message)
}

fn cannot_be_a_task(method: Method) -> Error {
    let message = format!("the server made a task of `{}`, which cannot be one", method.as_str());
    Error::new(ErrorKind::Protocol, message)
}

fn arguments_of(arguments: &impl Serialize) -> Result<Value, Error> {
    let object = match serde_json::to_value(arguments) {
        Ok(arguments @ (Value::Object(_) | Value::Null)) => Some(arguments),
        // Pairs of names and values are a convenient way to write an object.
        Ok(Value::Array(pairs)) => pairs.into_iter().map(pair).collect::<Option<_>>().map(Value::Object),
        _ => None,
    };
    object.ok_or_else(|| Error::new(ErrorKind::Decode, "arguments must be a JSON object"))
}

fn pair(pair: Value) -> Option<(String, Value)> {
    match pair {
        Value::Array(pair) => match <[Value; 2]>::try_from(pair) {
            Ok([Value::String(name), value]) => Some((name, value)),
            _ => None,
        },
        _ => None,
    }
}

fn typed<T: DeserializeOwned>(result: &CallToolResult, text: &str) -> serde_json::Result<T> {
    let Some(structured) = &result.structured_content else {
        // Text is text first, also if it happens to be JSON.
        let nothing = |error| if text.is_empty() { serde_json::from_value(Value::Null) } else { Err(error) };
        return serde_json::from_value(json!(text)).or_else(|_| serde_json::from_str(text)).or_else(nothing);
    };
    // A plain value comes as the one member `result` of an object.
    if let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(structured.get())
        && object.len() == 1
        && let Some(value) = object.remove("result")
        && let Ok(value) = serde_json::from_value(value)
    {
        return Ok(value);
    }
    serde_json::from_str(structured.get())
}

fn decode<T: DeserializeOwned>(method: &str, json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| {
        Error::new(ErrorKind::Decode, format!("the server's answer to `{method}` is not right")).with_source(error)
    })
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server).finish_non_exhaustive()
    }
}
