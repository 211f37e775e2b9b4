//! Where revisions differ on the wire. Everything above speaks one neutral language; what a
//! revision does not know is left out or said in the words it has.

use serde::Serialize;
use serde_json::value::RawValue;
#[cfg(feature = "client")]
use serde_json::{Map, Value, json};

use super::content::{self, quoted};
use super::list::{Lists, PerRevision, place};
use super::{elicitation, sampling};
use crate::protocol::{
    CacheScope, CallToolResult, Change, DetailedTask, DiscoverResult, ErrorCode, ErrorObject, Implementation,
    InitializeResult, InputRequest, InputRequiredResult, ListKind, Method, ProtocolVersion, ReadResourceResult,
    RequestId, ServerCapabilities, ServerNotification, ServerResult, Structured, SubscriptionFilter, TASKS_EXTENSION,
    TaskStatus, TextResult, keys,
};

/// Writes messages. Made once per server, it knows the server's identity in bytes.
#[derive(Debug)]
pub(crate) struct Encoder {
    server_info: Implementation,
    keep: Keep,
    discovery: DiscoverResult,
    discoveries: PerRevision<Vec<u8>>,
    /// `"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{..}`, still open.
    modern_head: Vec<u8>,
}

/// For how long clients may keep what can be kept, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    pub(crate) tools: u64,
    pub(crate) prompts: u64,
    pub(crate) resources: u64,
    pub(crate) templates: u64,
    pub(crate) discovery: u64,
}

impl Default for Keep {
    /// A minute: what a server offers seldom changes, and with a new version of it at the latest.
    fn default() -> Self {
        Self { tools: 60_000, prompts: 60_000, resources: 60_000, templates: 60_000, discovery: 60_000 }
    }
}

impl Keep {
    const fn list(&self, list: ListKind) -> u64 {
        match list {
            ListKind::Tools => self.tools,
            ListKind::Prompts => self.prompts,
            ListKind::Resources => self.resources,
            ListKind::ResourceTemplates => self.templates,
        }
    }
}

/// In so many bytes what stands around the text of a response mostly fits, beside what the server says of itself.
const AROUND_TEXT: usize = 192;

const INPUT_REQUIRED: &[u8] = br#""resultType":"input_required""#;
const TASK: &[u8] = br#""resultType":"task""#;
const COMPLETE: &[u8] = br#""resultType":"complete""#;

impl Encoder {
    pub(crate) fn new(server_info: Implementation, discovery: DiscoverResult, keep: Keep) -> Self {
        let mut modern_head = Vec::new();
        modern_head.extend_from_slice(br#","_meta":{""#);
        modern_head.extend_from_slice(keys::SERVER_INFO.as_bytes());
        modern_head.extend_from_slice(br#"":"#);
        write_json(&mut modern_head, &server_info);
        Self { server_info, keep, discovery, discoveries: Default::default(), modern_head }
    }

    /// Writes the response to a request, without a line break.
    pub(crate) fn response(
        &self,
        out: &mut Vec<u8>,
        revision: ProtocolVersion,
        id: &RequestId,
        outcome: &Result<ServerResult, ErrorObject>,
        lists: &Lists,
    ) {
        match outcome {
            Ok(result) => {
                let start = out.len();
                begin_response(out, Some(id));
                out.extend_from_slice(br#","result":"#);
                if let Err(error) = self.result(out, revision, result, lists) {
                    out.truncate(start);
                    let message = format!("the result could not be written as JSON: {error}");
                    error_response(out, Some(id), &ErrorObject::new(ErrorCode::InternalError, message));
                    return;
                }
                out.push(b'}');
            }
            Err(error) => error_response(out, Some(id), error),
        }
    }

    /// Writes the response to a call whose result is one text, if there is nothing yet after what was there when the
    /// call began. Whether it was written.
    pub(crate) fn text_response(
        &self,
        out: &mut Vec<u8>,
        before: usize,
        revision: ProtocolVersion,
        id: &RequestId,
        result: &TextResult<'_>,
    ) -> bool {
        if out.len() != before {
            return false;
        }
        let structured = result.structured.as_ref().map_or(0, Structured::len);
        out.reserve(AROUND_TEXT + self.modern_head.len() + result.text.len() + structured);
        begin_response(out, Some(id));
        out.extend_from_slice(br#","result":{"#);
        if revision.is_modern() {
            out.extend_from_slice(COMPLETE);
            out.extend_from_slice(&self.modern_head);
            out.extend_from_slice(b"},");
        }
        content::text_members(out, revision, result);
        out.extend_from_slice(b"}}");
        true
    }

    fn result(
        &self,
        out: &mut Vec<u8>,
        revision: ProtocolVersion,
        result: &ServerResult,
        lists: &Lists,
    ) -> serde_json::Result<()> {
        let head = match result {
            ServerResult::InputRequired(_) => INPUT_REQUIRED,
            ServerResult::CreateTask(_) => TASK,
            _ => COMPLETE,
        };
        let body = out.len();
        match result {
            ServerResult::List(listed) => {
                lists.write(out, revision, listed, |body, list, scope| {
                    self.cacheable(revision, body, self.keep.list(list), scope)
                });
                return Ok(());
            }
            ServerResult::Discover => {
                let encode = || self.cacheable(revision, &self.discovery, self.keep.discovery, CacheScope::Public);
                out.extend_from_slice(self.discoveries[place(revision)].get_or_init(encode));
                return Ok(());
            }
            #[cfg(feature = "skills")]
            ServerResult::Skills(result, scope) => {
                out.append(&mut self.cacheable(revision, result, self.keep.resources, *scope));
                return Ok(());
            }
            _ if revision.is_modern() => {
                out.push(b'{');
                out.extend_from_slice(head);
                out.extend_from_slice(&self.modern_head);
                if let Some(meta) = result.meta() {
                    // A result that was passed on may name the server that it came from.
                    for (key, value) in meta.iter().filter(|(key, _)| *key != keys::SERVER_INFO) {
                        out.push(b',');
                        serde_json::to_writer(&mut *out, key)?;
                        out.push(b':');
                        serde_json::to_writer(&mut *out, value)?;
                    }
                }
                out.push(b'}');
            }
            _ => {
                if let Some(meta) = result.meta() {
                    out.extend_from_slice(br#"{"_meta":"#);
                    serde_json::to_writer(&mut *out, meta)?;
                }
            }
        }
        // What follows is an object of its own. If members stand before it, its opening brace
        // becomes the comma between the two.
        let joint = out.len();
        match result {
            ServerResult::Written => {
                tracing::error!("a response was to be written twice");
                out.extend_from_slice(b"{}");
            }
            ServerResult::Empty
            | ServerResult::List(_)
            | ServerResult::Discover
            | ServerResult::EndOfSubscription(_) => out.extend_from_slice(b"{}"),
            #[cfg(feature = "skills")]
            ServerResult::Skills(..) => out.extend_from_slice(b"{}"),
            ServerResult::Initialize(result) => serde_json::to_writer(&mut *out, &**result)?,
            ServerResult::CallTool(result) => content::tool_result(out, revision, result)?,
            ServerResult::ReadResource(result) => resource_result(out, revision, result)?,
            ServerResult::GetPrompt(result) => content::prompt_result(out, revision, result)?,
            ServerResult::Complete(result) => serde_json::to_writer(&mut *out, &**result)?,
            ServerResult::InputRequired(result) => input_required(out, revision, result)?,
            ServerResult::CreateTask(task) => serde_json::to_writer(&mut *out, &**task)?,
            ServerResult::GetTask(task) => detailed_task(out, revision, task)?,
        }
        if joint > body {
            if out[joint..] == *b"{}" {
                out.remove(joint);
            } else {
                out[joint] = b',';
            }
        }
        Ok(())
    }

    fn cacheable<T: Serialize>(
        &self,
        revision: ProtocolVersion,
        result: &T,
        ttl_ms: u64,
        scope: CacheScope,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        write_json(&mut out, result);
        if revision.is_modern() {
            out.pop();
            out.push(b',');
            out.extend_from_slice(COMPLETE);
            out.extend_from_slice(&self.modern_head);
            out.extend_from_slice(br#"},"ttlMs":"#);
            write_json(&mut out, &ttl_ms);
            out.extend_from_slice(br#","cacheScope":"#);
            write_json(&mut out, &scope);
            out.push(b'}');
        }
        out
    }

    /// What the server answers to `initialize`, in the words of the revision.
    pub(crate) fn initialize_result(&self, revision: ProtocolVersion) -> InitializeResult {
        InitializeResult {
            protocol_version: revision.as_str().to_owned(),
            capabilities: capabilities_for_legacy(revision, self.discovery.capabilities.clone()),
            server_info: implementation_for(revision, self.server_info.clone()),
            instructions: self.discovery.instructions.clone(),
        }
    }

    /// Writes an error for a message whose id may be unreadable.
    pub(crate) fn error(&self, out: &mut Vec<u8>, id: Option<&RequestId>, error: &ErrorObject) {
        error_response(out, id, error);
    }

    /// Writes a notification.
    pub(crate) fn notification(&self, out: &mut Vec<u8>, revision: ProtocolVersion, it: &ServerNotification) {
        out.extend_from_slice(br#"{"jsonrpc":"2.0","method":""#);
        out.extend_from_slice(it.method().as_str().as_bytes());
        out.extend_from_slice(br#"","params":"#);
        match it {
            ServerNotification::Progress(params) if revision < ProtocolVersion::V2025_03_26 => {
                let mut params = params.clone();
                params.message = None;
                write_json(out, &params);
            }
            ServerNotification::Progress(params) => write_json(out, params),
            ServerNotification::Message(params) => write_json(out, params),
        }
        out.push(b'}');
    }

    /// Writes what has changed; in the modern era to a subscription, by its id.
    pub(crate) fn change(&self, out: &mut Vec<u8>, subscription: Option<&RequestId>, change: &Change) {
        let method = match change {
            Change::List(ListKind::Tools) => Method::NotificationsToolsListChanged,
            Change::List(ListKind::Prompts) => Method::NotificationsPromptsListChanged,
            Change::List(ListKind::Resources | ListKind::ResourceTemplates) => {
                Method::NotificationsResourcesListChanged
            }
            Change::Resource(_) => Method::NotificationsResourcesUpdated,
        };
        let uri = match change {
            Change::Resource(uri) => Some(&**uri),
            Change::List(_) => None,
        };
        subscription_notification(out, method, subscription, uri.map(|uri| ("uri", uri)));
    }

    /// Writes what of a subscription will be told.
    pub(crate) fn acknowledged(&self, out: &mut Vec<u8>, subscription: &RequestId, filter: &SubscriptionFilter) {
        let method = Method::NotificationsSubscriptionsAcknowledged;
        subscription_notification(out, method, Some(subscription), Some(("notifications", filter)));
    }

    /// Writes a request to the client; only legacy revisions have them.
    pub(crate) fn request(
        &self,
        out: &mut Vec<u8>,
        revision: ProtocolVersion,
        id: &RequestId,
        method: &str,
        params: &RawValue,
    ) {
        out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
        write_json(out, id);
        out.extend_from_slice(br#","method":"#);
        write_json(out, method);
        out.extend_from_slice(br#","params":"#);
        match request_params_for(revision, method, params) {
            Some(changed) => out.extend_from_slice(changed.get().as_bytes()),
            None => out.extend_from_slice(params.get().as_bytes()),
        }
        out.push(b'}');
    }

    /// Writes that a request of ours need not be answered.
    pub(crate) fn withdrawal(&self, out: &mut Vec<u8>, id: &RequestId) {
        out.extend_from_slice(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"#);
        write_json(out, id);
        out.extend_from_slice(b"}}");
    }

    /// An outcome in the words of a revision. Legacy ones have no error code for a missing capability:
    /// of a tool the model reads it. Modern ones have none for a resource that is not there.
    pub(crate) fn outcome_for(
        &self,
        revision: ProtocolVersion,
        method: Option<Method>,
        outcome: Result<ServerResult, ErrorObject>,
    ) -> Result<ServerResult, ErrorObject> {
        let mut error = match outcome {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        match error.code {
            ErrorCode::MissingRequiredClientCapability if !revision.is_modern() => {
                if method == Some(Method::ToolsCall) {
                    return Ok(ServerResult::CallTool(CallToolResult::error(error.message)));
                }
                error.code = ErrorCode::InternalError;
                error.data = None;
            }
            ErrorCode::ResourceNotFound if revision.is_modern() => error.code = ErrorCode::InvalidParams,
            _ => {}
        }
        Err(error)
    }
}

fn subscription_notification<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    method: Method,
    subscription: Option<&RequestId>,
    member: Option<(&str, &T)>,
) {
    out.extend_from_slice(br#"{"jsonrpc":"2.0","method":""#);
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b'"');
    let mut before: &[u8] = br#","params":{"#;
    if let Some(id) = subscription {
        out.extend_from_slice(before);
        out.extend_from_slice(br#""_meta":{""#);
        out.extend_from_slice(keys::SUBSCRIPTION_ID.as_bytes());
        out.extend_from_slice(br#"":"#);
        write_json(out, id);
        out.push(b'}');
        before = b",";
    }
    if let Some((name, value)) = member {
        out.extend_from_slice(before);
        write_json(out, name);
        out.push(b':');
        write_json(out, value);
    }
    if subscription.is_some() || member.is_some() {
        out.push(b'}');
    }
    out.push(b'}');
}

fn begin_response(out: &mut Vec<u8>, id: Option<&RequestId>) {
    out.extend_from_slice(br#"{"jsonrpc":"2.0""#);
    match id {
        Some(RequestId::Number(number)) => {
            out.extend_from_slice(br#","id":"#);
            write_json(out, number);
        }
        Some(RequestId::String(text)) => {
            out.extend_from_slice(br#","id":"#);
            write_json(out, text);
        }
        None => {}
    }
}

/// Writes an error for a message whose id may be unreadable.
pub(crate) fn error_response(out: &mut Vec<u8>, id: Option<&RequestId>, error: &ErrorObject) {
    begin_response(out, id);
    out.extend_from_slice(br#","error":"#);
    write_json(out, error);
    out.push(b'}');
}

/// Writes a value that has no way to fail: text keys only, no user code.
fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        tracing::error!(%error, "a protocol type could not be written as JSON");
    }
}

fn detailed_task(out: &mut Vec<u8>, revision: ProtocolVersion, detailed: &DetailedTask) -> serde_json::Result<()> {
    let DetailedTask { task, input_requests: asked, outcome } = detailed;
    serde_json::to_writer(&mut *out, task)?;
    // Its closing brace goes after the rest.
    out.pop();
    if task.status == TaskStatus::InputRequired {
        out.push(b',');
        input_requests(out, revision, asked)?;
    }
    match outcome {
        Some(Ok(result)) => {
            out.extend_from_slice(br#","result":"#);
            content::tool_result(out, revision, result)?;
        }
        Some(Err(error)) => {
            out.extend_from_slice(br#","error":"#);
            serde_json::to_writer(&mut *out, error)?;
        }
        None => {}
    }
    out.push(b'}');
    Ok(())
}

/// The member `inputRequests`.
fn input_requests(
    out: &mut Vec<u8>,
    revision: ProtocolVersion,
    requests: &[(String, InputRequest)],
) -> serde_json::Result<()> {
    out.extend_from_slice(br#""inputRequests":{"#);
    for (index, (key, request)) in requests.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        quoted(out, key);
        out.extend_from_slice(br#":{"method":"#);
        quoted(out, request.method);
        out.extend_from_slice(br#","params":"#);
        let changed = request_params_for(revision, request.method, &request.params);
        out.extend_from_slice(changed.as_ref().unwrap_or(&request.params).get().as_bytes());
        out.push(b'}');
    }
    out.push(b'}');
    Ok(())
}

fn input_required(
    out: &mut Vec<u8>,
    revision: ProtocolVersion,
    result: &InputRequiredResult,
) -> serde_json::Result<()> {
    out.push(b'{');
    if !result.input_requests.is_empty() {
        input_requests(out, revision, &result.input_requests)?;
    }
    if let Some(state) = &result.request_state {
        if !result.input_requests.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(br#""requestState":"#);
        quoted(out, state);
    }
    out.push(b'}');
    Ok(())
}

/// For how long a client may keep what a resource holds, if nobody says: it is not known.
const READ_TTL_MS: u64 = 0;

fn resource_result(
    out: &mut Vec<u8>,
    revision: ProtocolVersion,
    result: &ReadResourceResult,
) -> serde_json::Result<()> {
    out.extend_from_slice(br#"{"contents":"#);
    content::all_contents(out, revision, &result.contents)?;
    if revision.is_modern() {
        out.extend_from_slice(br#","ttlMs":"#);
        serde_json::to_writer(&mut *out, &result.ttl_ms.unwrap_or(READ_TTL_MS))?;
        out.extend_from_slice(br#","cacheScope":"#);
        serde_json::to_writer(&mut *out, &result.cache_scope.unwrap_or(CacheScope::Private))?;
    }
    out.push(b'}');
    Ok(())
}

/// Tasks are of the modern era; those of 2025-11-25 are others.
fn capabilities_for_legacy(revision: ProtocolVersion, mut capabilities: ServerCapabilities) -> ServerCapabilities {
    capabilities.extensions.remove(TASKS_EXTENSION);
    if revision < ProtocolVersion::V2025_03_26 {
        // There all servers may be asked for completions.
        capabilities.completions = None;
    }
    capabilities
}

fn implementation_for(revision: ProtocolVersion, mut info: Implementation) -> Implementation {
    if revision < ProtocolVersion::V2025_11_25 {
        info.icons.clear();
        info.website_url = None;
        info.description = None;
    }
    if revision < ProtocolVersion::V2025_06_18 {
        info.title = None;
    }
    info
}

/// The parameters of a request to the client, if the revision needs them said differently.
fn request_params_for(revision: ProtocolVersion, method: &str, params: &RawValue) -> Option<Box<RawValue>> {
    match Method::from_name(method)? {
        Method::SamplingCreateMessage => sampling::params_for(revision, params),
        Method::ElicitationCreate => elicitation::params_for(revision, params),
        _ => None,
    }
}

/// The `_meta` of a modern request, as our client writes it.
#[cfg(feature = "client")]
pub(crate) fn request_meta(
    info: &Implementation,
    capabilities: &crate::protocol::ClientCapabilities,
) -> Map<String, Value> {
    let mut meta = Map::new();
    meta.insert(keys::PROTOCOL_VERSION.to_owned(), json!(ProtocolVersion::LATEST));
    meta.insert(keys::CLIENT_INFO.to_owned(), json!(info));
    meta.insert(keys::CLIENT_CAPABILITIES.to_owned(), json!(capabilities));
    meta
}

#[cfg(all(test, feature = "client"))]
mod examples;
