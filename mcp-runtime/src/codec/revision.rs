//! Where revisions differ on the wire. Everything above speaks one neutral language; what a
//! revision does not know is left out or said in the words it has.

use std::sync::OnceLock;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
#[cfg(feature = "client")]
use serde_json::{Map, Value, json};

use super::elicitation;
use crate::protocol::{
    AudioContent, CacheScope, CallToolResult, ContentBlock, CreateMessageRequestParams, DetailedTask, DiscoverResult,
    ErrorCode, ErrorObject, Implementation, InitializeResult, InputRequest, InputRequiredResult, Method,
    ProtocolVersion, RequestId, ResourceLink, SamplingMessage, ServerCapabilities, ServerNotification, ServerResult,
    TaskStatus, Tool, ToolAnnotations, keys,
};

/// Writes messages. Made once per server, it knows the server's identity in bytes.
#[derive(Debug)]
pub(crate) struct Encoder {
    server_info: Implementation,
    tools: Vec<Tool>,
    discovery: DiscoverResult,
    /// Bodies that were encoded already, by revision.
    encoded_tools: [OnceLock<Vec<Box<RawValue>>>; ProtocolVersion::ALL.len()],
    tools_lists: [OnceLock<Vec<u8>>; ProtocolVersion::ALL.len()],
    discoveries: [OnceLock<Vec<u8>>; ProtocolVersion::ALL.len()],
    /// `"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{..}`, still open.
    modern_head: Vec<u8>,
}

const INPUT_REQUIRED: &[u8] = br#""resultType":"input_required""#;
const TASK: &[u8] = br#""resultType":"task""#;
const COMPLETE: &[u8] = br#""resultType":"complete""#;

impl Encoder {
    pub(crate) fn new(server_info: Implementation, tools: Vec<Tool>, discovery: DiscoverResult) -> Self {
        let mut modern_head = Vec::new();
        modern_head.extend_from_slice(br#","_meta":{""#);
        modern_head.extend_from_slice(keys::SERVER_INFO.as_bytes());
        modern_head.extend_from_slice(br#"":"#);
        write_json(&mut modern_head, &server_info);
        let (encoded_tools, tools_lists, discoveries) = Default::default();
        Self { server_info, tools, discovery, encoded_tools, tools_lists, discoveries, modern_head }
    }

    /// Writes the response to a request, without a line break.
    pub(crate) fn response(
        &self,
        out: &mut Vec<u8>,
        revision: ProtocolVersion,
        id: &RequestId,
        outcome: &Result<ServerResult, ErrorObject>,
    ) {
        match outcome {
            Ok(result) => {
                let start = out.len();
                begin_response(out, Some(id));
                out.extend_from_slice(br#","result":"#);
                if let Err(error) = self.result(out, revision, result) {
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

    fn result(&self, out: &mut Vec<u8>, revision: ProtocolVersion, result: &ServerResult) -> serde_json::Result<()> {
        let head = match result {
            ServerResult::InputRequired(_) => INPUT_REQUIRED,
            ServerResult::CreateTask(_) => TASK,
            _ => COMPLETE,
        };
        let body = out.len();
        match result {
            ServerResult::ListTools(None) => {
                let all = || {
                    self.tools_list(
                        revision,
                        self.tools(revision).iter().map(Box::as_ref).collect(),
                        CacheScope::Public,
                    )
                };
                out.extend_from_slice(self.tools_lists[place(revision)].get_or_init(all));
                return Ok(());
            }
            ServerResult::ListTools(Some(visible)) => {
                let tools = self.tools(revision);
                let visible = visible.iter().filter_map(|place| tools.get(*place)).map(Box::as_ref).collect();
                out.append(&mut self.tools_list(revision, visible, CacheScope::Private));
                return Ok(());
            }
            ServerResult::Discover => {
                let encode = || self.cacheable(revision, &self.discovery, CacheScope::Public);
                out.extend_from_slice(self.discoveries[place(revision)].get_or_init(encode));
                return Ok(());
            }
            _ if revision.is_modern() => {
                out.push(b'{');
                out.extend_from_slice(head);
                out.extend_from_slice(&self.modern_head);
                if let ServerResult::CallTool(CallToolResult { meta: Some(meta), .. }) = result {
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
            ServerResult::CallTool(CallToolResult { meta: Some(meta), .. }) => {
                out.extend_from_slice(br#"{"_meta":"#);
                serde_json::to_writer(&mut *out, meta)?;
            }
            _ => {}
        }
        // What follows is an object of its own. If members stand before it, its opening brace
        // becomes the comma between the two.
        let joint = out.len();
        match result {
            ServerResult::Empty | ServerResult::ListTools(_) | ServerResult::Discover => out.extend_from_slice(b"{}"),
            ServerResult::Initialize(result) => serde_json::to_writer(&mut *out, result)?,
            ServerResult::CallTool(result) => tool_result(out, revision, result)?,
            ServerResult::InputRequired(result) => input_required(out, revision, result)?,
            ServerResult::CreateTask(task) => serde_json::to_writer(&mut *out, task)?,
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

    /// Each tool as lists of the revision describe it.
    fn tools(&self, revision: ProtocolVersion) -> &[Box<RawValue>] {
        let encode = |tool: &Tool| to_raw_value(&tool_for(revision, tool.clone())).ok();
        self.encoded_tools[place(revision)].get_or_init(|| self.tools.iter().filter_map(encode).collect())
    }

    fn tools_list(&self, revision: ProtocolVersion, tools: Vec<&RawValue>, scope: CacheScope) -> Vec<u8> {
        #[derive(Serialize)]
        struct List<'t> {
            tools: Vec<&'t RawValue>,
        }
        self.cacheable(revision, &List { tools }, scope)
    }

    fn cacheable<T: Serialize>(&self, revision: ProtocolVersion, result: &T, scope: CacheScope) -> Vec<u8> {
        let mut out = Vec::new();
        write_json(&mut out, result);
        if revision.is_modern() {
            out.pop();
            out.push(b',');
            out.extend_from_slice(COMPLETE);
            out.extend_from_slice(&self.modern_head);
            out.extend_from_slice(br#"},"ttlMs":"#);
            write_json(&mut out, &LIST_TTL_MS);
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
            capabilities: capabilities_for_legacy(self.discovery.capabilities.clone()),
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

    /// An outcome of `tools/call` in the words of a legacy revision: there is no error code for a
    /// missing capability, so the model reads it.
    pub(crate) fn outcome_for(
        &self,
        revision: ProtocolVersion,
        outcome: Result<ServerResult, ErrorObject>,
    ) -> Result<ServerResult, ErrorObject> {
        match outcome {
            Err(error) if error.code == ErrorCode::MissingRequiredClientCapability && !revision.is_modern() => {
                Ok(ServerResult::CallTool(CallToolResult::error(error.message)))
            }
            other => other,
        }
    }
}

/// For how long clients may keep a list: they are made anew with every process.
const LIST_TTL_MS: u64 = 60_000;

/// The place of a revision among all.
fn place(revision: ProtocolVersion) -> usize {
    ProtocolVersion::ALL.iter().position(|it| *it == revision).unwrap_or_default()
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

fn error_response(out: &mut Vec<u8>, id: Option<&RequestId>, error: &ErrorObject) {
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

fn tool_result(out: &mut Vec<u8>, revision: ProtocolVersion, result: &CallToolResult) -> serde_json::Result<()> {
    if revision.is_modern() {
        return serde_json::to_writer(out, result);
    }
    let structured = result
        .structured_content
        .as_deref()
        .is_some_and(|raw| revision >= ProtocolVersion::V2025_06_18 && raw.get().starts_with('{'));
    let unknown = revision < ProtocolVersion::V2025_06_18 && result.content.iter().any(|it| !knows(revision, it));
    if !unknown && structured == result.structured_content.is_some() {
        return serde_json::to_writer(out, result);
    }
    let content = result.content.iter().map(|block| block_for(revision, block)).collect();
    let structured_content = result.structured_content.clone().filter(|_| structured);
    let trimmed = CallToolResult { content, structured_content, is_error: result.is_error, meta: None };
    serde_json::to_writer(out, &trimmed)
}

fn knows(revision: ProtocolVersion, block: &ContentBlock) -> bool {
    match block {
        ContentBlock::Audio(_) => revision >= ProtocolVersion::V2025_03_26,
        ContentBlock::ResourceLink(_) => revision >= ProtocolVersion::V2025_06_18,
        ContentBlock::Text(_) | ContentBlock::Image(_) | ContentBlock::Resource(_) => true,
    }
}

fn block_for(revision: ProtocolVersion, block: &ContentBlock) -> ContentBlock {
    match block {
        known if knows(revision, known) => known.clone(),
        ContentBlock::ResourceLink(ResourceLink { uri, name, .. }) => ContentBlock::text(format!("{name}: {uri}")),
        ContentBlock::Audio(AudioContent { mime_type, .. }) => {
            ContentBlock::text(format!("(a sound of type {mime_type}, which this protocol version cannot carry)"))
        }
        other => other.clone(),
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
            tool_result(out, revision, result)?;
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
        serde_json::to_writer(&mut *out, key)?;
        out.push(b':');
        match request_params_for(revision, request.method, &request.params) {
            Some(params) => serde_json::to_writer(&mut *out, &InputRequest { method: request.method, params })?,
            None => serde_json::to_writer(&mut *out, request)?,
        }
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
        serde_json::to_writer(&mut *out, state)?;
    }
    out.push(b'}');
    Ok(())
}

fn tool_for(revision: ProtocolVersion, mut tool: Tool) -> Tool {
    if revision.is_modern() {
        return tool;
    }
    let title = tool.title.clone();
    tool.output_schema = tool.output_schema.filter(|schema| {
        revision >= ProtocolVersion::V2025_06_18 && schema.get("type").is_some_and(|kind| kind == "object")
    });
    if revision < ProtocolVersion::V2025_11_25 {
        tool.icons.clear();
    }
    if revision < ProtocolVersion::V2025_06_18 {
        tool.title = None;
        tool.meta = None;
    }
    if revision == ProtocolVersion::V2025_03_26 {
        tool.annotations.get_or_insert_with(ToolAnnotations::default).title = title;
    }
    if revision < ProtocolVersion::V2025_03_26 {
        tool.annotations = None;
    }
    tool
}

/// Extensions are of the modern era; the tasks of 2025-11-25 are others.
fn capabilities_for_legacy(mut capabilities: ServerCapabilities) -> ServerCapabilities {
    capabilities.extensions.clear();
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
        Method::SamplingCreateMessage if revision < ProtocolVersion::V2025_11_25 => {
            let mut params: CreateMessageRequestParams = serde_json::from_str(params.get()).ok()?;
            // Before 2025-11-25 a message is one block; several blocks become several messages.
            params.messages = params
                .messages
                .into_iter()
                .flat_map(|SamplingMessage { role, content, .. }| {
                    content.into_iter().map(move |block| SamplingMessage::new(role, vec![block]))
                })
                .collect();
            to_raw_value(&params).ok()
        }
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
