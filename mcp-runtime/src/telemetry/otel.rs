//! OpenTelemetry: which trace a request belongs to ([specification]), and how long requests take.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic#meta

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::operation::{Facts, Target, Telemetry};
use crate::protocol::{Members, Method, keys, text};

/// What `_meta` says about traces, each in its W3C format.
const CARRIED: [&str; 3] = [keys::TRACEPARENT, keys::TRACESTATE, keys::BAGGAGE];

/// Makes a span a child of the one that its request names. The one that it would be a child of without
/// that is linked.
pub(super) fn follow(span: &Span, meta: Option<&Members<'_>>) {
    let Some(meta) = meta else { return };
    let carried = |key: &str| Some((key.to_owned(), text(meta.get(key)?)?.into_owned()));
    let carrier: HashMap<String, String> = CARRIED.into_iter().filter_map(carried).collect();
    if carrier.is_empty() {
        return;
    }
    let trace = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let context = BaggagePropagator::new().extract_with_context(&trace, &carrier);
    let ambient = Span::current();
    let is_said = context.span().span_context().is_valid();
    if is_said || ambient.is_none() {
        // It cannot have begun: nobody else has it yet. Without a layer for OpenTelemetry there is nothing to do.
        _ = span.set_parent(context);
        if is_said && let Some(ambient) = span_context(&ambient) {
            span.add_link(ambient);
        }
    }
}

/// Makes a span a child of another one, which it does not keep open.
pub(super) fn continue_from(span: &Span, request: &Span) {
    // The same: it has not begun.
    _ = span.set_parent(request.context());
}

/// What a span is called in other processes, if it is called anything.
pub(super) fn span_context(span: &Span) -> Option<SpanContext> {
    if span.is_none() {
        return None;
    }
    Some(span.context().span().span_context().clone()).filter(SpanContext::is_valid)
}

/// Links a span to where its call began, unless that is in the same trace.
pub(super) fn link(span: &Span, begun: SpanContext) {
    if span_context(span).is_some_and(|now| now.trace_id() != begun.trace_id()) {
        span.add_link(begun);
    }
}

/// Where the rounds of a client's call have begun: if nothing is above them, the later ones are
/// children of the first, so that they are one trace.
#[cfg(feature = "client")]
#[derive(Debug, Default)]
pub(crate) struct Origin(std::sync::OnceLock<Context>);

#[cfg(feature = "client")]
impl Origin {
    fn place(&self, span: &Span) {
        match self.0.get() {
            Some(first) if span_context(&Span::current()).is_none() && !Context::current().has_active_span() => {
                _ = span.set_parent(first.clone());
            }
            Some(_) => {}
            None => {
                if span_context(span).is_some() {
                    _ = self.0.set(span.context());
                }
            }
        }
    }
}

/// Writes down in `_meta` which trace a request belongs to: that of its span, or else that of whoever
/// makes it.
#[cfg(feature = "client")]
pub(super) fn write(span: &Span, origin: Option<&Origin>, params: &mut Map<String, Value>) {
    if let Some(origin) = origin {
        origin.place(span);
    }
    write_down(span, params);
}

/// The parameters of a request with its trace written down.
pub(super) fn written(span: &Span, params: Box<RawValue>) -> Box<RawValue> {
    let Ok(mut object) = serde_json::from_str(params.get()) else { return params };
    write_down(span, &mut object);
    to_raw_value(&object).unwrap_or(params)
}

fn write_down(span: &Span, params: &mut Map<String, Value>) {
    let context = if span_context(span).is_some() { span.context() } else { Context::current() };
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    BaggagePropagator::new().inject_context(&context, &mut carrier);
    carrier.retain(|_, value| !value.is_empty());
    if carrier.is_empty() {
        return;
    }
    let meta = params.entry("_meta").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(meta) = meta {
        for (key, value) in carrier {
            meta.entry(key).or_insert(Value::String(value));
        }
    }
}

/// How long requests take, as the conventions name and bound it.
#[derive(Debug)]
pub(crate) struct Durations(Histogram<f64>);

/// In seconds, as the conventions have them.
const BOUNDARIES: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

impl Telemetry {
    /// Measures the requests that a server answers.
    pub(crate) fn of_server(meter: &Meter) -> Self {
        let description = "How long requests take from when they come until they are answered";
        Self::measuring(meter, "mcp.server.operation.duration", description)
    }

    /// Measures the requests that a client makes.
    #[cfg(feature = "client")]
    pub(crate) fn of_client(meter: &Meter) -> Self {
        let description = "How long requests take from when they are made until their answers come";
        Self::measuring(meter, "mcp.client.operation.duration", description)
    }

    fn measuring(meter: &Meter, name: &'static str, description: &'static str) -> Self {
        let histogram = meter
            .f64_histogram(name)
            .with_unit("s")
            .with_description(description)
            .with_boundaries(BOUNDARIES.to_vec())
            .build();
        Self { durations: Some(Arc::new(Durations(histogram))), ..Self::default() }
    }
}

/// A request whose time is taken.
pub(super) struct Timed {
    durations: Arc<Durations>,
    since: Instant,
    attributes: Vec<KeyValue>,
}

impl Timed {
    pub(super) fn begin(telemetry: &Telemetry, facts: &Facts<'_, '_>) -> Option<Self> {
        let durations = telemetry.durations.clone()?;
        let mut attributes = vec![KeyValue::new("mcp.method.name", facts.method.map_or("_OTHER", Method::as_str))];
        if let Some(version) = facts.version {
            attributes.push(KeyValue::new("mcp.protocol.version", version.to_owned()));
        }
        attributes.extend(telemetry.transport.map(|transport| KeyValue::new("network.transport", transport)));
        match facts.target {
            Target::Tool(name) => attributes.extend([
                KeyValue::new("gen_ai.operation.name", "execute_tool"),
                KeyValue::new("gen_ai.tool.name", name.to_owned()),
            ]),
            Target::Prompt(name) => attributes.push(KeyValue::new("gen_ai.prompt.name", name.to_owned())),
            Target::Nothing | Target::Resource(_) => {}
        }
        Some(Self { durations, since: Instant::now(), attributes })
    }

    pub(super) fn end(&self, error: Option<&str>, code: Option<&str>) {
        let mut attributes = self.attributes.clone();
        let more = [("error.type", error), ("rpc.response.status_code", code)];
        attributes.extend(more.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?.to_owned()))));
        self.durations.0.record(self.since.elapsed().as_secs_f64(), &attributes);
    }
}
