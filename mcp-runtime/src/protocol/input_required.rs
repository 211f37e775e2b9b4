#[cfg(feature = "client")]
use serde::Deserialize;
use serde_json::value::RawValue;

/// A reply that asks for more before the request can finish ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#inputrequiredresult
#[derive(Debug, Clone, Default)]
pub(crate) struct InputRequiredResult {
    /// What the client is asked, each under its key.
    pub(crate) input_requests: Vec<(String, InputRequest)>,
    /// What the client repeats with its answers.
    pub(crate) request_state: Option<String>,
}

/// A request to the client inside an [`InputRequiredResult`].
#[derive(Debug, Clone)]
pub(crate) struct InputRequest {
    pub(crate) method: &'static str,
    pub(crate) params: Box<RawValue>,
}

/// An [`InputRequiredResult`] as a client reads it.
#[cfg(feature = "client")]
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceivedInputRequired {
    #[serde(default)]
    pub(crate) input_requests: std::collections::BTreeMap<String, ReceivedInputRequest>,
    #[serde(default)]
    pub(crate) request_state: Option<String>,
}

/// One request of a [`ReceivedInputRequired`].
#[cfg(feature = "client")]
#[derive(Debug, Deserialize)]
pub(crate) struct ReceivedInputRequest {
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Option<Box<RawValue>>,
}
