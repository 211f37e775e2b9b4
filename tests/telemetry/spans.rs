//! Requests as OpenTelemetry sees them: their spans, the traces that they belong to, how long they take.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult};
use mcp_runtime::{Client, Resume};
use mcp_tests::checked;
use mcp_tests::http::{Served, modern};
use mcp_tests::raw::{Call, Peer, meta, shout, text};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider as _};
use opentelemetry::{Context as OtelContext, Value};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde_json::json;
use tokio::sync::Notify;
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument as _, info_span};
use tracing_subscriber::prelude::*;

/// What is seen, on this thread.
struct Seen {
    spans: InMemorySpanExporter,
    provider: SdkTracerProvider,
    _guard: DefaultGuard,
}

impl Seen {
    fn start() -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests")).with_location(false);
        let layer = layer.with_threads(false).with_target(false).with_tracked_inactivity(false);
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Self { spans, provider, _guard: guard }
    }

    /// The spans of a kind and a name that have ended, in the order in which they began.
    fn spans(&self, kind: &SpanKind, name: &str) -> Vec<SpanData> {
        self.provider.force_flush().expect("it is in memory");
        let all = self.spans.get_finished_spans().expect("it is in memory");
        let mut spans: Vec<_> = all.into_iter().filter(|it| it.span_kind == *kind && it.name == name).collect();
        spans.sort_by_key(|it| it.start_time);
        spans
    }

    fn only(&self, kind: &SpanKind, name: &str) -> SpanData {
        let mut spans = self.spans(kind, name);
        assert_eq!(spans.len(), 1, "{:?}", self.spans.get_finished_spans());
        spans.remove(0)
    }
}

fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    span.attributes.iter().map(|it| (it.key.to_string(), it.value.to_string())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Add two integers.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Fail.
#[tool]
fn fail() -> Result<()> {
    Err(ToolError::new("it went wrong"))
}

/// Ask three times.
#[tool]
async fn ask_thrice(ctx: Context) -> Result<String> {
    let mut all = Vec::new();
    for question in ["one", "two"] {
        all.push(ctx.sample(question).await?.text()?.to_owned());
        tracing::info!(question, "answered");
    }
    Ok(all.join(" "))
}

/// Say which tenant the baggage is of.
#[tool]
async fn tenant() -> Option<String> {
    tokio::task::yield_now().await;
    OtelContext::current().baggage().get("tenant").map(ToString::to_string)
}

/// Say hello.
#[prompt]
fn hello() -> &'static str {
    "Say hello."
}

/// What this is for.
#[resource("docs://purpose")]
fn purpose() -> &'static str {
    "Tests."
}

fn server() -> Server {
    Server::new("s")
        .tools(tools![add, fail, ask_thrice, tenant])
        .prompts(prompts![hello])
        .resources(resources![purpose])
}

async fn client(era: Era, server: Server) -> Client {
    checked::in_memory(server)
        .era(era)
        .on_sampling(|it: CreateMessageRequestParams| async move {
            Ok(CreateMessageResult::text("m", it.joined_text().to_uppercase()))
        })
        .connect()
        .await
        .expect("a connection")
}

#[tokio::test]
async fn one_call_is_one_span_on_each_side() {
    for (era, version) in [(Era::Legacy, "2025-11-25"), (Era::Modern, "2026-07-28")] {
        let seen = Seen::start();
        let client = client(era, server()).await;
        client.call::<i64>("add", json!({ "a": 1, "b": 2 })).await.expect("a number");
        let asked = seen.only(&SpanKind::Client, "tools/call add");
        let served = seen.only(&SpanKind::Server, "tools/call add");
        let expected = pairs(&[
            ("mcp.method.name", "tools/call"),
            ("mcp.protocol.version", version),
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", "add"),
            ("jsonrpc.request.id", "2"),
        ]);
        assert_eq!(attributes(&served), expected);
        assert_eq!(attributes(&asked), expected);
        assert_eq!((&served.status, &asked.status), (&Status::Unset, &Status::Unset));
        assert_eq!(served.parent_span_id, asked.span_context.span_id());
        assert_eq!(served.span_context.trace_id(), asked.span_context.trace_id());
        assert!(served.parent_span_is_remote);
        assert_eq!(asked.parent_span_id, SpanId::INVALID);
    }
}

#[tokio::test]
async fn what_begins_a_conversation_has_spans_too() {
    let seen = Seen::start();
    client(Era::Legacy, server()).await;
    assert_eq!(attributes(&seen.only(&SpanKind::Server, "initialize"))["mcp.method.name"], "initialize");
    client(Era::Modern, server()).await;
    assert_eq!(attributes(&seen.only(&SpanKind::Server, "server/discover"))["mcp.protocol.version"], "2026-07-28");
}

#[tokio::test]
async fn prompts_and_resources_are_named_by_the_conventions() {
    let seen = Seen::start();
    let client = client(Era::Modern, server()).await;
    client.get_prompt("hello", ()).await.expect("a prompt");
    client.read_resource("docs://purpose").await.expect("a text");
    let prompt = attributes(&seen.only(&SpanKind::Server, "prompts/get hello"));
    assert_eq!(prompt["gen_ai.prompt.name"], "hello");
    assert!(!prompt.contains_key("gen_ai.operation.name"));
    let resource = attributes(&seen.only(&SpanKind::Server, "resources/read"));
    assert_eq!(resource["mcp.resource.uri"], "docs://purpose");
}

#[tokio::test]
async fn errors_are_in_the_status() {
    for era in [Era::Legacy, Era::Modern] {
        let seen = Seen::start();
        let client = client(era, server()).await;
        assert!(client.call_tool("fail", ()).await.expect("a result").is_error);
        for kind in [SpanKind::Server, SpanKind::Client] {
            let failed = seen.only(&kind, "tools/call fail");
            assert_eq!(attributes(&failed)["error.type"], "tool_error");
            assert_eq!(failed.status, Status::error(""));
        }
        client.call_tool("no_such_tool", ()).await.expect_err("it is not there");
        // A name that a client has made up is in no span of the server.
        let refused = seen.only(&SpanKind::Server, "tools/call");
        let said = attributes(&refused);
        assert_eq!((&*said["error.type"], &*said["rpc.response.status_code"]), ("-32602", "-32602"));
        assert!(!said.contains_key("gen_ai.tool.name"));
        assert!(matches!(&refused.status, Status::Error { description } if description.contains("no_such_tool")));
    }
    let seen = Seen::start();
    let mut peer = Peer::start(server());
    peer.request("no/such_method", Default::default()).await.expect_err("it is not there");
    assert_eq!(attributes(&seen.only(&SpanKind::Server, "_OTHER"))["error.type"], "-32601");
}

#[tokio::test]
async fn three_rounds_are_three_spans_of_one_trace() {
    for resume in [Resume::Auto, Resume::Replay] {
        let seen = Seen::start();
        let client = client(Era::Modern, server().resume(resume)).await;
        client.call_tool("ask_thrice", ()).await.expect("a result");
        let asked = seen.spans(&SpanKind::Client, "tools/call ask_thrice");
        let served = seen.spans(&SpanKind::Server, "tools/call ask_thrice");
        assert_eq!((asked.len(), served.len()), (3, 3), "{resume:?}");
        for (asked, served) in asked.iter().zip(&served) {
            assert_eq!(served.parent_span_id, asked.span_context.span_id());
            assert_eq!(served.span_context.trace_id(), asked.span_context.trace_id());
        }
        let first = &asked[0].span_context;
        for later in &asked[1..] {
            assert_eq!(later.span_context.trace_id(), first.trace_id());
            assert_eq!(later.parent_span_id, first.span_id());
        }
        // What the function does is in the span of the round in which it does it.
        let events: Vec<_> = served.iter().map(|it| it.events.iter().count()).collect();
        if resume == Resume::Auto {
            assert_eq!(events, [0, 1, 1]);
        }
    }
}

#[tokio::test]
async fn rounds_are_below_what_makes_the_call() {
    let seen = Seen::start();
    let client = client(Era::Modern, server()).await;
    let agent = async { client.call_tool("ask_thrice", ()).await.expect("a result") };
    agent.instrument(info_span!("agent", "otel.kind" = "internal")).await;
    let agent = seen.only(&SpanKind::Internal, "agent");
    let asked = seen.spans(&SpanKind::Client, "tools/call ask_thrice");
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|it| it.parent_span_id == agent.span_context.span_id()));
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const ABOVE: &str = "b7ad6b7169203331";

fn traced(call: &Call, more: &[(&str, &str)]) -> Call {
    let mut call = call.clone();
    let mut meta = meta();
    meta["traceparent"] = json!(format!("00-{TRACE}-{ABOVE}-01"));
    for (key, value) in more {
        meta[*key] = json!(value);
    }
    call.params.insert("_meta".to_owned(), meta);
    call
}

#[tokio::test]
async fn the_trace_of_a_request_is_taken_from_its_meta() {
    let seen = Seen::start();
    let mut peer = Peer::start(server());
    let call = Call::new("tenant", json!({}));
    let call = traced(&call, &[("tracestate", "vendor=1"), ("baggage", "tenant=acme")]);
    let result = peer.call(&call).await.expect("a result");
    assert_eq!(text(&result), "acme");
    let served = seen.only(&SpanKind::Server, "tools/call tenant");
    assert_eq!(served.span_context.trace_id().to_string(), TRACE);
    assert_eq!(served.parent_span_id.to_string(), ABOVE);
    assert_eq!(served.span_context.trace_state().header(), "vendor=1");
}

#[tokio::test]
async fn a_trace_that_is_none_is_ignored() {
    let seen = Seen::start();
    let mut peer = Peer::start(server());
    let nonsense = ["", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "\u{1f980}"];
    for traceparent in nonsense {
        let call = traced(&Call::new("add", json!({ "a": 1, "b": 2 })), &[("traceparent", traceparent)]);
        peer.call(&call).await.expect("a result");
    }
    let spans = seen.spans(&SpanKind::Server, "tools/call add");
    assert_eq!(spans.len(), nonsense.len());
    assert!(spans.iter().all(|it| it.parent_span_id == SpanId::INVALID && it.span_context.is_valid()));
}

#[tokio::test]
async fn rounds_without_a_trace_are_linked() {
    let seen = Seen::start();
    let mut peer = Peer::start(server());
    let mut call = Call::new("ask_thrice", json!({}));
    for _ in 0..2 {
        let asked = peer.call(&call).await.expect("a question");
        call = call.next(&asked, shout);
    }
    peer.call(&call).await.expect("a result");
    let spans = seen.spans(&SpanKind::Server, "tools/call ask_thrice");
    assert_eq!(spans.len(), 3);
    let first = spans[0].span_context.span_id();
    for later in &spans[1..] {
        let links: Vec<_> = later.links.iter().map(|it| it.span_context.span_id()).collect();
        assert_eq!(links, [first]);
    }
}

/// Never return.
#[tool]
async fn hang(started: State<Notify>) {
    started.notify_one();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_cancelled_call_has_a_span() {
    let seen = Seen::start();
    let started = Arc::new(Notify::new());
    let mut peer = Peer::start(Server::new("s").state(started.clone()).tools(tools![hang]));
    let id = peer.send("tools/call", Call::new("hang", json!({})).params).await;
    started.notified().await;
    peer.cancel(id).await;
    peer.request("tools/list", Default::default()).await.expect("a list");
    tokio::task::yield_now().await;
    let hung = seen.only(&SpanKind::Server, "tools/call hang");
    assert_eq!(attributes(&hung)["error.type"], "cancelled");
    assert_eq!(hung.status, Status::error(""));
}

/// Work in the background.
#[tool(task)]
async fn work(go: State<Notify>) -> Result<String> {
    go.notified().await;
    tracing::info!("at work");
    Err(ToolError::new("it went wrong"))
}

#[tokio::test]
async fn a_task_has_a_span_of_its_own() {
    let seen = Seen::start();
    let go = Arc::new(Notify::new());
    let server = Server::new("s").state(go.clone()).tools(tools![work]);
    let client = checked::in_memory(server).era(Era::Modern).tasks().connect().await.expect("a connection");
    let call = async {
        client.start_tool("work", ()).await.expect("a task");
        // Its request is answered, and its span is closed.
        let served = seen.only(&SpanKind::Server, "tools/call work");
        assert_eq!(served.status, Status::Unset);
        go.notify_one();
        served
    };
    let served = call.await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while seen.spans(&SpanKind::Internal, "execute_tool work").is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it ends");
    let task = seen.only(&SpanKind::Internal, "execute_tool work");
    assert_eq!(task.parent_span_id, served.span_context.span_id());
    assert_eq!(attributes(&task)["error.type"], "tool_error");
    assert_eq!(task.events.iter().count(), 1, "what it traces is there");
}

#[tokio::test]
async fn how_long_requests_take_is_measured() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    let meter = opentelemetry::metrics::MeterProvider::meter(&provider, "tests");
    let client = checked::in_memory(server().meter(&meter))
        .era(Era::Modern)
        .meter(&meter)
        .on_sampling(|_| async { Ok(CreateMessageResult::text("m", "yes")) })
        .connect()
        .await
        .expect("a connection");
    client.call_tool("add", json!({ "a": 1, "b": 2 })).await.expect("a result");
    client.call_tool("add", json!({ "a": 1, "b": 2 })).await.expect("a result");
    client.call_tool("fail", ()).await.expect("a result");
    client.call_tool("ask_thrice", ()).await.expect("a result");
    provider.force_flush().expect("it is in memory");
    let all = exporter.get_finished_metrics().expect("it is in memory");
    let metrics: Vec<_> = all.iter().flat_map(|it| it.scope_metrics()).flat_map(|it| it.metrics()).collect();
    for name in ["mcp.server.operation.duration", "mcp.client.operation.duration"] {
        let metric = metrics.iter().find(|it| it.name() == name).expect(name);
        assert_eq!(metric.unit(), "s");
        let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else { panic!("{metric:?}") };
        let count = |tool: &str, error: Option<&str>| {
            let is_it = |point: &&opentelemetry_sdk::metrics::data::HistogramDataPoint<f64>| {
                let get = |key: &str| point.attributes().find(|it| it.key.as_str() == key).map(|it| it.value.clone());
                get("gen_ai.tool.name") == Some(Value::from(tool.to_owned()))
                    && get("error.type") == error.map(|error| Value::from(error.to_owned()))
            };
            histogram.data_points().filter(is_it).map(|point| point.count()).sum::<u64>()
        };
        assert_eq!(count("add", None), 2);
        assert_eq!(count("fail", Some("tool_error")), 1);
        assert_eq!(count("fail", None), 0);
        assert_eq!(count("ask_thrice", None), 3, "each round is a request");
        let bounds: Vec<_> = histogram.data_points().next().expect("a point").bounds().collect();
        assert_eq!((bounds.len(), bounds[0]), (14, 0.01));
    }
    let sum = |name: &str| {
        let metric = metrics.iter().find(|it| it.name() == name).expect(name);
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => sum.data_points().map(|it| it.value()).sum::<u64>(),
            AggregatedMetrics::U64(MetricData::Gauge(gauge)) => gauge.data_points().map(|it| it.value()).sum::<u64>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((sum("mcp_runtime.calls.parked"), sum("mcp_runtime.calls.resumed")), (2, 2));
    assert_eq!((sum("mcp_runtime.calls.replayed"), sum("mcp_runtime.parked.calls")), (0, 0));
}

#[tokio::test]
async fn a_question_to_a_legacy_client_is_a_span_below_the_call() {
    let seen = Seen::start();
    let client = checked::in_memory(server())
        .era(Era::Legacy)
        .on_sampling(|_| async {
            tracing::info!("asked");
            Ok(CreateMessageResult::text("m", "yes"))
        })
        .connect()
        .await
        .expect("a connection");
    client.call_tool("ask_thrice", ()).await.expect("a result");
    let call = seen.only(&SpanKind::Server, "tools/call ask_thrice");
    let asked = seen.spans(&SpanKind::Client, "sampling/createMessage");
    let answered = seen.spans(&SpanKind::Server, "sampling/createMessage");
    assert_eq!((asked.len(), answered.len()), (2, 2));
    for (asked, answered) in asked.iter().zip(&answered) {
        assert_eq!(asked.parent_span_id, call.span_context.span_id());
        assert_eq!(answered.parent_span_id, asked.span_context.span_id());
        assert_eq!(answered.span_context.trace_id(), call.span_context.trace_id());
        assert_eq!(answered.events.iter().count(), 1, "what the handler traces is there");
    }
}

/// A request that does not say who makes it is refused, and seen all the same.
#[tokio::test]
async fn a_request_of_nobody_has_a_span() {
    let seen = Seen::start();
    let mut peer = Peer::start(server());
    let params = serde_json::Map::from_iter([("_meta".to_owned(), json!({}))]);
    peer.request("tools/list", params.clone()).await.expect_err("nobody has said who asks");
    peer.request("made/up", params).await.expect_err("nobody has said who asks");
    for (name, id) in [("tools/list", "1"), ("_OTHER", "2")] {
        let span = seen.only(&SpanKind::Server, name);
        assert!(matches!(span.status, Status::Error { .. }), "{span:?}");
        let said = attributes(&span);
        let (code, request) = (&said["rpc.response.status_code"], &said["jsonrpc.request.id"]);
        assert_eq!((code.as_str(), request.as_str()), ("-32602", id));
        assert!(!said.contains_key("network.transport"), "it came through memory");
    }
}

#[tokio::test]
async fn spans_say_what_carries_the_messages() {
    let seen = Seen::start();
    let served = Served::start(server()).await;
    served.modern(&modern(1, "tools/list", json!({})), &[]).await;
    assert_eq!(attributes(&seen.only(&SpanKind::Server, "tools/list"))["network.transport"], "tcp");
    served.session("2025-11-25").await;
    assert_eq!(attributes(&seen.only(&SpanKind::Server, "initialize"))["network.transport"], "tcp");
    drop(served);
    // Whatever becomes of it, the request went through a pipe.
    let nobody = Client::stdio(tokio::process::Command::new("true")).era(Era::Legacy).connect().await;
    nobody.expect_err("it ends at once");
    assert_eq!(attributes(&seen.only(&SpanKind::Client, "initialize"))["network.transport"], "pipe");
}

#[cfg(unix)]
#[tokio::test]
async fn spans_say_what_a_transport_says_of_itself() {
    let seen = Seen::start();
    let (ours, theirs) = tokio::net::UnixStream::pair().expect("sockets");
    tokio::spawn(server().serve(theirs));
    let client = Client::over(ours).era(Era::Modern).connect().await.expect("a connection");
    client.close().await.expect("it ends");
    for kind in [SpanKind::Client, SpanKind::Server] {
        assert_eq!(attributes(&seen.only(&kind, "server/discover"))["network.transport"], "unix", "{kind:?}");
    }
}
