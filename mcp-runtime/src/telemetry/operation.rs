//! One request, from when it came until its outcome is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::value::RawValue;
use tracing::field::Empty;
use tracing::{Level, Span, info_span, span_enabled};

use super::{CLIENT, SERVER, is_on};
use crate::protocol::{ErrorObject, Members, Method, RequestId, ServerResult};

/// Where what is measured of requests goes.
#[derive(Clone, Default)]
pub(crate) struct Telemetry {
    /// What carries the messages: `pipe` or `tcp`; `None` where that is not known, or memory.
    pub(crate) transport: Option<&'static str>,
    #[cfg(feature = "otel")]
    pub(super) durations: Option<Arc<super::otel::Durations>>,
}

impl Telemetry {
    /// Of messages that this carries.
    pub(crate) fn over(mut self, transport: Option<&'static str>) -> Self {
        self.transport = transport;
        self
    }

    /// Whether anybody wants to know of a request that is served.
    pub(crate) fn observes_server(&self) -> bool {
        self.measures() || (is_on() && span_enabled!(target: SERVER, Level::INFO))
    }

    /// Whether anybody wants to know of a request of a client.
    #[cfg(feature = "client")]
    pub(crate) fn observes_client(&self) -> bool {
        self.measures() || (is_on() && span_enabled!(target: CLIENT, Level::INFO))
    }

    fn measures(&self) -> bool {
        #[cfg(feature = "otel")]
        return self.durations.is_some();
        #[cfg(not(feature = "otel"))]
        return false;
    }
}

/// What is known of a request when it begins.
pub(crate) struct Facts<'a, 'm> {
    /// None for one that is not in the specification: its name would be anything.
    pub(crate) method: Option<Method>,
    /// None if it gets one later.
    pub(crate) id: Option<&'a RequestId>,
    /// The protocol version, if it is settled.
    pub(crate) version: Option<&'a str>,
    pub(crate) target: Target<'a>,
    /// Of the request: it may say which trace it belongs to.
    #[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "only OpenTelemetry has traces"))]
    pub(crate) meta: Option<&'a Members<'m>>,
}

/// What a request is about.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    Nothing,
    Tool(&'a str),
    Prompt(&'a str),
    Resource(&'a str),
}

/// How a request ended.
#[derive(Clone, Copy)]
pub(crate) enum Ended<'a> {
    Well,
    /// Its result says that a tool failed.
    ToolFailed,
    /// The peer gave an error, or is given one.
    Refused(&'a ErrorObject),
    /// There is no answer; the first says why in one word.
    Unanswered(&'static str, &'a str),
    /// Nobody wants the answer any more.
    Cancelled,
}

impl<'a> From<&'a Result<ServerResult, ErrorObject>> for Ended<'a> {
    fn from(finished: &'a Result<ServerResult, ErrorObject>) -> Self {
        match finished {
            Ok(ServerResult::CallTool(result)) if result.is_error => Self::ToolFailed,
            Ok(_) => Self::Well,
            Err(error) => Self::Refused(error),
        }
    }
}

/// What the conventions call a method that they do not know.
const OTHER: &str = "_OTHER";

/// One request, from when it came until its outcome is there. Dropped before that, it was cancelled.
pub(crate) struct Operation {
    span: Span,
    is_over: AtomicBool,
    #[cfg(feature = "otel")]
    timed: Option<super::otel::Timed>,
}

/// A span of a request. The macro wants literals, and the kind is in none of them.
macro_rules! request_span {
    ($target:expr, $name:literal, $kind:literal, $telemetry:expr, $facts:expr) => {{
        let facts: &Facts<'_, '_> = $facts;
        let method = facts.method.map_or(OTHER, Method::as_str);
        let (tool, prompt, uri) = match facts.target {
            Target::Nothing => (None, None, None),
            Target::Tool(name) => (Some(name), None, None),
            Target::Prompt(name) => (None, Some(name), None),
            Target::Resource(uri) => (None, None, Some(uri)),
        };
        let named = tool.or(prompt).map(|name| format!("{method} {name}"));
        info_span!(
            target: $target,
            $name,
            "otel.name" = named.as_deref().unwrap_or(method),
            "otel.kind" = $kind,
            "otel.status_code" = Empty,
            "otel.status_description" = Empty,
            "mcp.method.name" = method,
            "mcp.protocol.version" = facts.version,
            "mcp.resource.uri" = uri,
            "jsonrpc.request.id" = facts.id.map(text_of).as_deref(),
            "gen_ai.operation.name" = tool.map(|_| "execute_tool"),
            "gen_ai.tool.name" = tool,
            "gen_ai.prompt.name" = prompt,
            "network.transport" = $telemetry.transport,
            "rpc.response.status_code" = Empty,
            "error.type" = Empty,
        )
    }};
}

impl Operation {
    /// A request that is served.
    pub(crate) fn served(telemetry: &Telemetry, facts: &Facts<'_, '_>) -> Arc<Self> {
        let span = request_span!(SERVER, "request", "server", telemetry, facts);
        #[cfg(feature = "otel")]
        super::otel::follow(&span, facts.meta);
        Self::begin(telemetry, facts, span)
    }

    /// A request of ours, to a server or to a client.
    pub(crate) fn asked(telemetry: &Telemetry, facts: &Facts<'_, '_>) -> Arc<Self> {
        Self::begin(telemetry, facts, request_span!(CLIENT, "request", "client", telemetry, facts))
    }

    /// A question that a call asks its client in a request of ours, with its parameters, which say then
    /// which trace it belongs to. None if nobody looks.
    pub(crate) fn question(call: &Span, method: &str, params: Box<RawValue>) -> (Option<Arc<Self>>, Box<RawValue>) {
        if call.is_none() {
            return (None, params);
        }
        let method = Method::from_name(method);
        let facts = Facts { method, id: None, version: None, target: Target::Nothing, meta: None };
        let operation = call.in_scope(|| Self::asked(&Telemetry::default(), &facts));
        #[cfg(feature = "otel")]
        let params = super::otel::written(&operation.span, params);
        (Some(operation), params)
    }

    /// A call that goes on when its request is answered. The span of that request is not kept open by it.
    pub(crate) fn background(tool: &str, request: &Span) -> Arc<Self> {
        let span = info_span!(
            target: SERVER,
            parent: None,
            "task",
            "otel.name" = format!("execute_tool {tool}"),
            "otel.kind" = "internal",
            "otel.status_code" = Empty,
            "otel.status_description" = Empty,
            "gen_ai.operation.name" = "execute_tool",
            "gen_ai.tool.name" = tool,
            "rpc.response.status_code" = Empty,
            "error.type" = Empty,
        );
        #[cfg(feature = "otel")]
        super::otel::continue_from(&span, request);
        #[cfg(not(feature = "otel"))]
        span.follows_from(request);
        Arc::new(Self {
            span,
            is_over: AtomicBool::new(false),
            #[cfg(feature = "otel")]
            timed: None,
        })
    }

    #[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "only OpenTelemetry measures"))]
    fn begin(telemetry: &Telemetry, facts: &Facts<'_, '_>, span: Span) -> Arc<Self> {
        Arc::new(Self {
            span,
            is_over: AtomicBool::new(false),
            #[cfg(feature = "otel")]
            timed: super::otel::Timed::begin(telemetry, facts),
        })
    }

    /// Writes down in the parameters of a request which trace it belongs to. Rounds of one call share an
    /// origin.
    #[cfg(all(feature = "otel", feature = "client"))]
    pub(crate) fn write_trace(
        &self,
        origin: Option<&super::Origin>,
        params: &mut serde_json::Map<String, serde_json::Value>,
    ) {
        super::otel::write(&self.span, origin, params);
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Notes how it ended; the first time counts.
    pub(crate) fn ended(&self, how: Ended<'_>) {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return;
        }
        let code = match how {
            Ended::Refused(error) => Some(error.code.as_i64().to_string()),
            _ => None,
        };
        let (kind, description) = match how {
            Ended::Well => (None, None),
            Ended::ToolFailed => (Some("tool_error"), None),
            Ended::Refused(error) => (code.as_deref(), Some(&*error.message)),
            Ended::Unanswered(kind, why) => (Some(kind), Some(why)),
            Ended::Cancelled => (Some("cancelled"), None),
        };
        if let Some(kind) = kind {
            self.span.record("error.type", kind);
            // In this order: a status without a description would replace one that has it.
            self.span.record("otel.status_code", "ERROR");
            if let Some(description) = description {
                self.span.record("otel.status_description", description);
            }
        }
        if let Some(code) = &code {
            self.span.record("rpc.response.status_code", &**code);
        }
        #[cfg(feature = "otel")]
        if let Some(timed) = &self.timed {
            timed.end(kind, code.as_deref());
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.ended(Ended::Cancelled);
    }
}

fn text_of(id: &RequestId) -> String {
    match id {
        RequestId::Number(number) => number.to_string(),
        RequestId::String(text) => text.clone(),
    }
}
