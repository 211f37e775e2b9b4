//! What single functions cost, in time. Where serde_json does the same, it stands beside.
//!
//! ```text
//! cargo bench -p mcp-benches-micro                   all of them; two minutes
//! cargo bench -p mcp-benches-micro -- journal        those that are named so
//! cargo bench -p mcp-benches-micro -- --test         each once, to see that it runs
//! ```
//!
//! `docs/performance.md` has what came of it.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use mcp_benches::{Era, answer_bare};
use mcp_runtime::bench::{Call, Conversation, Message, Offered, Response, event};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CallToolResult, ProtocolVersion};
use mcp_runtime::{DynTool, Tools};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

const ERAS: [(Era, ProtocolVersion); 2] =
    [(Era::Legacy, ProtocolVersion::LATEST_LEGACY), (Era::Modern, ProtocolVersion::LATEST)];

fn main() {
    let time = Duration::from_secs(2);
    let mut criterion = Criterion::default().measurement_time(time).warm_up_time(time / 4).configure_from_args();
    envelope(&mut criterion);
    arguments(&mut criterion);
    dispatch(&mut criterion);
    result(&mut criterion);
    lists(&mut criterion);
    state(&mut criterion);
    journal(&mut criterion);
    sse(&mut criterion);
    criterion.final_summary();
}

/// Add two integers.
#[tool]
fn add(
    /// The first.
    a: i64,
    /// The second.
    b: i64,
) -> i64 {
    a + b
}

/// Search the catalog.
#[tool]
fn search(
    /// What to search for.
    text: String,
    /// How many at most.
    limit: u32,
    /// The least score.
    score: f64,
    /// Whether to search what is sold out, too.
    all: Option<bool>,
) -> String {
    format!("{text} {limit} {score} {all:?}")
}

/// A message as far as a server must know it, decoded by serde.
#[derive(Deserialize)]
#[expect(dead_code, reason = "that it is decoded is all")]
struct Envelope<'a> {
    jsonrpc: &'a str,
    id: u64,
    method: &'a str,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "that it is decoded is all")]
struct Params<'a> {
    name: &'a str,
    #[serde(borrow)]
    arguments: &'a RawValue,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "that it is decoded is all")]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: &'a str,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo")]
    info: &'a RawValue,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities")]
    capabilities: &'a RawValue,
}

fn envelope(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("envelope");
    for (era, version) in ERAS {
        let line = era.call(776);
        let line = line.trim_end().as_bytes();
        assert!(Message::read(line).is_request());
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(version.as_str(), |it| it.iter(|| Message::read(black_box(line))));
        group.bench_function(BenchmarkId::new("serde_json", version), |it| {
            it.iter(|| serde_json::from_slice::<Envelope<'_>>(black_box(line)).expect("a call"));
        });
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "that it is decoded is all")]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "that it is decoded is all")]
struct Search {
    text: String,
    limit: u32,
    score: f64,
    all: Option<bool>,
}

fn arguments(criterion: &mut Criterion) {
    let offered = Offered::new(tools![add, search]);
    let mut group = criterion.benchmark_group("arguments");

    let (json, parameters) = (raw(r#"{"a":776,"b":776}"#), offered.parameters("add").expect("there"));
    group.throughput(Throughput::Bytes(json.get().len() as u64));
    group.bench_function("add", |it| {
        it.iter(|| {
            let mut given = parameters.given(black_box(&json));
            (given.take::<i64>().expect("a"), given.take::<i64>().expect("b"))
        });
    });
    group.bench_function("serde_json/add", |it| {
        it.iter(|| serde_json::from_str::<Add>(black_box(json.get())).expect("arguments"));
    });

    let json = raw(r#"{"text":"red shoes","limit":20,"score":0.25,"all":true}"#);
    let parameters = offered.parameters("search").expect("there");
    group.throughput(Throughput::Bytes(json.get().len() as u64));
    group.bench_function("search", |it| {
        it.iter(|| {
            let mut given = parameters.given(black_box(&json));
            let (text, limit) = (given.take::<String>().expect("text"), given.take::<u32>().expect("limit"));
            (text, limit, given.take::<f64>().expect("score"), given.take::<Option<bool>>().expect("all"))
        });
    });
    group.bench_function("serde_json/search", |it| {
        it.iter(|| serde_json::from_str::<Search>(black_box(json.get())).expect("arguments"));
    });
}

/// From a line to its answer; beside it the loop of the other benchmarks that knows `add` and nothing else.
fn dispatch(criterion: &mut Criterion) {
    let server = Server::new("bench").version("1.0.0").tools(tools![add]).build().expect("a server");
    let mut group = criterion.benchmark_group("dispatch");
    for (era, version) in ERAS {
        let (line, mut out) = (era.call(776), Vec::new());
        let line = line.trim_end().as_bytes();
        let mut conversation = Conversation::new(&server);
        era.preamble().lines().for_each(|line| conversation.line(line.as_bytes(), &mut out));
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(BenchmarkId::new("add", version), |it| {
            it.iter(|| {
                out.clear();
                conversation.line(black_box(line), &mut out);
                black_box(&out);
            });
        });
        assert!(out.windows(6).any(|it| it == b"\"1552\""), "{}", String::from_utf8_lossy(&out));
        group.bench_function(BenchmarkId::new("serde_json/add", version), |it| {
            it.iter(|| {
                out.clear();
                answer_bare(black_box(line), &mut out);
                black_box(&out);
            });
        });
    }
}

fn result(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("result");
    // An escape in each line, as texts have them.
    let text = "A line of some text, which is as long as lines are, and says nothing at all.\n".repeat(852);
    for (name, text) in [("add", "1552"), ("text_64KiB", &text[..64 << 10])] {
        let (result, mut out) = (CallToolResult::text(text), Vec::with_capacity(128 << 10));
        let response = Response::of_call(result.clone());
        response.write(ProtocolVersion::LATEST, &mut out);
        group.throughput(Throughput::Bytes(out.len() as u64));
        group.bench_function(name, |it| {
            it.iter(|| {
                out.clear();
                response.write(ProtocolVersion::LATEST, &mut out);
                black_box(&out);
            });
        });
        group.bench_function(BenchmarkId::new("serde_json", name), |it| {
            it.iter(|| {
                out.clear();
                serde_json::to_writer(&mut out, black_box(&result)).expect("JSON");
                black_box(&out);
            });
        });
    }
}

fn lists(criterion: &mut Criterion) {
    criterion.bench_function("schema/search", |it| it.iter_with_large_drop(|| Offered::new(tools![search])));

    let mut group = criterion.benchmark_group("lists");
    let offered = Offered::new((0..200).map(dynamic).collect::<Tools>());
    let mut out = Vec::with_capacity(256 << 10);
    Response::of_list(&offered).write(ProtocolVersion::LATEST, &mut out);
    group.throughput(Throughput::Bytes(out.len() as u64));
    // As the first client of a revision has it encoded, and as the others get it.
    group.bench_function("tools_200", |it| {
        it.iter_batched_ref(
            || Response::of_list(&offered),
            |response| {
                out.clear();
                response.write(ProtocolVersion::LATEST, &mut out);
                black_box(&out);
            },
            BatchSize::SmallInput,
        );
    });
    let response = Response::of_list(&offered);
    group.bench_function("tools_200_again", |it| {
        it.iter(|| {
            out.clear();
            response.write(ProtocolVersion::LATEST, &mut out);
            black_box(&out);
        });
    });
}

fn dynamic(number: usize) -> DynTool {
    let schema = serde_json::json!({
        "type": "object",
        "properties": {
            "text": { "type": "string", "description": "What to search for." },
            "limit": { "type": "integer", "minimum": 0, "maximum": u32::MAX, "description": "How many at most." },
            "score": { "type": "number", "description": "The least score." },
            "all": { "type": "boolean", "description": "Whether to search what is sold out, too." },
        },
        "required": ["text", "limit", "score"],
    });
    DynTool::new(format!("search_{number}"), schema, |_, _| async { "" }).description("Search the catalog.")
}

const ANSWER: &str = concat!(
    r#"{"role":"assistant","content":{"type":"text","text":"This is a fake LLM response"},"#,
    r#""model":"fake-model","stopReason":"endTurn"}"#
);

/// The parameters of so many questions to a model.
fn questions(number: usize) -> Vec<Box<RawValue>> {
    let question = |number| {
        let text = format!("Create a product description about shoes, red, number {number}");
        let content = serde_json::json!({ "type": "text", "text": text });
        let params = serde_json::json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": 100 });
        to_raw_value(&params).expect("JSON")
    };
    (0..number).map(question).collect()
}

fn state(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    let mut call = Call::new(&questions(1), &raw(ANSWER));
    let sealed = call.seal().expect("sealed");
    group.throughput(Throughput::Bytes(sealed.len() as u64));
    group.bench_function("seal", |it| it.iter(|| call.seal().expect("sealed")));
    group.bench_function("open", |it| it.iter(|| call.open(black_box(&sealed)).expect("opened")));
    let resumed = call.open(&sealed).expect("opened");
    // What a parked call does without.
    group.bench_function("again", |it| it.iter(|| Call::again(black_box(&resumed)).expect("remembered")));
}

/// One question of a call that runs again, and of whose answers there are sixteen.
fn journal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    let questions = questions(16);
    let mut call = Call::new(&questions, &raw(ANSWER));
    let sealed = call.seal().expect("sealed");
    let resumed = call.open(&sealed).expect("opened");
    let call = || (Call::again(&resumed).expect("remembered"), questions[11].clone());
    group.bench_function("lookup", |it| {
        it.iter_batched(
            call,
            |(mut call, question)| {
                assert!(call.ask(question));
                call
            },
            BatchSize::SmallInput,
        );
    });
}

fn sse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sse");
    let (message, mut out) = (ANSWER.repeat(4), Vec::with_capacity(1 << 10));
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("frame", |it| {
        it.iter(|| {
            out.clear();
            event(None, black_box(message.as_bytes()), &mut out);
            black_box(&out);
        });
    });
    group.bench_function("frame_with_id", |it| {
        it.iter(|| {
            out.clear();
            event(Some(&"12-345"), black_box(message.as_bytes()), &mut out);
            black_box(&out);
        });
    });
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}
