//! A server whose tools, prompts and resources are those of another.

mod follow;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

use super::call::{Call, Heard};
use super::rounds::{Pauses, too_many_rounds, wants_nothing};
use super::wire::Wire;
use super::{Client, ClientBuilder, decode};
use crate::context::{Context, QuestionError, ToolError};
use crate::engine::Resume;
use crate::error::{Error, ErrorKind};
use crate::protocol::{
    Answered, BoxFuture, CallToolResult, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ErrorCode, ErrorObject, GetPromptResult, ListKind, ListRootsResult, LoggingLevel,
    LoggingMessageNotificationParams, Method, ProgressNotificationParams, ReadResourceResult, ReceivedInputRequired,
    SubscriptionFilter, percent,
};
use crate::registry::{DynPrompt, DynTool, Replacement, Resource};
use crate::sampling::{ProviderError, SamplingProvider};
use crate::server::{Feed, Server};
use crate::side_by_side::{MOST, in_order};

impl ClientBuilder {
    /// Connects, and makes a server that offers what the other one does: its tools, prompts, resources and templates of
    /// resources. What it asks (the model, the user, for roots) is asked of the client of the new server, in whatever
    /// protocol version each of the two speaks.
    ///
    /// Handlers of this builder are replaced by that. A server since 2026-07-28 is told what the client can do with
    /// each call, and what came of each of its rounds is kept as a [step](Context::step) is, so that its calls go on
    /// on other replicas. An older one does not say for which call it asks something: its calls are made one at a
    /// time, and one that has asked cannot go on after a restart ([`Resume::Parked`]).
    ///
    /// Of the questions that a call has at the same time, 256 are passed on; one more is when one is answered.
    ///
    /// Whoever makes a call hears the progress and the log messages of the other server, as far as they can be told
    /// apart: a server that does not say of which call a message is, is believed when one call runs.
    ///
    /// What that server offers later is offered, too, if it tells of it (`listChanged`): while the new server runs, and
    /// also where that is [mounted](Server::mount), a list is asked for again when it has changed, and clients are told
    /// if it is not what it was. Calls that run go on. What does not fit, such as a second tool of one name, changes
    /// nothing, and is an error in the log. Clients that subscribe to a resource hear when the other server says that it
    /// holds something else (`subscribe`), in whatever protocol version. It tells nothing until it knows that somebody
    /// listens; so when it does, the resource is told to have changed, also if it has not. Completion is not passed on.
    ///
    /// When the connection to the other server ends, what it offered stays in the lists, and calls of it fail with an
    /// error that says so; it is not begun again. A server over HTTP that was away for a while is asked again for all
    /// that it may have changed.
    ///
    /// ```no_run
    /// use mcp_runtime::Client;
    /// use mcp_runtime::prelude::*;
    ///
    /// # async fn gateway() -> Result<()> {
    /// let files = Client::stdio(tokio::process::Command::new("file-server")).proxy().await?;
    /// Server::new("gateway").mount("files", files).run().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and those of the requests for its lists.
    pub async fn proxy(self) -> Result<Server, Error> {
        let relay = Arc::<Relay>::default();
        let ask = |method| {
            let relay = relay.clone();
            move |params: Value| relay.clone().ask(method, params)
        };
        let (elicit, roots) = (ask(Method::ElicitationCreate), ask(Method::RootsList));
        let elicit_url = elicit.clone();
        let client = self
            .on_sampling(Model(relay.clone()))
            .on_elicitation(move |form: ElicitRequestParams| typed::<ElicitResult>(elicit(json!(form))))
            .on_elicitation_url(move |page: ElicitRequestParams| typed::<ElicitResult>(elicit_url(json!(page))))
            .on_roots(move |()| typed::<ListRootsResult>(roots(json!({}))))
            .connect()
            .await?;
        // Before it is asked what it offers: nothing that changes after that is missed.
        let lists = follow::hear_of_lists(&client).await;
        let name = client.server_info().map_or("proxy", |info| &info.name).to_owned();
        let version = client.server_info().map_or("0.0.0", |info| &info.version).to_owned();
        let instructions = client.instructions().map(str::to_owned);
        let tells = lists.is_some() || follow::tells_of_resources(&client);
        let upstream = Arc::new(Upstream { client, relay });
        let first = upstream.offers(&SubscriptionFilter::new().lists()).await?;

        let feed = Feed::new();
        let mut server = Server::new(name).version(version).fed(&feed, first, lists.is_some());
        if let Some(instructions) = instructions {
            server = server.instructions(instructions);
        }
        if tells {
            server = server.background(move |stop| async move {
                stop.run_until_cancelled_owned(follow::follow(upstream, feed, lists)).await;
            });
        }
        Ok(server)
    }
}

/// The other server.
struct Upstream {
    client: Client,
    relay: Arc<Relay>,
}

impl Upstream {
    /// What these lists have at the moment, as we offer it.
    async fn offers(self: &Arc<Self>, lists: &SubscriptionFilter) -> Result<Replacement, Error> {
        let capabilities = self.client.server_capabilities();
        let mut offers = Replacement::default();
        if lists.has(ListKind::Tools) && capabilities.tools.is_some() {
            let tools = self.client.list_tools().await?;
            offers.tools = Some(tools.into_iter().map(|tool| self.clone().tool(tool)).collect());
        }
        if lists.has(ListKind::Prompts) && capabilities.prompts.is_some() {
            let prompts = self.client.list_prompts().await?;
            offers.prompts = Some(prompts.into_iter().map(|prompt| self.clone().prompt(prompt)).collect());
        }
        if lists.has(ListKind::Resources) && capabilities.resources.is_some() {
            let resources = self.client.list_resources().await?;
            let templates = match self.client.list_resource_templates().await {
                // Some servers know nothing of these.
                Err(error) if follow::is_final(&error) => Vec::new(),
                other => other?,
            };
            let resources = resources.into_iter().map(|resource| self.clone().resource(resource));
            let templates = templates.into_iter().map(|template| self.clone().template(template));
            offers.resources = Some(resources.chain(templates).collect());
        }
        Ok(offers)
    }

    fn resume(&self) -> Resume {
        if self.client.protocol_version().is_modern() { Resume::Auto } else { Resume::Parked }
    }

    fn tool(self: Arc<Self>, tool: crate::protocol::Tool) -> DynTool {
        let (name, resume) = (tool.name.clone(), self.resume());
        let handler = move |arguments: Map<String, Value>, ctx: Context| {
            let (upstream, name) = (self.clone(), name.clone());
            let params = Map::from_iter([("name".to_owned(), json!(name)), ("arguments".to_owned(), json!(arguments))]);
            async move { upstream.call::<CallToolResult>(Method::ToolsCall, params, &ctx).await.map_err(told) }
        };
        DynTool::of(tool, handler).unchecked().resume(resume)
    }

    fn prompt(self: Arc<Self>, prompt: crate::protocol::Prompt) -> DynPrompt {
        let (name, resume) = (prompt.name.clone(), self.resume());
        let handler = move |arguments: Map<String, Value>, ctx: Context| {
            let (upstream, name) = (self.clone(), name.clone());
            let params = Map::from_iter([("name".to_owned(), json!(name)), ("arguments".to_owned(), json!(arguments))]);
            async move { upstream.call::<GetPromptResult>(Method::PromptsGet, params, &ctx).await.map_err(told) }
        };
        DynPrompt::of(prompt, handler).resume(resume)
    }

    fn resource(self: Arc<Self>, resource: crate::protocol::Resource) -> Resource {
        let (uri, resume) = (resource.uri.clone(), self.resume());
        let read = move |_: BTreeMap<String, String>, ctx: Context| {
            let (upstream, uri) = (self.clone(), uri.clone());
            async move { upstream.read(uri, &ctx).await }
        };
        Resource::of(resource, read).resume(resume)
    }

    fn template(self: Arc<Self>, template: crate::protocol::ResourceTemplate) -> Resource {
        let (uri, resume) = (template.uri_template.clone(), self.resume());
        let read = move |variables: BTreeMap<String, String>, ctx: Context| {
            let (upstream, uri) = (self.clone(), expanded(&uri, &variables));
            async move { upstream.read(uri, &ctx).await }
        };
        let link = crate::protocol::Resource {
            title: template.title,
            description: template.description,
            mime_type: template.mime_type,
            icons: template.icons,
            annotations: template.annotations,
            meta: template.meta,
            ..crate::protocol::Resource::new(template.uri_template, template.name)
        };
        Resource::of(link, read).resume(resume)
    }

    async fn read(&self, uri: String, ctx: &Context) -> Result<Option<ReadResourceResult>, ToolError> {
        let params = Map::from_iter([("uri".to_owned(), json!(uri))]);
        match self.call::<ReadResourceResult>(Method::ResourcesRead, params, ctx).await {
            Ok(result) => Ok(Some(result)),
            Err(Failure::Refused(error))
                if matches!(error.code, ErrorCode::ResourceNotFound | ErrorCode::InvalidParams) =>
            {
                Ok(None)
            }
            Err(failure) => Err(told(failure)),
        }
    }

    /// Makes a request, and asks the client of the call what is asked meanwhile.
    async fn call<R: DeserializeOwned>(
        &self,
        method: Method,
        params: Map<String, Value>,
        ctx: &Context,
    ) -> Result<R, Failure> {
        let raw = match self.client.protocol_version().is_modern() {
            true => self.rounds(method, params, ctx).await?,
            false => self.pushed(method, params, ctx).await?,
        };
        decode(method.as_str(), raw.get()).map_err(Failure::Broken)
    }

    /// Round by round, each kept as a step.
    async fn rounds(
        &self,
        method: Method,
        params: Map<String, Value>,
        ctx: &Context,
    ) -> Result<Box<RawValue>, Failure> {
        let (mut answers, mut state): (Map<String, Value>, Option<String>) = (Map::new(), None);
        let mut pauses = Pauses::default();
        for _ in 0..=self.client.options.max_rounds {
            let round = async || {
                let mut params = params.clone();
                if !answers.is_empty() {
                    params.insert("inputResponses".to_owned(), Value::Object(answers.clone()));
                }
                if let Some(state) = &state {
                    params.insert("requestState".to_owned(), json!(state));
                }
                Ok(Kept::of(self.request(method, params, ctx, std::future::pending()).await))
            };
            let kept = ctx.step("mcp-runtime/proxy", round).await.map_err(Failure::Ours)?;
            let result = match kept {
                Kept::Result(result) => result,
                Kept::Refused(error) => return Err(Failure::Refused(*error)),
                Kept::Broken(message) => return Err(Failure::Broken(Error::new(ErrorKind::Closed, message))),
            };
            let kind: ResultKind = decode(method.as_str(), result.get()).map_err(Failure::Broken)?;
            if kind.result_type.as_deref() != Some("input_required") {
                return Ok(result);
            }
            let asked: ReceivedInputRequired = decode(method.as_str(), result.get()).map_err(Failure::Broken)?;
            match asked.input_requests.is_empty() {
                true if asked.request_state.is_none() => return Err(Failure::Broken(wants_nothing(method.as_str()))),
                true => pauses.pause().await,
                false => pauses = Pauses::default(),
            }
            let questions = asked.input_requests.iter().map(|(key, request)| -> BoxFuture<'_, _> {
                Box::pin(async move {
                    let answer = ctx.pass_on(&request.method, request.params.as_deref(), None).await;
                    answer.map(|answer| (key.clone(), json!(answer)))
                })
            });
            let all: Result<_, _> = in_order(questions.collect(), MOST).await.into_iter().collect();
            (answers, state) = (all.map_err(Failure::Question)?, asked.request_state);
        }
        Err(Failure::Broken(too_many_rounds(method.as_str(), self.client.options.max_rounds)))
    }

    /// Makes one request, beside something else that must not end, and tells the client of the call what is said of
    /// it meanwhile.
    async fn request(
        &self,
        method: Method,
        params: Map<String, Value>,
        ctx: &Context,
        beside: impl Future<Output = Infallible>,
    ) -> Result<Box<RawValue>, Error> {
        let (hears, mut heard) = mpsc::channel(UNHEARD);
        let call = Arc::new(Call::heard_by(method.as_str(), &params, hears));
        let params = self.client.options.params_of_call(self.client.protocol_version(), params, ctx);
        let mut request = std::pin::pin!(self.client.round(method.as_str(), params, &call));
        let mut beside = std::pin::pin!(beside);
        let result = loop {
            tokio::select! {
                biased;
                Some(heard) = heard.recv() => tell(ctx, heard).await,
                result = &mut request => break result,
                never = &mut beside => match never {},
            }
        };
        // What came before the answer goes before it.
        while let Ok(heard) = heard.try_recv() {
            tell(ctx, heard).await;
        }
        result
    }

    /// Has a legacy server log as much as the client of the call wants to hear.
    async fn set_log_level(&self, ctx: &Context) {
        let Some(level) = ctx.log_level().filter(|_| self.client.server_capabilities().logging.is_some()) else {
            return;
        };
        if self.relay.log_level().replace(level) == Some(level) {
            return;
        }
        let params = Map::from_iter([("level".to_owned(), json!(level))]);
        if let Err(error) = self.client.request(Method::LoggingSetLevel.as_str(), params).await {
            tracing::debug!(%error, "the other server logs as it likes");
        }
    }

    /// In one request, in the middle of which the other server asks.
    async fn pushed(
        &self,
        method: Method,
        params: Map<String, Value>,
        ctx: &Context,
    ) -> Result<Box<RawValue>, Failure> {
        let turn = self.relay.turn.clone().lock_owned().await;
        self.set_log_level(ctx).await;
        let (questions, mut asked) = mpsc::unbounded_channel::<Question>();
        self.relay.direct(Some(questions));
        let mut turn = Turn { relay: self.relay.clone(), wire: self.client.wire.clone(), held: Some(turn) };
        let mut asking: Vec<BoxFuture<'_, ()>> = Vec::new();
        let asking = poll_fn(|cx| {
            loop {
                asking.retain_mut(|answering| answering.as_mut().poll(cx).is_pending());
                // The relay has the other end for as long as the turn lasts.
                let Poll::Ready(Some(Question { method, params, answer })) =
                    (if asking.len() < MOST { asked.poll_recv(cx) } else { Poll::Pending })
                else {
                    return Poll::Pending;
                };
                asking.push(Box::pin(async move {
                    let result = ctx.pass_on(method.as_str(), Some(&params), None).await;
                    // If it was given up meanwhile, nobody wants to know.
                    let _ = answer.send(result.map_err(|error| match error {
                        QuestionError::Refused(error) => error,
                        other => ErrorObject::new(ErrorCode::InvalidRequest, other.to_string()),
                    }));
                }));
            }
        });
        let result = self.request(method, params, ctx, asking).await;
        // It was answered, or given up in time: nothing more is asked for it. One that was not answered in time may
        // still be.
        if !matches!(&result, Err(error) if error.kind() == ErrorKind::Timeout) {
            turn.held = None;
        }
        result.map_err(Failure::of)
    }
}

/// How much of what is said of a call may wait until its client has heard what was said before.
const UNHEARD: usize = 64;

async fn tell(ctx: &Context, heard: Heard) {
    match heard {
        Heard::Progress(ProgressNotificationParams { progress, total, message, .. }) => {
            let mut report = ctx.report_progress(progress);
            if let Some(total) = total {
                report = report.total(total);
            }
            if let Some(message) = message {
                report = report.message(message);
            }
            report.await;
        }
        Heard::Message(LoggingMessageNotificationParams { level, logger, data, .. }) => {
            let log = ctx.log(level, data);
            match logger {
                Some(logger) => log.logger(logger).await,
                None => log.await,
            }
        }
    }
}

/// What came of a round, as it is kept.
#[derive(Serialize, Deserialize)]
enum Kept {
    Result(Box<RawValue>),
    Refused(Box<ErrorObject>),
    Broken(String),
}

impl Kept {
    fn of(result: Result<Box<RawValue>, Error>) -> Self {
        match result.map_err(Failure::of) {
            Ok(result) => Self::Result(result),
            Err(Failure::Refused(error)) => Self::Refused(Box::new(error)),
            Err(other) => Self::Broken(told(other).to_string()),
        }
    }
}

#[derive(Deserialize)]
struct ResultKind {
    #[serde(rename = "resultType")]
    result_type: Option<String>,
}

/// Why a call of the other server has no result.
enum Failure {
    Refused(ErrorObject),
    Question(QuestionError),
    Ours(ToolError),
    Broken(Error),
}

impl Failure {
    fn of(error: Error) -> Self {
        match error.peer_error() {
            Some(refused) => Self::Refused(refused.clone()),
            None => Self::Broken(error),
        }
    }
}

/// As our own client is told.
fn told(failure: Failure) -> ToolError {
    match failure {
        Failure::Refused(error) => {
            let required = error.data.as_deref().and_then(|data| data.get("requiredCapabilities"));
            match required.and_then(|required| serde_json::from_value(required.clone()).ok()) {
                Some(required) if error.code == ErrorCode::MissingRequiredClientCapability => {
                    QuestionError::Unsupported { required: Box::new(required) }.into()
                }
                _ => ToolError::new(error.message),
            }
        }
        Failure::Question(error) => error.into(),
        Failure::Ours(error) => error,
        Failure::Broken(error) => error.into(),
    }
}

/// Brings what a legacy server asks to the one call that is made at the moment.
#[derive(Default)]
struct Relay {
    turn: Arc<tokio::sync::Mutex<()>>,
    current: Mutex<Option<mpsc::UnboundedSender<Question>>>,
    /// What the server was last told to log.
    log_level: Mutex<Option<LoggingLevel>>,
}

struct Question {
    method: Method,
    params: Box<RawValue>,
    answer: oneshot::Sender<Answered>,
}

impl Relay {
    fn direct(&self, questions: Option<mpsc::UnboundedSender<Question>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = questions;
    }

    fn log_level(&self) -> MutexGuard<'_, Option<LoggingLevel>> {
        self.log_level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(self: Arc<Self>, method: Method, params: Value) -> Answered {
        let nobody = || ErrorObject::new(ErrorCode::InvalidRequest, "no call is made that this could be asked for");
        let (answer, answered) = oneshot::channel();
        let params = to_raw_value(&params).map_err(|error| ErrorObject::invalid_params(error.to_string()))?;
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(nobody)?;
        current.send(Question { method, params, answer }).map_err(|_| nobody())?;
        answered.await.unwrap_or_else(|_| Err(nobody()))
    }
}

/// The turn of one call of a legacy server.
struct Turn {
    relay: Arc<Relay>,
    wire: Arc<Wire>,
    /// None once the call was answered.
    held: Option<OwnedMutexGuard<()>>,
}

/// How long the next call waits for a server to show that it knows that one was given up.
const SETTLES: Duration = Duration::from_secs(5);

impl Drop for Turn {
    fn drop(&mut self) {
        self.relay.direct(None);
        let (Some(held), Ok(runtime)) = (self.held.take(), Handle::try_current()) else { return };
        // The call was given up, and what the server asks for it until it knows that is not for the next caller. It
        // has read so far when it answers what was sent after.
        let wire = self.wire.clone();
        runtime.spawn(async move {
            _ = wire.request(Method::Ping.as_str(), Map::new(), SETTLES, None).await;
            drop(held);
        });
    }
}

/// Answers of the type that a handler gives.
async fn typed<R: DeserializeOwned>(answer: impl Future<Output = Answered>) -> Result<R, ErrorObject> {
    serde_json::from_str(answer.await?.get())
        .map_err(|error| ErrorObject::new(ErrorCode::InternalError, format!("the answer is not right: {error}")))
}

/// The model of whoever calls.
struct Model(Arc<Relay>);

impl SamplingProvider for Model {
    async fn create_message(&self, request: CreateMessageRequestParams) -> Result<CreateMessageResult, ProviderError> {
        let answer = self.0.clone().ask(Method::SamplingCreateMessage, json!(request));
        Ok(typed(answer).await?)
    }

    fn supports_tools(&self) -> bool {
        true
    }
}

/// A template with its variables filled in, as RFC 6570 has it.
fn expanded(template: &str, variables: &BTreeMap<String, String>) -> String {
    const RESERVED: &str = ":/?#[]@!$&'()*+,;=";
    let mut uri = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (expression, after) = after.split_once('}').unwrap_or((after, ""));
        uri.push_str(before);
        rest = after;
        let (operator, names) = match expression.split_at_checked(1) {
            Some((operator @ ("+" | "?" | "&"), names)) => (operator, names),
            _ => ("", expression),
        };
        let mut first = operator == "?";
        for name in names.split(',') {
            let Some(value) = variables.get(name) else { continue };
            let value = percent::encode(value, if operator == "+" { RESERVED } else { "" });
            let _ = match operator {
                "?" | "&" => write!(uri, "{}{name}={value}", if std::mem::take(&mut first) { '?' } else { '&' }),
                _ => write!(uri, "{value}"),
            };
        }
    }
    uri + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in() {
        let variables =
            [("a", "x y/z"), ("b", "ü&1"), ("c", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let variables = BTreeMap::from(variables);
        for (template, expected) in [
            ("it://{a}", "it://x%20y%2Fz"),
            ("it://{+a}/end", "it://x%20y/z/end"),
            ("it://{c}{?b,missing,a}", "it://1?b=%C3%BC%261&a=x%20y%2Fz"),
            ("it://x?k=1{&c}", "it://x?k=1&c=1"),
            ("it://x{?missing}", "it://x"),
        ] {
            assert_eq!(expanded(template, &variables), expected, "{template}");
        }
    }
}
