//! Models of providers, asked over HTTP: what they are sent, what is made of their answers, and of
//! their failures.

use std::error::Error as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mcp_runtime::client::{Client, Era};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult, ErrorObject};
use mcp_runtime::sampling::{Genai, Model, ProviderError, ProviderErrorKind, SamplingProvider as _};
use mcp_tests_providers::{Endpoint, Reply};
use serde_json::{Value, json};

const KEY: &str = "sk-7h1s-is-a-s3cret";

/// One that speaks as OpenAI does, asked without long waits.
fn openai(endpoint: &Endpoint) -> Genai {
    Genai::new()
        .model("gpt-4o-mini")
        .base_url(format!("{}/v1", endpoint.url))
        .api_key(KEY)
        .first_wait(Duration::from_millis(1))
}

fn anthropic(endpoint: &Endpoint) -> Genai {
    openai_free().base_url(format!("{}/v1/", endpoint.url)).model("anthropic::claude-sonnet-4-5")
}

fn openai_free() -> Genai {
    Genai::new().api_key(KEY).first_wait(Duration::from_millis(1))
}

fn request(params: Value) -> CreateMessageRequestParams {
    serde_json::from_value(params).expect("parameters of `sampling/createMessage`")
}

fn question() -> CreateMessageRequestParams {
    request(json!({
        "messages": [{ "role": "user", "content": { "type": "text", "text": "What is the capital of France?" } }],
        "maxTokens": 100,
    }))
}

fn written(answer: CreateMessageResult) -> Value {
    serde_json::to_value(answer).expect("JSON")
}

fn completion(message: &Value, finish_reason: &str) -> Value {
    json!({
        "id": "chatcmpl-CQ3", "object": "chat.completion", "created": 1_758_000_000, "model": "gpt-4o-mini-2024-07-18",
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason }],
        "usage": { "prompt_tokens": 14, "completion_tokens": 8, "total_tokens": 22 },
        "service_tier": "default", "system_fingerprint": "fp_560af6e559",
    })
}

fn said(text: &str) -> Reply {
    Reply::ok(&completion(&json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] }), "stop"))
}

fn message(content: &Value, stop_reason: &str) -> Reply {
    Reply::ok(&json!({
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant",
        "model": "claude-sonnet-4-5-20250929", "content": content, "stop_reason": stop_reason, "stop_sequence": null,
        "usage": { "input_tokens": 14, "output_tokens": 8 },
    }))
}

#[tokio::test]
async fn openai_is_asked_with_all_that_a_question_says() {
    let endpoint = Endpoint::start([said("Paris.")]).await;
    let question = request(json!({
        "messages": [
            { "role": "user", "content": { "type": "text", "text": "What is the capital of France?" } },
            { "role": "assistant", "content": { "type": "text", "text": "Which France?" } },
            { "role": "user", "content": [
                { "type": "text", "text": "This one." },
                { "type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png" },
                { "type": "audio", "data": "UklGRg==", "mimeType": "audio/x-wav" },
            ] },
        ],
        "systemPrompt": "Answer in one word.", "temperature": 0.5, "maxTokens": 100, "stopSequences": ["\n", "END"],
        "includeContext": "thisServer", "metadata": { "model": "expensive" },
    }));
    let answer = openai(&endpoint).create_message(question).await.expect("an answer");
    assert_eq!(
        written(answer),
        json!({
            "role": "assistant", "content": { "type": "text", "text": "Paris." },
            "model": "gpt-4o-mini-2024-07-18", "stopReason": "endTurn",
        })
    );
    let asked = endpoint.asked_once();
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.headers["content-type"], "application/json");
    assert_eq!(
        asked.body,
        json!({
            "model": "gpt-4o-mini", "stream": false,
            "messages": [
                { "role": "system", "content": "Answer in one word." },
                { "role": "user", "content": "What is the capital of France?" },
                { "role": "assistant", "content": "Which France?" },
                { "role": "user", "content": [
                    { "type": "text", "text": "This one." },
                    { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } },
                    { "type": "input_audio", "input_audio": { "data": "UklGRg==", "format": "wav" } },
                ] },
            ],
            "temperature": 0.5, "stop": ["\n", "END"], "max_tokens": 100,
        })
    );
}

#[tokio::test]
async fn anthropic_is_asked_with_all_that_a_question_says() {
    let endpoint = Endpoint::start([message(&json!([{ "type": "text", "text": "Paris." }]), "end_turn")]).await;
    let question = request(json!({
        "messages": [{ "role": "user", "content": [
            { "type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png" },
            { "type": "text", "text": "Where is this?" },
        ] }],
        "systemPrompt": "Answer in one word.", "temperature": 0.5, "maxTokens": 100, "stopSequences": ["END"],
    }));
    let answer = anthropic(&endpoint).create_message(question).await.expect("an answer");
    assert_eq!(
        written(answer),
        json!({
            "role": "assistant", "content": { "type": "text", "text": "Paris." },
            "model": "claude-sonnet-4-5-20250929", "stopReason": "endTurn",
        })
    );
    let asked = endpoint.asked_once();
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(asked.headers["x-api-key"], KEY);
    assert_eq!(asked.headers["anthropic-version"], "2023-06-01");
    assert_eq!(
        asked.body,
        json!({
            "model": "claude-sonnet-4-5", "stream": false, "system": "Answer in one word.",
            "messages": [{ "role": "user", "content": [
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" } },
                { "type": "text", "text": "Where is this?" },
            ] }],
            "temperature": 0.5, "stop_sequences": ["END"], "max_tokens": 100,
        })
    );
}

/// A question with a tool whose name no provider takes, and, once it was used, with its results.
fn weather(tool_choice: &str, used: Option<&Value>) -> CreateMessageRequestParams {
    let mut messages =
        vec![json!({ "role": "user", "content": { "type": "text", "text": "The weather in Paris and London?" } })];
    if let Some(used) = used {
        messages.push(json!({ "role": "assistant", "content": used["content"] }));
        messages.push(json!({ "role": "user", "content": [
            { "type": "tool_result", "toolUseId": "call_1", "content": [
                { "type": "text", "text": "18 °C" },
                { "type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png" },
            ] },
            { "type": "tool_result", "toolUseId": "call_2", "isError": true, "content": [
                { "type": "text", "text": "no such city" },
            ] },
        ] }));
    }
    request(json!({
        "messages": messages, "maxTokens": 100, "toolChoice": { "mode": tool_choice },
        "tools": [{
            "name": "weather/now", "description": "The weather of a city.",
            "inputSchema": { "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] },
        }],
    }))
}

fn both_used(model: &str) -> Value {
    json!({
        "role": "assistant", "model": model, "stopReason": "toolUse",
        "content": [
            { "type": "text", "text": "I look." },
            { "type": "tool_use", "id": "call_1", "name": "weather/now", "input": { "city": "Paris" } },
            { "type": "tool_use", "id": "call_2", "name": "weather/now", "input": { "city": "London" } },
        ],
    })
}

#[tokio::test]
async fn openai_uses_tools_in_parallel_and_gets_their_results() {
    let call = |id: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": "weather_now", "arguments": arguments } });
    let calls = json!([call("call_1", r#"{"city":"Paris"}"#), call("call_2", r#"{"city":"London"}"#)]);
    let uses = json!({ "role": "assistant", "content": "I look.", "tool_calls": calls });
    let endpoint = Endpoint::start([Reply::ok(&completion(&uses, "tool_calls")), said("Mild.")]).await;
    let provider = openai(&endpoint);
    assert!(provider.supports_tools());

    let used = written(provider.create_message(weather("required", None)).await.expect("an answer"));
    assert_eq!(used, both_used("gpt-4o-mini-2024-07-18"));
    let answer = provider.create_message(weather("none", Some(&used))).await.expect("an answer");
    assert_eq!(written(answer)["content"]["text"], "Mild.");

    let [first, second] = &endpoint.asked()[..] else { panic!("two requests") };
    assert_eq!(first.body["tool_choice"], "required");
    assert_eq!(
        first.body["tools"],
        json!([{ "type": "function", "function": {
            "name": "weather_now", "description": "The weather of a city.", "strict": false,
            "parameters": { "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] },
        } }])
    );
    assert_eq!(second.body["tool_choice"], "none");
    assert_eq!(
        second.body["messages"],
        json!([
            { "role": "user", "content": "The weather in Paris and London?" },
            { "role": "assistant", "content": "I look.", "tool_calls": [
                call("call_1", r#"{"city":"Paris"}"#), call("call_2", r#"{"city":"London"}"#),
            ] },
            { "role": "tool", "tool_call_id": "call_1", "content": "18 °C" },
            { "role": "tool", "tool_call_id": "call_2", "content": "The tool failed: no such city" },
            { "role": "user", "content": [
                { "type": "text", "text": "What the tools returned besides text:" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } },
            ] },
        ])
    );
}

#[tokio::test]
async fn anthropic_uses_tools_in_parallel_and_gets_their_results() {
    let content = json!([
        { "type": "text", "text": "I look." },
        { "type": "tool_use", "id": "call_1", "name": "weather_now", "input": { "city": "Paris" } },
        { "type": "tool_use", "id": "call_2", "name": "weather_now", "input": { "city": "London" } },
    ]);
    let mild = message(&json!([{ "type": "text", "text": "Mild." }]), "end_turn");
    let endpoint = Endpoint::start([message(&content, "tool_use"), mild]).await;
    let provider = anthropic(&endpoint);
    let used = written(provider.create_message(weather("required", None)).await.expect("an answer"));
    assert_eq!(used, both_used("claude-sonnet-4-5-20250929"));
    provider.create_message(weather("auto", Some(&used))).await.expect("an answer");

    let [first, second] = &endpoint.asked()[..] else { panic!("two requests") };
    assert_eq!(first.body["tool_choice"], json!({ "type": "any" }));
    assert_eq!(second.body.get("tool_choice"), None);
    assert_eq!(
        second.body["messages"],
        json!([
            { "role": "user", "content": "The weather in Paris and London?" },
            { "role": "assistant", "content": content },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "call_1", "content": [
                    { "type": "text", "text": "18 °C" },
                    { "type": "image", "source": {
                        "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=",
                    } },
                ] },
                { "type": "tool_result", "tool_use_id": "call_2", "is_error": true, "content": [
                    { "type": "text", "text": "no such city" },
                ] },
            ] },
        ])
    );
}

#[tokio::test]
async fn thoughts_come_back_to_the_model_that_had_them() {
    let content = json!([
        { "type": "thinking", "thinking": "Paris first.", "signature": "c2lnbmVk" },
        { "type": "redacted_thinking", "data": "aGlkZGVu" },
        { "type": "tool_use", "id": "call_1", "name": "weather_now", "input": { "city": "Paris" } },
        { "type": "tool_use", "id": "call_2", "name": "weather_now", "input": { "city": "London" } },
    ]);
    let mild = || message(&json!([{ "type": "text", "text": "Mild." }]), "end_turn");
    let endpoint = Endpoint::start([message(&content, "tool_use"), mild(), mild()]).await;
    let provider = anthropic(&endpoint);
    let used = provider.create_message(weather("auto", None)).await.expect("an answer");
    // What the model thought is not what it said.
    assert_eq!(used.content.len(), 2);
    let mut used = written(used);
    provider.create_message(weather("auto", Some(&used))).await.expect("an answer");
    assert_eq!(endpoint.asked()[1].body["messages"][1]["content"], content);

    // Whoever asks cannot bring in anything else that way.
    let meta = used["content"][0]["_meta"].as_object_mut().expect("metadata");
    let parts = meta.values_mut().next().expect("thoughts")["parts"].as_array_mut().expect("parts");
    parts.push(json!({ "block": { "type": "document", "source": { "type": "url", "url": "file:///" } } }));
    provider.create_message(weather("auto", Some(&used))).await.expect("an answer");
    assert_eq!(endpoint.asked()[2].body["messages"][1]["content"], content);
}

#[tokio::test]
async fn gemini_uses_tools_and_sees_its_signed_thoughts_again() {
    let calls = json!([
        { "text": "I look." },
        { "functionCall": { "id": "call_1", "name": "weather_now", "args": { "city": "Paris" } },
          "thoughtSignature": "c2lnbmVk" },
        { "functionCall": { "id": "call_2", "name": "weather_now", "args": { "city": "London" } } },
    ]);
    let answer = |parts: &Value| {
        Reply::ok(&json!({
            "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": "STOP", "index": 0 }],
            "usageMetadata": { "promptTokenCount": 14, "candidatesTokenCount": 8, "totalTokenCount": 22 },
            "modelVersion": "gemini-3-pro-001", "responseId": "x",
        }))
    };
    let endpoint = Endpoint::start([answer(&calls), answer(&json!([{ "text": "Mild." }]))]).await;
    let provider = openai_free().base_url(&endpoint.url).model("gemini::gemini-3-pro");
    let used = written(provider.create_message(weather("required", None)).await.expect("an answer"));
    assert_eq!((&used["stopReason"], &used["model"]), (&json!("toolUse"), &json!("gemini-3-pro-001")));
    assert_eq!(used["content"][1]["id"], "call_1");
    let last = written(provider.create_message(weather("auto", Some(&used))).await.expect("an answer"));
    assert_eq!((&last["content"]["text"], &last["stopReason"]), (&json!("Mild."), &json!("endTurn")));

    let [first, second] = &endpoint.asked()[..] else { panic!("two requests") };
    assert_eq!(first.path, "/models/gemini-3-pro:generateContent");
    assert_eq!(first.headers["x-goog-api-key"], KEY);
    assert_eq!(first.body["toolConfig"]["functionCallingConfig"]["mode"], "ANY");
    assert_eq!(first.body["generationConfig"]["maxOutputTokens"], 100);
    let contents = &second.body["contents"];
    assert_eq!(contents[1]["parts"][1]["thoughtSignature"], "c2lnbmVk", "{contents:#}");
    assert_eq!(contents[1]["parts"][2]["functionCall"]["args"], json!({ "city": "London" }));
    assert_eq!(contents[2]["parts"][0]["functionResponse"]["name"], "weather_now");
    assert_eq!(contents[2]["parts"].as_array().map(Vec::len), Some(2));
    assert_eq!(contents[3]["parts"][1]["inline_data"]["data"], "iVBORw0KGgo=");
}

#[tokio::test]
async fn openai_responses_use_tools_and_get_their_results() {
    let call = |id: &str, city: &str| {
        let arguments = json!({ "city": city }).to_string();
        json!({
            "type": "function_call", "id": format!("fc_{id}"), "status": "completed",
            "call_id": id, "name": "weather_now", "arguments": arguments,
        })
    };
    let answer = |output: &Value| {
        Reply::ok(&json!({
            "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5-2025-08-07", "output": output,
            "usage": { "input_tokens": 14, "output_tokens": 8, "total_tokens": 22 },
        }))
    };
    let says = |text: &str| {
        json!({ "type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
            { "type": "output_text", "annotations": [], "text": text },
        ] })
    };
    let endpoint = Endpoint::start([
        answer(&json!([says("I look."), call("call_1", "Paris"), call("call_2", "London")])),
        answer(&json!([says("Mild.")])),
    ])
    .await;
    let provider = openai_free().base_url(&endpoint.url).model("openai_resp::gpt-5");
    let used = written(provider.create_message(weather("required", None)).await.expect("an answer"));
    assert_eq!(used, both_used("gpt-5-2025-08-07"));
    let last = written(provider.create_message(weather("none", Some(&used))).await.expect("an answer"));
    assert_eq!((&last["content"]["text"], &last["stopReason"]), (&json!("Mild."), &json!("endTurn")));

    let [first, second] = &endpoint.asked()[..] else { panic!("two requests") };
    assert_eq!(first.path, "/responses");
    assert_eq!(first.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!((&first.body["tool_choice"], &first.body["max_output_tokens"]), (&json!("required"), &json!(100)));
    let input = second.body["input"].as_array().expect("input");
    let kinds: Vec<_> = input.iter().filter_map(|item| item["type"].as_str().or(item["role"].as_str())).collect();
    assert_eq!(
        kinds,
        ["user", "message", "function_call", "function_call", "function_call_output", "function_call_output", "user"],
        "{input:#?}"
    );
    assert_eq!(input[5]["output"], "The tool failed: no such city");
    assert_eq!(input[6]["content"][1]["image_url"], "data:image/png;base64,iVBORw0KGgo=");
}

#[tokio::test]
async fn why_a_model_stopped_is_said_in_the_words_of_the_specification() {
    let text = json!([{ "type": "text", "text": "Pa" }]);
    for (theirs, ours) in [
        ("end_turn", "endTurn"),
        ("stop_sequence", "stopSequence"),
        ("max_tokens", "maxTokens"),
        ("refusal", "refusal"),
        ("pause_turn", "pause_turn"),
    ] {
        let endpoint = Endpoint::start([message(&text, theirs)]).await;
        let answer = anthropic(&endpoint).create_message(question()).await.expect("an answer");
        assert_eq!(answer.stop_reason.as_deref(), Some(ours));
    }
    for (theirs, ours) in [("stop", "endTurn"), ("length", "maxTokens"), ("content_filter", "content_filter")] {
        let endpoint =
            Endpoint::start([Reply::ok(&completion(&json!({ "role": "assistant", "content": "Pa" }), theirs))]).await;
        let answer = openai(&endpoint).create_message(question()).await.expect("an answer");
        assert_eq!(answer.stop_reason.as_deref(), Some(ours));
    }
    // A model that asks for tools has not ended its turn, whatever its provider says.
    let call =
        json!([{ "id": "call_1", "type": "function", "function": { "name": "weather_now", "arguments": "{}" } }]);
    let uses = json!({ "role": "assistant", "content": null, "tool_calls": call });
    let endpoint = Endpoint::start([Reply::ok(&completion(&uses, "stop"))]).await;
    let answer = openai(&endpoint).create_message(weather("auto", None)).await.expect("an answer");
    assert_eq!(answer.stop_reason.as_deref(), Some("toolUse"));
}

async fn failure(reply: Reply) -> ProviderError {
    let endpoint = Endpoint::start([reply]).await;
    openai(&endpoint).retries(0).create_message(question()).await.expect_err("a failure")
}

fn openai_error(code: &str) -> Value {
    json!({ "error": { "message": "Something about gpt-4o-mini.", "type": "invalid_request_error", "code": code } })
}

#[tokio::test]
async fn failures_are_told_apart() {
    use ProviderErrorKind::{
        ContentPolicy, InvalidAnswer, InvalidRequest, NotConfigured, RateLimited, TimedOut, Unauthorized, Unavailable,
        UnknownModel,
    };
    for (status, code, kind) in [
        (307, "", NotConfigured),
        (400, "", InvalidRequest),
        (400, "context_length_exceeded", InvalidRequest),
        (400, "content_filter", ContentPolicy),
        (401, "invalid_api_key", Unauthorized),
        (402, "", RateLimited),
        (403, "", Unauthorized),
        (404, "model_not_found", UnknownModel),
        (408, "", TimedOut),
        (413, "", InvalidRequest),
        (429, "rate_limit_exceeded", RateLimited),
        (429, "insufficient_quota", RateLimited),
        (500, "", Unavailable),
        (503, "", Unavailable),
        (529, "", Unavailable),
    ] {
        let error = failure(Reply::status(status, &openai_error(code))).await;
        assert_eq!(error.kind(), kind, "{status} {code}");
        // What the provider wrote is for the log.
        assert!(!error.to_string().contains("Something"), "{error}");
        let source = error.source().expect("a source").to_string();
        assert!(source.contains(&format!("status {status}")) && source.contains("Something"), "{source}");
    }
    let filtered = completion(&json!({ "role": "assistant", "content": null }), "content_filter");
    assert_eq!(failure(Reply::ok(&filtered)).await.kind(), ContentPolicy);
    assert_eq!(
        failure(Reply::status(404, &Value::Null)).await.to_string(),
        "the provider does not have the model `gpt-4o-mini`"
    );

    for broken in [
        Reply::Answer(200, Vec::new(), "{\"choices\": [".to_owned()),
        Reply::ok(&json!("hello")),
        Reply::ok(&json!({})),
        Reply::ok(&json!({ "choices": [] })),
        said(""),
        Reply::Answer(200, Vec::new(), "<html>".to_owned()).header("content-type", "text/html"),
        Reply::ok(&completion(&json!({ "role": "assistant", "tool_calls": "weather" }), "tool_calls")),
        Reply::ok(&completion(
            &json!({ "role": "assistant", "tool_calls": [
                { "id": "1", "type": "function", "function": { "name": "weather", "arguments": "[1, 2]" } },
            ] }),
            "tool_calls",
        )),
    ] {
        assert_eq!(failure(broken.clone()).await.kind(), InvalidAnswer, "{broken:?}");
    }
    let cut = completion(&json!({ "role": "assistant", "content": "" }), "length");
    assert_eq!(
        failure(Reply::ok(&cut)).await.to_string(),
        "the model used up all tokens before it said anything; allow more of them with `maxTokens`"
    );

    for lost in [Reply::Drop, Reply::Break] {
        assert_eq!(failure(lost.clone()).await.kind(), Unavailable, "{lost:?}");
    }
    let nobody = Genai::new().model("gpt-4o-mini").base_url("http://127.0.0.1:1/v1").retries(0);
    assert_eq!(nobody.create_message(question()).await.expect_err("nobody").kind(), Unavailable);
    let nonsense = Genai::new().model("gpt-4o-mini").base_url("not a URL").retries(0);
    assert_eq!(nonsense.create_message(question()).await.expect_err("nonsense").kind(), NotConfigured);
}

#[tokio::test]
async fn an_answer_that_begins_with_a_stop_sequence_is_empty_and_right() {
    let endpoint = Endpoint::start([message(&json!([]), "stop_sequence")]).await;
    let answer = anthropic(&endpoint).create_message(question()).await.expect("an answer");
    assert_eq!(written(answer)["content"], json!({ "type": "text", "text": "" }));
}

#[tokio::test]
async fn answers_that_are_too_large_are_refused() {
    let endpoint = Endpoint::start([said(&"x".repeat(1000)), said(&"x".repeat(1001))]).await;
    let provider = openai(&endpoint).max_answer_bytes(1000);
    provider.create_message(question()).await.expect("an answer");
    let error = provider.create_message(question()).await.expect_err("too much");
    assert_eq!(error.kind(), ProviderErrorKind::InvalidAnswer);
    assert_eq!(error.to_string(), "the model's answer has 1001 bytes; at most 1000 are taken");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let busy = |status| Reply::status(status, &Value::Null);
    let endpoint = Endpoint::start([
        busy(429).header("retry-after", "0"),
        busy(500),
        busy(529).header("retry-after-ms", "2"),
        Reply::Drop,
        Reply::Break,
        busy(503).header("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"),
        busy(400).header("x-should-retry", "true"),
        said("Paris."),
    ])
    .await;
    openai(&endpoint).retries(7).create_message(question()).await.expect("an answer in the end");
    assert_eq!(endpoint.asked().len(), 8);

    // As often as it is allowed.
    let endpoint = Endpoint::start([busy(500), busy(500), busy(502)]).await;
    let error = openai(&endpoint).retries(2).create_message(question()).await.expect_err("a failure");
    assert_eq!(error.kind(), ProviderErrorKind::Unavailable);
    assert!(error.source().expect("a source").to_string().contains("502"));
    assert_eq!(endpoint.asked().len(), 3);

    // What will not pass is not.
    for lasting in [
        busy(400),
        busy(401),
        busy(404),
        Reply::status(429, &openai_error("insufficient_quota")),
        busy(500).header("x-should-retry", "false"),
    ] {
        let endpoint = Endpoint::start([lasting]).await;
        openai(&endpoint).create_message(question()).await.expect_err("a failure");
        endpoint.asked_once();
    }
}

#[tokio::test]
async fn a_provider_that_names_a_time_is_left_alone_for_it() {
    let busy = Reply::status(429, &Value::Null);
    let endpoint = Endpoint::start([busy.clone().header("retry-after", "0.3"), said("Paris.")]).await;
    let start = Instant::now();
    openai(&endpoint).create_message(question()).await.expect("an answer");
    assert!(start.elapsed() >= Duration::from_millis(300));

    // Nobody waits for minutes; whoever asked learns when to come back.
    for time in ["90".to_owned(), httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(90))] {
        let endpoint = Endpoint::start([busy.clone().header("retry-after", time)]).await;
        let error = openai(&endpoint).create_message(question()).await.expect_err("a failure");
        let delay = error.retry_delay().expect("a time");
        assert!(delay > Duration::from_secs(80) && delay <= Duration::from_secs(90), "{delay:?}");
        assert!(error.to_string().starts_with("the model is asked too often; try again in 1m "), "{error}");
        endpoint.asked_once();
    }
}

#[tokio::test]
async fn a_model_that_does_not_answer_is_left() {
    let mut endpoint = Endpoint::start([Reply::Hang]).await;
    let provider = openai(&endpoint).timeout(Duration::from_millis(50));
    let error = provider.create_message(question()).await.expect_err("no answer");
    assert_eq!(error.kind(), ProviderErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the model did not answer in 50ms");
    endpoint.left.recv().await.expect("the request has ended");
    endpoint.asked_once();
}

#[tokio::test]
async fn a_question_that_is_dropped_ends_the_request() {
    let mut endpoint = Endpoint::start([Reply::Hang]).await;
    let provider = Arc::new(openai(&endpoint));
    let asking = tokio::spawn(async move { provider.create_message(question()).await });
    while endpoint.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    asking.abort();
    endpoint.left.recv().await.expect("the request has ended");
}

#[tokio::test]
async fn preferences_choose_the_model() {
    let endpoint = Endpoint::start((0..3).map(|_| said("Paris."))).await;
    let provider = openai_free()
        .base_url(&endpoint.url)
        .models([Model::new("large").cost(0.9).intelligence(0.9), Model::new("small").cost(0.1).intelligence(0.3)]);
    for (preferences, model) in [
        (json!({}), "large"),
        (json!({ "hints": [{ "name": "unknown" }, { "name": "Sma" }] }), "small"),
        (json!({ "costPriority": 0.9, "intelligencePriority": 0.5 }), "small"),
    ] {
        let mut question = question();
        question.model_preferences = serde_json::from_value(preferences).expect("preferences");
        provider.create_message(question).await.expect("an answer");
        assert_eq!(endpoint.asked().last().expect("a request").body["model"], model);
    }
}

#[tokio::test]
async fn keys_go_where_they_belong() {
    // Nobody is sent a key from the environment that is not theirs, nor one at all if none was given.
    let endpoint = Endpoint::start([said("Paris."), said("Paris."), said("Paris.")]).await;
    let url = format!("{}/v1", endpoint.url);
    Genai::new().model("m").base_url(&url).create_message(question()).await.expect("an answer");
    assert_eq!(endpoint.asked_once().headers.get("authorization"), None);
    assert_eq!(endpoint.asked_once().path, "/v1/chat/completions");

    let provider = Genai::new().model("m").base_url(&url).api_key_env("CARGO_PKG_NAME");
    provider.create_message(question()).await.expect("an answer");
    assert_eq!(endpoint.asked()[1].headers["authorization"], "Bearer mcp-tests-providers");
    let missing = Genai::new().model("m").base_url(&url).api_key_env("MCP_TESTS_HAS_NO_SUCH_VARIABLE");
    let error = missing.create_message(question()).await.expect_err("no key");
    assert_eq!(error.kind(), ProviderErrorKind::NotConfigured);
    let source = error.source().expect("a source").to_string();
    assert_eq!(source, "the environment variable `MCP_TESTS_HAS_NO_SUCH_VARIABLE` is not set");

    // A model's own key counts.
    let provider = Genai::new().api_key("shared").model(Model::new("m").base_url(&url).api_key(KEY));
    provider.create_message(question()).await.expect("an answer");
    assert_eq!(endpoint.asked()[2].headers["authorization"], format!("Bearer {KEY}"));

    // One key for several providers would be shown to the wrong one.
    let provider = Genai::new().api_key(KEY).models(["gpt-4o-mini", "claude-sonnet-4-5"]);
    let error = provider.create_message(question()).await.expect_err("two providers");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ProviderErrorKind::NotConfigured, "no model is configured")
    );
    assert!(error.source().expect("a source").to_string().contains("give each model its own"));
    let error = Genai::new().create_message(question()).await.expect_err("no model");
    assert_eq!(error.kind(), ProviderErrorKind::NotConfigured);
}

#[tokio::test]
async fn what_a_model_cannot_be_given_is_not_left_out() {
    let with = |block: Value| request(json!({ "messages": [{ "role": "user", "content": block }], "maxTokens": 1 }));
    let sound = || with(json!({ "type": "audio", "data": "UklGRg==", "mimeType": "audio/wav" }));
    let endpoint = Endpoint::start([]).await;
    let error = anthropic(&endpoint).create_message(sound()).await.expect_err("no ears");
    assert_eq!(
        (error.kind(), error.to_string()),
        (ProviderErrorKind::Unsupported, "the model cannot be given sound".to_owned(),)
    );
    let ollama = Genai::new().model("ollama::gemma3").base_url(&endpoint.url);
    let error = ollama.create_message(weather("required", None)).await.expect_err("no choice");
    assert_eq!(error.to_string(), "the model cannot be given tools that it must use");
    let error = openai(&endpoint).create_message(weather("always", None)).await.expect_err("no such mode");
    assert_eq!(error.to_string(), "`toolChoice.mode` is `always`; it must be `auto`, `required` or `none`");
    assert!(endpoint.asked().is_empty());
}

#[tokio::test]
async fn ollama_is_asked_in_its_own_way() {
    let answer = json!({
        "model": "gemma3", "created_at": "2026-08-01T00:00:00Z", "done": true, "done_reason": "stop",
        "message": { "role": "assistant", "content": "Mild." }, "prompt_eval_count": 14, "eval_count": 8,
    });
    let endpoint = Endpoint::start([Reply::ok(&answer)]).await;
    let provider = Genai::new().model("ollama::gemma3").base_url(&endpoint.url);
    // Tools that must not be used are not mentioned where that cannot be said.
    let used = both_used("gemma3");
    let answer = provider.create_message(weather("none", Some(&used))).await.expect("an answer");
    assert_eq!(answer.model, "gemma3");
    let asked = endpoint.asked_once();
    assert_eq!((asked.path.as_str(), asked.headers.get("authorization")), ("/api/chat", None));
    assert_eq!(asked.body.get("tools"), None);
    assert_eq!(asked.body["options"]["num_predict"], 100);
    let roles: Vec<_> = asked.body["messages"].as_array().expect("messages").iter().map(|it| &it["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "user"]);
    assert_eq!(asked.body["messages"][4]["images"], json!(["iVBORw0KGgo="]));
}

/// Let the model greet.
#[tool]
async fn greet(name: String, ctx: Context) -> Result<String> {
    Ok(ctx.sample(format!("Greet {name}")).max_tokens(20).await?.text()?.to_owned())
}

#[tokio::test]
async fn a_client_answers_its_servers_with_a_model() {
    for era in [Era::Legacy, Era::Modern] {
        let endpoint = Endpoint::start([said("Hello, Ada!"), Reply::status(401, &openai_error(KEY))]).await;
        let server = Server::new("greeter").tools(tools![greet]);
        let client = Client::in_memory(server).era(era).on_sampling(openai(&endpoint)).connect().await;
        let client = client.expect("a connection");
        assert_eq!(client.call::<String>("greet", [("name", "Ada")]).await.expect("a greeting"), "Hello, Ada!");
        let asked = endpoint.asked_once().body;
        assert_eq!((&asked["messages"][0]["content"], &asked["max_tokens"]), (&json!("Greet Ada"), &json!(20)));
        // Whoever asked learns what is wrong, and nothing that is none of their business.
        let told = match client.call_tool("greet", [("name", "Ada")]).await {
            Ok(result) => result.joined_text(),
            Err(error) => error.peer_error().expect("the refusal").to_string(),
        };
        assert!(told.contains("the provider of the model did not accept the credentials (-32603)"), "{told}");
        assert!(!told.contains(KEY) && !told.contains("Something"), "{told}");
    }
}

#[tokio::test]
async fn a_server_brings_a_model_of_its_own() {
    for era in [Era::Legacy, Era::Modern] {
        let endpoint = Endpoint::start([said("Hello, Ada!")]).await;
        let server = Server::new("greeter").tools(tools![greet]).sampling_fallback(openai(&endpoint));
        // This client has no model.
        let client = Client::in_memory(server).era(era).connect().await.expect("a connection");
        assert_eq!(client.call::<String>("greet", [("name", "Ada")]).await.expect("a greeting"), "Hello, Ada!");
        endpoint.asked_once();
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_told() {
    const PASSWORD: &str = "p4ssw0rd-in-the-url";
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());

    let mut told = Vec::new();
    let echoed = json!({ "error": { "message": format!("Not a key: {KEY}, {PASSWORD}"), "code": KEY } });
    // So that a cut falls into the key.
    let long = |padding: usize| json!({ "error": { "message": format!("{}{KEY}", "x".repeat(padding)) } });
    let mut replies = vec![
        Reply::status(401, &echoed),
        Reply::status(500, &echoed),
        Reply::Answer(200, Vec::new(), format!("{KEY} {{")),
        Reply::Answer(200, Vec::new(), KEY.to_owned()).header("content-type", "text/plain"),
        Reply::Drop,
        Reply::Break,
        Reply::Hang,
    ];
    replies.extend((440..500).map(|padding| Reply::status(400, &long(padding))));
    let times = replies.len();
    let endpoint = Endpoint::start(replies).await;
    let url = format!("{}/v1?key={PASSWORD}", endpoint.url.replace("://", &format!("://user:{PASSWORD}@")));
    let provider = openai(&endpoint).base_url(url).retries(0).timeout(Duration::from_millis(200));
    told.push(format!("{provider:?}"));
    for _ in 0..times {
        let error = provider.create_message(question()).await.expect_err("a failure");
        told.push(format!("{error} {error:?} {:?}", error.source().map(ToString::to_string)));
        told.push(serde_json::to_string(&ErrorObject::from(error)).expect("JSON"));
    }
    let asked = endpoint.asked();
    assert_eq!((asked.len(), asked[0].path.as_str()), (times, format!("/v1/chat/completions?key={PASSWORD}").as_str()));
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {KEY}"));
    let nobody = Genai::new().model("m").base_url(format!("http://user:{PASSWORD}@127.0.0.1:1/?key={PASSWORD}"));
    told.push(format!("{nobody:?}"));
    let error = nobody.retries(1).first_wait(Duration::ZERO).create_message(question()).await.expect_err("nobody");
    told.push(format!("{error} {error:?}"));

    told.push(String::from_utf8_lossy(&log.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned());
    let told = told.join("\n");
    assert!(told.contains("127.0.0.1"), "something was told");
    for secret in [KEY, PASSWORD, &KEY[..12]] {
        let at = told.find(secret);
        assert_eq!(at, None, "…{}…", &told[at.unwrap_or(0).saturating_sub(100)..][..200]);
    }
}
