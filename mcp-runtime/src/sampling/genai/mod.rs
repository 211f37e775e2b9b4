//! Models of many providers, through the `genai` crate.

mod answer;
mod failure;
mod model;
mod names;
mod request;
mod thoughts;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use genai::adapter::AdapterKind;
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ServiceTarget};
use reqwest::Url;
use tokio::time::{sleep, timeout};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use self::failure::Failure;
use self::model::{Access, Key, choose};
use self::request::Question;
use super::{ProviderError, ProviderErrorKind, SamplingProvider};
use crate::protocol::{CreateMessageRequestParams, CreateMessageResult};

pub use self::model::Model;

/// The longest wait before another attempt, whatever the provider wants.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Asks models of OpenAI and of whoever speaks like it, of Anthropic, Google, Ollama and
/// [many others](https://docs.rs/genai).
///
/// It serves a client that answers its servers ([`ClientBuilder::on_sampling`]) as well as a server that
/// asks a model itself. Keys are taken from the environment, under the name that each provider gave its own
/// (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`), unless they are given here; they appear in no
/// error and no `Debug` output.
///
/// ```
/// use mcp_runtime::sampling::{Genai, Model};
///
/// // One model.
/// let provider = Genai::new().model("gpt-4o-mini");
/// // Several: a question's hints and priorities choose, the first one is the default.
/// let provider = Genai::new().models([
///     Model::new("claude-sonnet-4-5").cost(0.7).speed(0.4).intelligence(0.9),
///     Model::new("gpt-4o-mini").cost(0.1).speed(0.9).intelligence(0.4),
/// ]);
/// // A server of one's own that speaks like OpenAI.
/// let provider = Genai::new().model("qwen3").base_url("http://localhost:8000/v1");
/// ```
///
/// # Which model
///
/// Of the models, the first [hint](crate::protocol::ModelPreferences) that is part of a model's name, in
/// upper or lower case, chooses; if it means several, or no hint means any, the priorities choose among those
/// that were rated ([`Model::cost`] and its sisters); and if there is nothing to go by, the first counts.
///
/// # What is asked
///
/// Text, pictures, sound where the provider takes it, tools and their results, the system prompt, and the
/// limits and options of the question. Names of tools are spelled as providers take them, and read back.
/// What a provider cannot be given is an error ([`ProviderErrorKind::Unsupported`]), not left out; only
/// options that the specification lets a client ignore are (stop sequences, for example, where a provider has
/// none). `metadata` and `includeContext` are not passed on. Thoughts that a model wants to see again after a
/// tool has answered travel in `_meta` of the `tool_use` block.
///
/// # When it fails
///
/// Answers of status 408, 409, 425, 429 and from 500 on, and connections that fail, are tried again, after
/// waits that double and differ by chance; a provider that names a time is asked again after that, unless it
/// is more than 30 seconds: then the caller learns it. Each attempt has a [timeout](Self::timeout).
/// Redirections are not followed: a key must not go where it was not sent.
///
/// Dropping the future ends the request.
///
/// [`ClientBuilder::on_sampling`]: crate::client::ClientBuilder::on_sampling
#[must_use = "a provider does nothing until it is asked"]
pub struct Genai {
    models: Vec<Model>,
    access: Access,
    retries: u32,
    first_wait: Duration,
    timeout: Duration,
    max_answer_bytes: usize,
    client: OnceLock<Result<Client, String>>,
}

impl Default for Genai {
    fn default() -> Self {
        Self::new()
    }
}

impl Genai {
    /// Without a model yet.
    pub fn new() -> Self {
        Self {
            models: Vec::new(),
            access: Access::default(),
            retries: 3,
            first_wait: Duration::from_millis(500),
            timeout: Duration::from_secs(120),
            max_answer_bytes: 4 << 20,
            client: OnceLock::new(),
        }
    }

    /// Adds a model. The first one is the default.
    pub fn model(mut self, model: impl Into<Model>) -> Self {
        self.models.push(model.into());
        self
    }

    /// Adds models. The first one of all is the default.
    pub fn models<M: Into<Model>>(mut self, models: impl IntoIterator<Item = M>) -> Self {
        self.models.extend(models.into_iter().map(Into::into));
        self
    }

    /// The key for all models that have none of their own. They must be of one provider, or behind one
    /// [`base_url`](Self::base_url): nobody shall get another's key.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.access.key = Some(Key::Given(key.into()));
        self
    }

    /// The environment variable with the key for all models that have none of their own; see
    /// [`api_key`](Self::api_key).
    pub fn api_key_env(mut self, variable: impl Into<String>) -> Self {
        self.access.key = Some(Key::Variable(variable.into()));
        self
    }

    /// Where all models are that have no address of their own, up to what each provider's documentation calls
    /// the base URL: `http://localhost:8000/v1`.
    ///
    /// Whoever is there is spoken to as OpenAI's chat completions are, unless the model's name has a prefix:
    /// `anthropic::claude-sonnet-4-5`. No key is taken from the environment for it: give one with
    /// [`api_key`](Self::api_key) or [`api_key_env`](Self::api_key_env) if it wants one.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.access.base_url = Some(url.into());
        self
    }

    /// How often a question is asked again when it failed for a reason that may pass; 3 times by default.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// About how long to wait before asking again, the first time; half a second by default. It doubles each
    /// time, up to 30 seconds.
    pub fn first_wait(mut self, time: Duration) -> Self {
        self.first_wait = time;
        self
    }

    /// How long an attempt may take, from connecting to the last byte; 2 minutes by default.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// How many bytes an answer may have, its text and the arguments of tools together; 4 MiB by default.
    /// What is longer is refused when it has been read.
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    fn client(&self) -> Result<&Client, ProviderError> {
        let client = self.client.get_or_init(|| {
            let http = reqwest::Client::builder()
                .connect_timeout(CONNECT)
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("mcp-runtime/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| error.to_string())?;
            Client::builder().with_reqwest(http).build().map_err(|error| error.to_string())
        });
        client.as_ref().map_err(|error| {
            let told = ProviderError::new(ProviderErrorKind::NotConfigured, "this program cannot reach any model");
            told.with_source(error.clone())
        })
    }

    /// Where a model is, and with which key.
    async fn target(&self, model: &Model) -> Result<ServiceTarget, ProviderError> {
        let base_url = model.access.base_url.as_ref().or(self.access.base_url.as_ref());
        let identity = model.identity(base_url.is_some());
        let key = match (&model.access.key, &self.access.key) {
            (None, Some(shared)) => {
                self.is_of_one_provider()?;
                Some(shared)
            }
            (own, _) => own.as_ref(),
        };
        let mut target =
            self.client()?.resolve_service_target(identity).await.map_err(|_| not_configured("it cannot be found"))?;
        if let Some(url) = base_url {
            target.endpoint = Endpoint::from_owned(address(url, target.model.adapter_kind)?.as_str());
        }
        match (key, base_url) {
            (Some(Key::Given(key)), _) => target.auth = AuthData::from_single(key.as_str()),
            (Some(Key::Variable(variable)), _) => {
                let key = std::env::var(variable);
                let missing = |_| not_configured(&format!("the environment variable `{variable}` is not set"));
                target.auth = AuthData::from_single(key.map_err(missing)?);
            }
            (None, Some(_)) => target.auth = without_key(&target)?,
            (None, None) => {}
        }
        Ok(target)
    }

    /// Whether all models that get the shared key are where it belongs.
    fn is_of_one_provider(&self) -> Result<(), ProviderError> {
        let shared = self.models.iter().filter(|model| model.access.key.is_none());
        let mut places = shared.map(|model| match &model.access.base_url {
            Some(url) => (Some(url), None),
            None if self.access.base_url.is_some() => (None, None),
            None => (None, model.identity(false).adapter_kind.default_key_env_name()),
        });
        let first = places.next();
        match places.all(|place| Some(place) == first) {
            true => Ok(()),
            false => Err(not_configured(
                "the key given to `Genai` would go to several providers: give each model its own, \
                 with `Model::api_key`",
            )),
        }
    }

    async fn ask(&self, target: &ServiceTarget, question: &Question) -> Result<CreateMessageResult, Failure> {
        let secrets = secrets_of(target);
        let client = self.client().map_err(Failure::lasting)?;
        let asking = client.exec_chat(target.clone(), question.request.clone(), Some(&question.options));
        // It logs whole answers at the level `TRACE`, and providers may repeat the key in them.
        let asking = asking.with_subscriber(Dispatch::none());
        let answered = timeout(self.timeout, asking).await.map_err(|_| Failure::timed_out(self.timeout))?;
        let response = answered.map_err(|error| Failure::of(error, &target.model, &secrets))?;
        tracing::debug!(
            model = %response.provider_model_iden.model_name,
            input_tokens = response.usage.prompt_tokens,
            output_tokens = response.usage.completion_tokens,
            "a model answered"
        );
        answer::read(response, &target.model, &question.names, self.max_answer_bytes).map_err(Failure::lasting)
    }

    /// How long to wait before the attempt after so many: twice as long each time, less up to a half by
    /// chance, so that those who failed together do not come back together.
    fn wait(&self, attempts: u32) -> Duration {
        let wait = self.first_wait.saturating_mul(1 << attempts.min(16)).min(LONGEST_WAIT);
        let mut chance = [0; 2];
        // Without chance all wait for the longest time.
        _ = getrandom::fill(&mut chance);
        wait.mul_f64(1.0 - f64::from(u16::from_ne_bytes(chance)) / f64::from(u16::MAX) / 2.0)
    }
}

impl SamplingProvider for Genai {
    async fn create_message(&self, request: CreateMessageRequestParams) -> Result<CreateMessageResult, ProviderError> {
        let model = choose(&self.models, request.model_preferences.as_ref())
            .ok_or_else(|| not_configured("name one with `Genai::model`"))?;
        let target = self.target(model).await?;
        let question = Question::new(&request, &target.model)?;
        drop(request);
        let mut attempts = 0;
        loop {
            let failure = match self.ask(&target, &question).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait = failure.retry_after.unwrap_or_else(|| self.wait(attempts));
            if !failure.is_passing || attempts == self.retries || wait > LONGEST_WAIT {
                return Err(failure.error);
            }
            attempts += 1;
            failure.log(attempts, wait);
            sleep(wait).await;
        }
    }

    fn supports_tools(&self) -> bool {
        true
    }
}

/// No model can be asked; the log says why.
fn not_configured(why: &str) -> ProviderError {
    ProviderError::of(ProviderErrorKind::NotConfigured).with_source(why)
}

/// A base URL as genai wants it.
fn address(base_url: &str, kind: AdapterKind) -> Result<Url, ProviderError> {
    let mut url = Url::parse(base_url).map_err(|error| not_configured(&format!("the base URL is not one: {error}")))?;
    if url.query().is_some() && kind != AdapterKind::OpenAI {
        return Err(not_configured("a base URL with a query is only for those who speak as OpenAI does"));
    }
    if !url.path().ends_with('/') {
        // Without the slash, its last part would go.
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// For whoever has an address of their own and no key: that of the provider is none of their business.
fn without_key(target: &ServiceTarget) -> Result<AuthData, ProviderError> {
    if target.model.adapter_kind != AdapterKind::OpenAI {
        return Ok(AuthData::None);
    }
    let base = address(target.endpoint.base_url(), AdapterKind::OpenAI)?;
    let mut url = base.join("chat/completions").map_err(|_| not_configured("nothing can follow the base URL"))?;
    url.set_query(base.query());
    Ok(AuthData::RequestOverride { url: url.into(), headers: genai::Headers::default() })
}

/// What must not be said of a request.
fn secrets_of(target: &ServiceTarget) -> Vec<String> {
    let mut secrets: Vec<String> = target.auth.single_key_value().into_iter().collect();
    if let Ok(url) = Url::parse(target.endpoint.base_url()) {
        secrets.extend(url.password().map(str::to_owned));
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        secrets.extend(url.query().map(str::to_owned));
    }
    // Of two the longer one first: the other may be a part of it.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

impl fmt::Debug for Genai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { models, access, retries, first_wait, timeout, max_answer_bytes, client: _ } = self;
        f.debug_struct("Genai")
            .field("models", models)
            .field("access", access)
            .field("retries", retries)
            .field("first_wait", first_wait)
            .field("timeout", timeout)
            .field("max_answer_bytes", max_answer_bytes)
            .finish()
    }
}
