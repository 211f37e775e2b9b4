//! Messages of every type that the specification's revision 2026-07-28 has examples of, each read as it is read in
//! production, and written as it is written there: then it says the same.
//!
//! They are in `tests/spec` of the repository, in a folder for each type. If the variable `MCP_SPEC_EXAMPLES` names
//! the directory of the specification's own examples (`schema/2026-07-28/examples` in its repository), those are read
//! and written, too.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;

use super::*;
use crate::codec::{Incoming, parse};
use crate::protocol::{
    CancelledNotificationParams, ClientCapabilities, CompleteResult, ContentBlock, CreateMessageRequestParams,
    CreateMessageResult, ElicitRequestParams, ElicitResult, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListRootsResult, ListToolsResult, LoggingMessageNotificationParams, Members, ModelPreferences,
    Params, ProgressNotificationParams, ReceivedInputRequest, ReceivedInputRequired, Resource, ResourceContents, Root,
    SamplingContent, SamplingMessage, Tool, text,
};

const REVISION: ProtocolVersion = ProtocolVersion::V2026_07_28;

#[test]
fn messages_of_every_type_are_read_and_written_the_same() {
    let (types, messages) = check_all(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/spec")));
    assert_eq!(types, 88, "{messages} messages");
}

#[test]
fn the_examples_of_the_specification_are_read_and_written_the_same() {
    let Some(examples) = std::env::var_os("MCP_SPEC_EXAMPLES") else { return };
    let (types, messages) = check_all(&PathBuf::from(examples));
    assert_eq!((types, messages), (88, 129));
}

/// How many types a directory has, and how many messages of them.
fn check_all(directory: &Path) -> (usize, usize) {
    let read = |directory: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let (mut types, mut messages, mut wrong) = (0, 0, Vec::new());
    for folder in read(directory) {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
        // There are the schemas.
        if name == "schema" {
            continue;
        }
        types += 1;
        for file in read(&folder) {
            let example: Value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
            let written = said_again(name, &example);
            let (written, example) = (plain(without_defaults(written, &example)), plain(example));
            if written != example {
                wrong.push(format!("{}: {written} instead of {example}", file.display()));
            }
            messages += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    (types, messages)
}

/// What is written of what was read.
fn said_again(name: &str, example: &Value) -> Value {
    match name {
        "CallToolRequestParams" => params(Method::ToolsCall, example),
        "CompleteRequestParams" => params(Method::CompletionComplete, example),
        "GetPromptRequestParams" => params(Method::PromptsGet, example),
        "PaginatedRequestParams" => params(Method::ToolsList, example),
        "CreateMessageRequest" | "ElicitRequest" | "ListRootsRequest" => input_request(example),
        request if request.ends_with("Request") => message(example),
        "ResourceUpdatedNotificationParams" => {
            let mut updated = json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated" });
            updated["params"] = example.clone();
            message(&updated)["params"].take()
        }
        notification if notification.ends_with("Notification") => message(example),
        "InputRequests" => {
            let asked = json!({ "resultType": "input_required", "inputRequests": example });
            result("InputRequiredResult", &asked)["inputRequests"].take()
        }
        "InputResponses" => input_responses(example),
        "ParseError" | "InvalidParamsError" | "MethodNotFoundError" | "InternalError" => typed::<ErrorObject>(example),
        error if error.ends_with("Error") => message(example),
        "CallToolResultResponse"
        | "CompleteResultResponse"
        | "DiscoverResultResponse"
        | "GetPromptResultResponse"
        | "ListPromptsResultResponse"
        | "ListResourceTemplatesResultResponse"
        | "ListResourcesResultResponse"
        | "ListToolsResultResponse"
        | "ReadResourceResultResponse"
        | "SubscriptionsListenResultResponse" => response(name.trim_end_matches("Response"), example),
        "CreateMessageResult" => typed::<CreateMessageResult>(example),
        "ElicitResult" => typed::<ElicitResult>(example),
        "ListRootsResult" => typed::<ListRootsResult>(example),
        name if name.ends_with("Result") => result(name, example),
        "CancelledNotificationParams" => typed::<CancelledNotificationParams>(example),
        "LoggingMessageNotificationParams" => typed::<LoggingMessageNotificationParams>(example),
        "ProgressNotificationParams" => typed::<ProgressNotificationParams>(example),
        "CreateMessageRequestParams" => question(Method::SamplingCreateMessage, example),
        "ElicitRequestFormParams" | "ElicitRequestURLParams" => question(Method::ElicitationCreate, example),
        // The field of a form.
        field if field.ends_with("Schema") => {
            let form = json!({ "type": "object", "properties": { "field": example } });
            let asked = json!({ "mode": "form", "message": "?", "requestedSchema": form });
            question(Method::ElicitationCreate, &asked)["requestedSchema"]["properties"]["field"].take()
        }
        "ClientCapabilities" => typed::<ClientCapabilities>(example),
        "ServerCapabilities" => typed::<ServerCapabilities>(example),
        "ModelPreferences" => typed::<ModelPreferences>(example),
        "SamplingMessage" => typed::<SamplingMessage>(example),
        "Resource" => typed::<Resource>(example),
        "Root" => typed::<Root>(example),
        "Tool" => typed::<Tool>(example),
        "TextResourceContents" | "BlobResourceContents" => typed::<ResourceContents>(example),
        "TextContent" | "ImageContent" | "AudioContent" | "EmbeddedResource" | "ResourceLink" => {
            typed::<ContentBlock>(example)
        }
        "ToolUseContent" | "ToolResultContent" => typed::<SamplingContent>(example),
        other => panic!("`{other}` is a type of which nothing is known here"),
    }
}

fn read<T: DeserializeOwned>(json: &Value) -> T {
    serde_json::from_str(&json.to_string()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice(&out).expect("JSON")
}

fn typed<T: DeserializeOwned + Serialize>(example: &Value) -> Value {
    json!(read::<T>(example))
}

/// A whole message.
fn message(example: &Value) -> Value {
    let line = example.to_string();
    match parse(line.as_bytes()).unwrap_or_else(|malformed| panic!("{}: {example}", malformed.error)) {
        Incoming::Request { id, method, params } => {
            let method = Method::from_name(&method).expect("a method").as_str();
            json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": members(&params.expect("parameters")) })
        }
        Incoming::Notification { method, params } => {
            notification(Method::from_name(&method).expect("a notification"), params.as_ref())
        }
        Incoming::Response { id, answer: Err(error) } => written(|out| error_response(out, Some(&id), &error)),
        other => panic!("{other:?}"),
    }
}

fn params(method: Method, example: &Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method.as_str(), "params": example });
    message(&request)["params"].take()
}

/// The parameters of a request, as dispatch takes them apart and the client puts them together.
fn members(params: &Params<'_>) -> Value {
    let mut all = Map::new();
    if let Some(meta) = params.meta() {
        assert_eq!(meta.text(keys::PROTOCOL_VERSION).expect("a version"), REVISION.as_str());
        let info = meta.get(keys::CLIENT_INFO).map(|raw| serde_json::from_str(raw.get()).expect("an implementation"));
        let capabilities = meta.get(keys::CLIENT_CAPABILITIES).expect("capabilities");
        let capabilities = serde_json::from_str(capabilities.get()).expect("capabilities");
        let mut said = request_meta(&info.clone().unwrap_or_default(), &capabilities);
        if info.is_none() {
            said.remove(keys::CLIENT_INFO);
        }
        for (key, value) in meta.iter().filter(|(key, _)| !key.contains("/") || *key == keys::LOG_LEVEL) {
            let value: Value = serde_json::from_str(value.get()).expect("JSON");
            said.insert(key.to_owned(), if key == keys::PROGRESS_TOKEN { typed::<RequestId>(&value) } else { value });
        }
        all.insert("_meta".to_owned(), Value::Object(said));
    }
    if let Some(responses) = params.input_responses().expect("an object") {
        let value = serde_json::from_str(responses.whole().get()).expect("JSON");
        all.insert("inputResponses".to_owned(), input_responses(&value));
    }
    for (name, raw) in params.iter() {
        let value: Value = serde_json::from_str(raw.get()).expect("JSON");
        let value = match name {
            "name" | "uri" | "cursor" | "requestState" => json!(text(raw).expect("a text")),
            "arguments" => serde_json::from_str(Members::of(raw).whole().get()).expect("JSON"),
            "notifications" => typed::<SubscriptionFilter>(&value),
            _ => value,
        };
        all.insert(name.to_owned(), value);
    }
    Value::Object(all)
}

fn notification(method: Method, params: Option<&Params<'_>>) -> Value {
    let subscription =
        params.and_then(Params::meta).and_then(|meta| meta.get(keys::SUBSCRIPTION_ID)).map(|raw| raw.get().to_owned());
    let subscription: Option<RequestId> = subscription.map(|raw| serde_json::from_str(&raw).expect("an id"));
    let encoder = encoder(None);
    let tell = |notification| written(|out| encoder.notification(out, REVISION, &notification));
    let change = |change| written(|out| encoder.change(out, subscription.as_ref(), &change));
    let params = || params.expect("parameters");
    match method {
        Method::NotificationsProgress => tell(ServerNotification::Progress(params().decode().expect("progress"))),
        Method::NotificationsMessage => tell(ServerNotification::Message(params().decode().expect("a message"))),
        Method::NotificationsCancelled => {
            let cancelled: CancelledNotificationParams = params().decode().expect("an id");
            json!({ "jsonrpc": "2.0", "method": method.as_str(), "params": cancelled })
        }
        Method::NotificationsToolsListChanged => change(Change::List(ListKind::Tools)),
        Method::NotificationsPromptsListChanged => change(Change::List(ListKind::Prompts)),
        Method::NotificationsResourcesListChanged => change(Change::List(ListKind::Resources)),
        Method::NotificationsResourcesUpdated => {
            change(Change::Resource(params().text("uri").expect("a URI").into_owned().into()))
        }
        Method::NotificationsSubscriptionsAcknowledged => {
            let filter = params().get("notifications").expect("a filter");
            let filter = serde_json::from_str(filter.get()).expect("a filter");
            written(|out| encoder.acknowledged(out, &subscription.expect("a subscription"), &filter))
        }
        other => panic!("{other:?}"),
    }
}

/// A server of this name.
fn encoder(info: Option<Implementation>) -> Encoder {
    Encoder::new(info.unwrap_or_default(), DiscoverResult::default(), Keep::default())
}

fn response(name: &str, example: &Value) -> Value {
    let line = example.to_string();
    let Ok(Incoming::Response { id, answer: Ok(answer) }) = parse(line.as_bytes()) else { panic!("{example}") };
    let mut response = written(|out| {
        begin_response(out, Some(&id));
        out.push(b'}');
    });
    response["result"] = result(name, &serde_json::from_str(answer.get()).expect("JSON"));
    response
}

fn result(name: &str, example: &Value) -> Value {
    let info = &example["_meta"][keys::SERVER_INFO];
    let encoder = encoder((!info.is_null()).then(|| read(info)));
    let encode = |result: ServerResult| {
        written(|out| encoder.result(out, REVISION, &result, &Lists::default()).expect("it can be written"))
    };
    match name {
        "CallToolResult" => encode(ServerResult::CallTool(read(example))),
        "CompleteResult" => encode(ServerResult::Complete(std::sync::Arc::new(read::<CompleteResult>(example)))),
        "GetPromptResult" => encode(ServerResult::GetPrompt(read(example))),
        "ReadResourceResult" => encode(ServerResult::ReadResource(read(example))),
        "InputRequiredResult" => {
            let ReceivedInputRequired { input_requests, request_state } = read(example);
            let input_requests = input_requests.into_iter().map(|(key, request)| (key, asked(request))).collect();
            encode(ServerResult::InputRequired(InputRequiredResult { input_requests, request_state }))
        }
        "SubscriptionsListenResult" => encode(ServerResult::EndOfSubscription(read(&example["_meta"]))),
        "DiscoverResult" => listed::<DiscoverResult>(&encoder, example),
        "ListToolsResult" => listed::<ListToolsResult>(&encoder, example),
        "ListPromptsResult" => listed::<ListPromptsResult>(&encoder, example),
        "ListResourcesResult" => listed::<ListResourcesResult>(&encoder, example),
        "ListResourceTemplatesResult" => listed::<ListResourceTemplatesResult>(&encoder, example),
        other => panic!("`{other}` is a result of which nothing is known here"),
    }
}

/// What may be kept, for how long and by whom: that, and whose it is, is said by the encoder.
fn listed<T: DeserializeOwned + Serialize>(encoder: &Encoder, example: &Value) -> Value {
    let mut list = example.clone();
    list.as_object_mut().expect("an object").retain(|name, _| !matches!(&**name, "ttlMs" | "cacheScope" | "_meta"));
    let (ttl_ms, scope) = (read(&example["ttlMs"]), read(&example["cacheScope"]));
    serde_json::from_slice(&encoder.cacheable(REVISION, &read::<T>(&list), ttl_ms, scope)).expect("JSON")
}

/// A question to the client, as it reads it and the server asks it.
fn question(method: Method, example: &Value) -> Value {
    input_request(&json!({ "method": method.as_str(), "params": example }))["params"].take()
}

fn input_request(example: &Value) -> Value {
    let requests = [("key".to_owned(), asked(read(example)))];
    let mut asked = written(|out| {
        out.push(b'{');
        input_requests(out, REVISION, &requests).expect("it can be written");
        out.push(b'}');
    });
    let mut asked = asked["inputRequests"]["key"].take();
    // It stands under a key, and needs no id, but one example has one.
    if let Some(id) = example.get("id") {
        asked["id"] = id.clone();
    }
    asked
}

fn asked(request: ReceivedInputRequest) -> InputRequest {
    let method = Method::from_name(&request.method).expect("a method");
    let raw = request.params.map_or(json!({}), |raw| serde_json::from_str(raw.get()).expect("JSON"));
    let params = match method {
        Method::SamplingCreateMessage => typed::<CreateMessageRequestParams>(&raw),
        Method::ElicitationCreate => typed::<ElicitRequestParams>(&raw),
        _ => raw,
    };
    InputRequest { method: method.as_str(), params: to_raw_value(&params).expect("JSON") }
}

/// Which answer it is, its question says; here, what it has.
fn input_responses(example: &Value) -> Value {
    let answer = |(key, answer): (&String, &Value)| {
        let answer = match answer {
            answer if answer.get("action").is_some() => typed::<ElicitResult>(answer),
            answer if answer.get("roots").is_some() => typed::<ListRootsResult>(answer),
            answer => typed::<CreateMessageResult>(answer),
        };
        (key.clone(), answer)
    };
    example.as_object().expect("an object").iter().map(answer).collect()
}

/// Without what is always written, and may be left out.
fn without_defaults(mut written: Value, example: &Value) -> Value {
    let (Some(members), Some(said)) = (written.as_object_mut(), example.as_object()) else { return written };
    members.retain(|name, value| match &**name {
        "isError" | "hasMore" => said.contains_key(name) || *value != false,
        "ttlMs" => said.contains_key(name) || *value != READ_TTL_MS,
        "cacheScope" => said.contains_key(name) || *value != "private",
        // Not all examples of the specification have the envelope that they need.
        "jsonrpc" | "resultType" => said.contains_key(name),
        "params" => said.contains_key(name) || *value != json!({}),
        _ => true,
    });
    let nobody = json!(Implementation::default());
    if let Some(Value::Object(meta)) = members.get_mut("_meta")
        && meta.get(keys::SERVER_INFO) == Some(&nobody)
    {
        meta.remove(keys::SERVER_INFO);
        if meta.is_empty() && !said.contains_key("_meta") {
            members.remove("_meta");
        }
    }
    for name in ["result", "completion"] {
        if let (Some(inner), Some(said)) = (members.get_mut(name), said.get(name)) {
            *inner = without_defaults(inner.take(), said);
        }
    }
    written
}

/// Without what can be said in two ways: `1` and `1.0`, a default and its absence.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(members) => {
            let said = |(name, value): &(String, Value)| !(name == "isError" && *value == Value::Bool(false));
            members.into_iter().filter(said).map(|(name, value)| (name, plain(value))).collect()
        }
        other => other,
    }
}
