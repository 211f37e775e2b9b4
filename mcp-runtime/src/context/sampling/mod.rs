//! Questions to a model.

mod answer;
mod ask;
mod conversation;
mod prompt;
mod typed;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use answer::{SampleStep, SamplingResult};
pub use ask::CreateMessage;
#[cfg(feature = "client")]
pub(in crate::context) use ask::{missing_sampling, missing_sampling_tools};
pub use prompt::Prompt;
pub use typed::Typed;

use self::conversation::Conversation;
use super::question::QuestionError;
use super::toolbox::Toolbox;
use super::{Context, Host};
use crate::protocol::{
    BoxFuture, CreateMessageRequestParams, ModelHint, ModelPreferences, SamplingMessage, ToolChoice,
};
use crate::sampling::SamplingFallback;

/// The most tokens of an answer, unless the question says otherwise.
const DEFAULT_MAX_TOKENS: u32 = 512;

/// How often a model is asked within one conversation, unless it is said otherwise.
const DEFAULT_MAX_TURNS: u32 = 10;

/// How often a model may try to give an answer of a type, unless it is said otherwise.
const DEFAULT_ATTEMPTS: u32 = 3;

impl Context {
    /// Asks the client's model, or the server's own where the client has none to ask
    /// ([specification]).
    ///
    /// The builder is a future: await it, or hand it to `join!`, `select!` or `timeout`. Several
    /// questions that wait at the same time reach the client together.
    ///
    /// Sampling is deprecated since protocol version 2026-07-28; what that means, and how a model of
    /// the server's own takes over, is in the chapter on [sampling](crate::sampling).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/sampling
    pub fn sample(&self, prompt: impl Into<Prompt>) -> Sample {
        Sample::new(self, prompt.into())
    }

    /// Asks the model for one turn, and uses the tools that it asks for: a loop over it is what
    /// [`Sample::tools`] does alone, step by step.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Look something up.
    /// #[tool]
    /// fn lookup(word: String) -> String {
    ///     format!("{word}: a word")
    /// }
    ///
    /// /// Answer a question with a dictionary.
    /// #[tool]
    /// async fn answer(question: String, ctx: Context) -> Result<String> {
    ///     let mut step = ctx.sample_step(question).tools(tools![lookup]).await?;
    ///     while step.is_tool_use() {
    ///         ctx.info(format!("the model used {} tools", step.tool_uses().count())).await;
    ///         step = ctx.sample_step(step.into_history()).tools(tools![lookup]).await?;
    ///     }
    ///     Ok(step.text()?.to_owned())
    /// }
    /// ```
    pub fn sample_step(&self, prompt: impl Into<Prompt>) -> Sample<OneTurn> {
        Sample::new(self, prompt.into())
    }

    /// Asks the client's model with all parameters of the specification, or the server's own where
    /// the client has none to ask ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#createmessagerequestparams
    pub fn create_message(&self, params: CreateMessageRequestParams) -> CreateMessage {
        CreateMessage::new(self.call.clone(), self.host.clone(), params)
    }
}

/// What becomes of a [`Sample`]: [`WholeAnswer`], [`Typed`] or [`OneTurn`].
pub trait Kind: Sized + 'static {
    /// What it resolves to.
    type Output: 'static;
    /// How an answer to a single question is it, where that is all there is to do.
    #[doc(hidden)]
    const PLAIN: Option<fn(SamplingResult) -> Self::Output>;
    /// Everything else.
    #[doc(hidden)]
    fn run(conversation: Conversation) -> impl Future<Output = Result<Self::Output, QuestionError>> + Send;
}

/// The kind of [`Sample`] that ends when the model asks for no more tools.
#[derive(Debug)]
pub struct WholeAnswer(());

/// The kind of [`Sample`] that is one turn of the model.
#[derive(Debug)]
pub struct OneTurn(());

/// A question to a model, built and awaited in one expression. Made by
/// [`Context::sample`](crate::Context::sample) and
/// [`Context::sample_step`](crate::Context::sample_step).
///
/// Dropping it withdraws the question.
#[must_use = "a question is asked when it is awaited"]
pub struct Sample<K: Kind = WholeAnswer> {
    /// Taken when it begins, unless it is a single question.
    first: Option<CreateMessage>,
    more: Option<Box<More>>,
    running: Option<BoxFuture<'static, Result<K::Output, QuestionError>>>,
    kind: PhantomData<fn() -> K>,
}

/// What a conversation needs that a single question does not.
pub(super) struct More {
    /// Why there is none, if there should be one.
    toolbox: Option<Result<Arc<dyn Toolbox>, String>>,
    max_turns: u32,
    at_once: usize,
    execute: bool,
    attempts: u32,
}

impl Default for More {
    fn default() -> Self {
        Self {
            toolbox: None,
            max_turns: DEFAULT_MAX_TURNS,
            at_once: usize::MAX,
            execute: true,
            attempts: DEFAULT_ATTEMPTS,
        }
    }
}

impl<K: Kind> Sample<K> {
    fn new(context: &Context, prompt: Prompt) -> Self {
        let params = CreateMessageRequestParams::new(prompt.0, DEFAULT_MAX_TOKENS);
        Self { first: Some(context.create_message(params)), more: None, running: None, kind: PhantomData }
    }

    fn with(mut self, change: impl FnOnce(&mut CreateMessageRequestParams)) -> Self {
        if let Some(first) = &mut self.first {
            change(&mut first.params);
        }
        self
    }

    fn preferring(self, change: impl FnOnce(&mut ModelPreferences)) -> Self {
        self.with(|params| change(params.model_preferences.get_or_insert_default()))
    }

    fn with_more(mut self, change: impl FnOnce(&mut More)) -> Self {
        change(self.more.get_or_insert_default());
        self
    }

    /// Offers tools to the model. An error is why that cannot be.
    pub(crate) fn with_toolbox(self, toolbox: impl FnOnce(&Host) -> Result<Arc<dyn Toolbox>, String>) -> Self {
        let toolbox = self.first.as_ref().map(|first| toolbox(&first.host));
        self.with_more(|more| more.toolbox = toolbox)
    }

    /// The system prompt. The client may change or leave it out.
    pub fn system(self, text: impl Into<String>) -> Self {
        self.with(|params| params.system_prompt = Some(text.into()))
    }

    /// Adds messages after those of the prompt.
    pub fn messages(self, messages: impl IntoIterator<Item = SamplingMessage>) -> Self {
        self.with(|params| params.messages.extend(messages))
    }

    /// The most tokens that an answer may have; 512 by default.
    pub fn max_tokens(self, max_tokens: u32) -> Self {
        self.with(|params| params.max_tokens = max_tokens)
    }

    /// Randomness, as the model's provider defines it; theirs by default.
    pub fn temperature(self, temperature: f64) -> Self {
        self.with(|params| params.temperature = Some(temperature))
    }

    /// Texts at which the model stops.
    pub fn stop_sequences<S: Into<String>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        self.with(|params| params.stop_sequences = texts.into_iter().map(Into::into).collect())
    }

    /// Adds something for the model's provider, as it defines it.
    pub fn metadata(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(|params| _ = params.metadata.get_or_insert_with(Map::new).insert(name.into(), value.into()))
    }

    /// Prefers models of this name or part of a name; the first hint counts most.
    pub fn prefer(self, model: impl Into<String>) -> Self {
        self.preferring(|it| it.hints.push(ModelHint::new(model)))
    }

    /// How much low cost matters, from 0 to 1.
    pub fn cost_priority(self, priority: f64) -> Self {
        self.preferring(|it| it.cost_priority = Some(priority))
    }

    /// How much speed matters, from 0 to 1.
    pub fn speed_priority(self, priority: f64) -> Self {
        self.preferring(|it| it.speed_priority = Some(priority))
    }

    /// How much ability matters, from 0 to 1.
    pub fn intelligence_priority(self, priority: f64) -> Self {
        self.preferring(|it| it.intelligence_priority = Some(priority))
    }

    /// Names the question, where its parameters alone would not tell it apart.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        if let Some(first) = &mut self.first {
            first.key = Some(key.into());
        }
        self
    }

    /// When the server's own model answers in place of the client's, for this question; as
    /// [`Server::sampling_fallback_when`](crate::Server::sampling_fallback_when) says by default.
    pub fn fallback(mut self, when: SamplingFallback) -> Self {
        if let Some(first) = &mut self.first {
            first.fallback = Some(when);
        }
        self
    }

    /// Whether the model must use a tool in its first turn, may, or must not; it may by default.
    pub fn tool_choice(self, choice: ToolChoice) -> Self {
        self.with(|params| params.tool_choice = Some(choice))
    }

    /// How many of the tools that the model asks for in one turn run at the same time; by default all
    /// of them. 0 counts as 1, and more than 256 as 256.
    pub fn tool_concurrency(self, tools: usize) -> Self {
        self.with_more(|more| more.at_once = tools.max(1))
    }
}

impl Sample {
    /// How often the model is asked at most, 10 times by default. In its last turn it is told to use
    /// no more tools. 0 counts as 1.
    ///
    /// For a client that calls again with each answer, a turn is a round.
    pub fn max_turns(self, turns: u32) -> Self {
        self.with_more(|more| more.max_turns = turns.max(1))
    }

    /// Asks for an answer of a type, a struct or anything else that is made of JSON.
    ///
    /// The model is told the type's JSON Schema: as a tool that it must answer with, if it knows
    /// tools, else in words. What it answers is held against the type. If it is not right, the model is
    /// told what is wrong and asked again.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    /// struct Product {
    ///     name: String,
    ///     /// In cents
    ///     price: u32,
    /// }
    ///
    /// /// Invent a product.
    /// #[tool]
    /// async fn invent(ctx: Context) -> Result<Json<Product>> {
    ///     Ok(Json(ctx.sample("Invent a product.").json().await?))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// It resolves to [`QuestionError::NotTyped`] when the last
    /// [attempt](Sample::attempts) is not right either.
    pub fn json<T: DeserializeOwned + JsonSchema + 'static>(self) -> Sample<Typed<T>> {
        Sample { first: self.first, more: self.more, running: None, kind: PhantomData }
    }
}

impl<T: DeserializeOwned + JsonSchema + 'static> Sample<Typed<T>> {
    /// How often the model is asked at most, 10 times by default: each use of tools is one time, and
    /// each attempt. 0 counts as 1.
    pub fn max_turns(self, turns: u32) -> Self {
        self.with_more(|more| more.max_turns = turns.max(1))
    }

    /// How often the model may try to give a right answer; 3 times by default. 0 counts as 1.
    pub fn attempts(self, attempts: u32) -> Self {
        self.with_more(|more| more.attempts = attempts.max(1))
    }
}

impl Sample<OneTurn> {
    /// Whether the tools are called that the model asks for; yes by default. Else whoever asks calls
    /// them, and adds what they return to the conversation
    /// ([`SamplingMessage::tool_results`]).
    pub fn execute_tools(self, execute: bool) -> Self {
        self.with_more(|more| more.execute = execute)
    }
}

impl<K: Kind> Future for Sample<K> {
    type Output = Result<K::Output, QuestionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let has_tools = this.more.as_ref().is_some_and(|more| more.toolbox.is_some());
        if let (Some(first), Some(plain), false) = (&mut this.first, K::PLAIN, has_tools) {
            let message = ready!(Pin::new(&mut *first).poll(cx))?;
            return Poll::Ready(Ok(plain(SamplingResult::new(message, first.take_messages(), 1))));
        }
        if let Some(first) = this.first.take() {
            let more = this.more.take().map(|more| *more).unwrap_or_default();
            let conversation = Conversation::new(first, more)?;
            this.running = Some(Box::pin(K::run(conversation)));
        }
        match &mut this.running {
            Some(running) => running.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<K: Kind> fmt::Debug for Sample<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params = self.first.as_ref().map(|first| &first.params);
        f.debug_struct("Sample").field("params", &params).finish_non_exhaustive()
    }
}
