//! Requests that somebody observes: each has a span, is measured, and says which trace it belongs to.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::call::Call;
use crate::error::{Error, ErrorKind};
use crate::protocol::{Method, Params, ProtocolVersion, RequestId, keys};
use crate::telemetry::{Ended, Facts, Operation, Target, Telemetry};

/// Begins to observe a request. `settled` is the version of a handshake.
#[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "only OpenTelemetry has traces"))]
pub(super) fn begin(
    telemetry: &Telemetry,
    settled: Option<ProtocolVersion>,
    id: i64,
    method: &str,
    params: &mut Map<String, Value>,
    call: Option<&Arc<Call>>,
) -> Arc<Operation> {
    let method = Method::from_name(method);
    let member = |name: &str| params.get(name).and_then(Value::as_str);
    let said = params.get("_meta").and_then(|meta| meta.get(keys::PROTOCOL_VERSION)).and_then(Value::as_str);
    let target = match method {
        Some(Method::ToolsCall) => member("name").map(Target::Tool),
        Some(Method::PromptsGet) => member("name").map(Target::Prompt),
        Some(Method::ResourcesRead) => member("uri").map(Target::Resource),
        _ => None,
    };
    let facts = Facts {
        method,
        id: Some(&RequestId::Number(id)),
        version: said.or_else(|| settled.map(ProtocolVersion::as_str)),
        target: target.unwrap_or(Target::Nothing),
        meta: None,
    };
    let operation = Operation::asked(telemetry, &facts);
    #[cfg(feature = "otel")]
    operation.write_trace(call.map(|call| &call.origin), params);
    operation
}

/// Begins to observe a request of the server.
pub(super) fn asked(
    transport: Option<&'static str>,
    settled: Option<ProtocolVersion>,
    id: &RequestId,
    method: &str,
    params: Option<&Params<'_>>,
) -> Option<Arc<Operation>> {
    let telemetry = Telemetry::default().over(transport);
    telemetry.observes_server().then(|| {
        let version = settled.map(ProtocolVersion::as_str);
        let (method, meta) = (Method::from_name(method), params.and_then(Params::meta));
        Operation::served(&telemetry, &Facts { method, id: Some(id), version, target: Target::Nothing, meta })
    })
}

/// Notes how it ended, if somebody observes.
pub(super) fn end(
    operation: Option<Arc<Operation>>,
    method: &str,
    answer: Result<Box<RawValue>, Error>,
) -> Result<Box<RawValue>, Error> {
    let Some(operation) = operation else { return answer };
    match &answer {
        Ok(result) if method == Method::ToolsCall.as_str() && is_error(result) => operation.ended(Ended::ToolFailed),
        Ok(_) => operation.ended(Ended::Well),
        Err(error) => match (error.peer_error(), error.kind()) {
            (Some(error), _) => operation.ended(Ended::Refused(error)),
            (None, ErrorKind::Timeout) => operation.ended(Ended::Unanswered("timeout", &error.to_string())),
            (None, ErrorKind::Http) => operation.ended(Ended::Unanswered("http_status", &error.to_string())),
            (None, _) => operation.ended(Ended::Unanswered("connection_closed", &error.to_string())),
        },
    }
    answer
}

fn is_error(result: &RawValue) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failed {
        #[serde(default)]
        is_error: bool,
    }
    serde_json::from_str(result.get()).is_ok_and(|failed: Failed| failed.is_error)
}
