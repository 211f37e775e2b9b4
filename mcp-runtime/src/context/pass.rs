use std::future::{Future, poll_fn};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::Context;
use super::elicit::{missing_form, missing_url};
use super::question::{Asking, QuestionError};
use super::roots::missing_roots;
use super::sampling::{missing_sampling, missing_sampling_tools};
use crate::engine::Required;
use crate::protocol::{ErrorCode, ErrorObject, LoggingLevel, Members, Method, Raw};

impl Context {
    /// The least severe log message that the client wants to hear; `None` for none at all.
    pub(crate) fn log_level(&self) -> Option<LoggingLevel> {
        self.call().round().log_level
    }

    /// Whether somebody wants to know how far the call has come.
    pub(crate) fn wants_progress(&self) -> bool {
        let call = self.call();
        call.round().progress_token.is_some() || call.outlet().is_some_and(|outlet| outlet.own_token().is_some())
    }

    /// Passes a question of another server on to the client, as it is. `key` tells it from others of the call.
    pub(crate) fn pass_on(
        &self,
        method: &str,
        params: Option<&RawValue>,
        key: Option<String>,
    ) -> impl Future<Output = Result<Box<RawValue>, QuestionError>> + Send + use<> {
        let (method, required) = match Method::from_name(method) {
            Some(method @ Method::SamplingCreateMessage) => (Some(method), required_by(method, params)),
            Some(method @ Method::ElicitationCreate) => (Some(method), required_by(method, params)),
            Some(method @ Method::RootsList) => (Some(method), missing_roots as Required),
            _ => (None, missing_roots as Required),
        };
        let unknown = ErrorObject::new(ErrorCode::MethodNotFound, "the other server asks what no client can answer");
        let params = params.map_or_else(empty, RawValue::to_owned);
        let (mut asking, mut key) = (method.map(|method| Asking::new(Arc::clone(self.call()), method)), key);
        async move {
            let Some(asking) = &mut asking else { return Err(QuestionError::Refused(unknown)) };
            poll_fn(|cx| asking.poll_result(required, &params, &mut key, cx)).await
        }
    }
}

fn empty() -> Box<RawValue> {
    serde_json::value::to_raw_value(&serde_json::Map::new()).unwrap_or_default()
}

/// What a client must have declared to be asked this.
fn required_by(method: Method, params: Option<&RawValue>) -> Required {
    let members = params.map(Raw::from).map(Members::of).unwrap_or_default();
    match method {
        Method::SamplingCreateMessage if members.get("tools").or(members.get("toolChoice")).is_some() => {
            missing_sampling_tools
        }
        Method::SamplingCreateMessage => missing_sampling,
        _ if members.get("mode").is_some_and(|mode| mode.get() == "\"url\"") => missing_url,
        _ => missing_form,
    }
}
