//! Traces and measurements reach a collector.

use std::time::Duration;

use mcp_runtime::Otlp;
use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_tests::checked;
use mcp_tests_telemetry::collect;
use serde_json::json;
use tracing_subscriber::prelude::*;

/// Add two integers.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tokio::test]
async fn what_is_traced_and_measured_reaches_a_collector() {
    let (endpoint, received) = collect();
    let otlp = Otlp::start_at("calculator", &endpoint).expect("it starts");
    let subscriber = tracing_subscriber::registry().with(otlp.layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    for era in [Era::Legacy, Era::Modern] {
        let server = Server::new("calculator").tools(tools![add]).meter(&otlp.meter());
        let client = checked::in_memory(server).era(era).meter(&otlp.meter()).connect().await.expect("a connection");
        assert_eq!(client.call::<i64>("add", json!({ "a": 1, "b": 2 })).await.expect("a number"), 3);
    }
    otlp.shutdown().expect("all of it was sent");
    let mut all = Vec::new();
    while let Ok(it) = received.recv_timeout(Duration::from_millis(100)) {
        all.push(it);
    }
    let traces = all.iter().find(|it| it.path == "/v1/traces" && it.has("tools/call add")).expect("spans");
    assert!(traces.has("calculator") && traces.has("mcp.method.name"));
    let metrics = all.iter().find(|it| it.path == "/v1/metrics").expect("measurements");
    for name in ["mcp.server.operation.duration", "mcp.client.operation.duration", "mcp_runtime.calls.parked"] {
        assert!(metrics.has(name), "{name}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_refused() {
    let error = Otlp::start_at("calculator", "not a url").expect_err("no endpoint");
    assert_eq!(error.kind(), mcp_runtime::ErrorKind::Configuration);
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_up_nobody() {
    let otlp = Otlp::start_at("calculator", "http://127.0.0.1:1").expect("it starts");
    let subscriber = tracing_subscriber::registry().with(otlp.layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let client = checked::in_memory(Server::new("s").tools(tools![add])).connect().await.expect("a connection");
    assert_eq!(client.call::<i64>("add", json!({ "a": 1, "b": 2 })).await.expect("a number"), 3);
    assert!(otlp.shutdown().is_err(), "it is said that something is lost");
}
