//! Answers what a server asks. One shape for all questions: parameters in, a result or a refusal
//! out.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::call::Call;
use super::sampling::Sampling;
use crate::protocol::{
    Answered, BoxFuture, ClientCapabilities, CreateMessageRequestParams, ElicitRequestParams, ElicitResult,
    ElicitationCapability, ErrorCode, ErrorObject, Implementation, ListRootsResult, LoggingLevel,
    LoggingMessageNotificationParams, Method, ProgressNotificationParams, Raw, SamplingCapability,
};

type Handler<P, R> = Arc<dyn Fn(P) -> BoxFuture<'static, Result<R, ErrorObject>> + Send + Sync>;
type Listener<P> = Arc<dyn Fn(P) + Send + Sync>;

/// Everything that a client was told to answer and to hear.
#[derive(Default)]
pub(super) struct Handlers {
    pub(super) sampling: Sampling,
    pub(super) elicitation: Option<Handler<ElicitRequestParams, ElicitResult>>,
    pub(super) elicitation_url: Option<Handler<ElicitRequestParams, ElicitResult>>,
    pub(super) roots: Option<Handler<(), ListRootsResult>>,
    pub(super) log: Option<(LoggingLevel, Listener<LoggingMessageNotificationParams>)>,
    pub(super) progress: Option<Listener<ProgressNotificationParams>>,
    /// Who asks, once it has said so.
    server: OnceLock<Implementation>,
}

/// Erases the type of a handler.
pub(super) fn erase<P, R, F, H>(handler: H) -> Handler<P, R>
where
    F: Future<Output = Result<R, ErrorObject>> + Send + 'static,
    H: Fn(P) -> F + Send + Sync + 'static,
{
    Arc::new(move |params| Box::pin(handler(params)))
}

impl Handlers {
    /// What the client can do is what it has handlers for.
    pub(super) fn capabilities(&self) -> ClientCapabilities {
        let mut capabilities = ClientCapabilities::default();
        if self.sampling.provider.is_some() {
            let tools = self.sampling.has_tools().then(Default::default);
            capabilities.sampling = Some(SamplingCapability { tools, context: None });
        }
        capabilities.elicitation = match (&self.elicitation, &self.elicitation_url) {
            (None, None) => None,
            // Forms alone are said by an empty object: servers of 2025-06-18 know nothing else.
            (Some(_), None) => Some(ElicitationCapability::default()),
            (form, Some(_)) => {
                let form = form.as_ref().map(|_| Default::default());
                Some(ElicitationCapability { form, url: Some(Default::default()) })
            }
        };
        capabilities.roots = self.roots.as_ref().map(|_| Default::default());
        capabilities
    }

    /// The server has said who it is.
    pub(super) fn meet(&self, server: Implementation) {
        // It does so once.
        _ = self.server.set(server);
    }

    pub(super) fn log_level(&self) -> Option<LoggingLevel> {
        self.log.as_ref().map(|(level, _)| *level)
    }

    pub(super) fn wants_progress(&self) -> bool {
        self.progress.is_some()
    }

    /// Answers a request of the server, to which one of these calls has led.
    pub(super) async fn answer(&self, method: &str, params: Option<&RawValue>, calls: &[Arc<Call>]) -> Answered {
        match Method::from_name(method) {
            Some(Method::SamplingCreateMessage) => {
                let sampling = &self.sampling;
                let may = |params: &CreateMessageRequestParams| {
                    sampling.has_tools() || (params.tools.is_empty() && params.tool_choice.is_none())
                };
                let answer = sampling.provider.as_deref().map(|provider| {
                    let server = self.server.get().cloned();
                    move |request| async move { Ok(sampling.answer(provider, request, server, calls).await?) }
                });
                call(answer, method, params, may).await
            }
            Some(Method::ElicitationCreate) => {
                let is_url = |params: &ElicitRequestParams| params.is_url();
                match params.is_some_and(|raw| serde_json::from_str(raw.get()).is_ok_and(|params| is_url(&params))) {
                    true => call(self.elicitation_url.as_deref(), method, params, is_url).await,
                    false => call(self.elicitation.as_deref(), method, params, ElicitRequestParams::is_form).await,
                }
            }
            Some(Method::RootsList) => match &self.roots {
                Some(roots) => encode(roots(()).await?),
                None => Err(ErrorObject::method_not_found(method)),
            },
            Some(Method::Ping) => encode(serde_json::Map::new()),
            _ => Err(ErrorObject::method_not_found(method)),
        }
    }

    /// Hears a notification of the server.
    pub(super) fn hear(&self, method: &str, params: Option<Raw<'_>>) {
        let raw = params.map_or("null", Raw::get);
        match Method::from_name(method) {
            Some(Method::NotificationsMessage) => {
                if let (Some((_, listener)), Ok(message)) = (&self.log, serde_json::from_str(raw)) {
                    listener(message);
                }
            }
            Some(Method::NotificationsProgress) => {
                if let (Some(listener), Ok(progress)) = (&self.progress, serde_json::from_str(raw)) {
                    listener(progress);
                }
            }
            _ => tracing::debug!(method, "a notification came that nobody waits for"),
        }
    }
}

async fn call<P: DeserializeOwned, R: Serialize, F: Future<Output = Result<R, ErrorObject>>>(
    handler: Option<impl FnOnce(P) -> F>,
    method: &str,
    params: Option<&RawValue>,
    declared: impl FnOnce(&P) -> bool,
) -> Answered {
    let Some(handler) = handler else { return Err(ErrorObject::method_not_found(method)) };
    let params: P = serde_json::from_str(params.map_or("null", RawValue::get))
        .map_err(|error| ErrorObject::invalid_params(format!("the parameters of `{method}` are not right: {error}")))?;
    if !declared(&params) {
        let message = format!("`{method}` asks for more than this client has declared");
        return Err(ErrorObject::invalid_params(message));
    }
    encode(handler(params).await?)
}

fn encode(result: impl Serialize) -> Answered {
    to_raw_value(&result).map_err(|error| {
        ErrorObject::new(ErrorCode::InternalError, format!("the answer cannot be written as JSON: {error}"))
    })
}
