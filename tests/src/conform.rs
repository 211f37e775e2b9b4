//! What is said, against the specification's schemas (`spec/schema`, the types of each revision): message by message,
//! each against the revision in which it is said.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use mcp_runtime::client::Speaker;
use serde_json::{Value, json};

/// The newest revision of each era.
const LATEST: &str = "2026-07-28";
const LATEST_LEGACY: &str = "2025-11-25";

const REVISIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", LATEST_LEGACY, LATEST];

/// Methods of extensions, of which the schemas of the specification know nothing.
const EXTENSIONS: [&str; 4] = ["tasks/", "skills/", "resources/directory/", "notifications/tasks"];

/// All that was said on one connection, or in one session, so far. What it says of a message is `Err` with all that
/// there is to say where the message does not conform.
#[derive(Debug)]
pub struct Conversation {
    /// Whose messages must conform. Of others only as much is read as is needed to judge those.
    ours: &'static [Speaker],
    /// What was negotiated, in the legacy era.
    session: Option<&'static str>,
    /// Whether the client has spoken in the modern era.
    is_modern: bool,
    /// The requests, by who made them and their ids.
    requests: HashMap<(Speaker, String), Asked>,
    /// Whether something came that cannot be read here, and may have been a request.
    has_unread: bool,
}

#[derive(Debug, Clone)]
struct Asked {
    method: String,
    /// What it was made in, if that is known.
    revision: Option<&'static str>,
    /// Whether its id may be used again.
    is_over: bool,
}

impl Conversation {
    /// One of these speakers of ours, and perhaps of others.
    #[must_use]
    pub fn of(ours: &'static [Speaker]) -> Self {
        Self { ours, session: None, is_modern: false, requests: HashMap::new(), has_unread: false }
    }

    /// One that goes on with what was settled elsewhere.
    #[must_use]
    pub fn in_session(mut self, revision: &str) -> Self {
        self.session = REVISIONS.into_iter().find(|it| *it == revision && !is_modern(it));
        self
    }

    /// One between a client and a server of ours.
    #[must_use]
    pub fn of_both() -> Self {
        Self::of(&[Speaker::Client, Speaker::Server])
    }

    /// Hears a message, or a batch of them.
    ///
    /// # Errors
    ///
    /// What does not conform: the revision, the type, where in it, and the message.
    pub fn hear(&mut self, speaker: Speaker, text: &str) -> Result<(), String> {
        let is_ours = self.ours.contains(&speaker);
        match serde_json::from_str(text) {
            Ok(Value::Array(messages)) => {
                if is_ours {
                    self.is_batch(speaker, &messages)?;
                }
                messages.iter().try_for_each(|message| self.message(speaker, is_ours, message))
            }
            Ok(message) => self.message(speaker, is_ours, &message),
            Err(error) if is_ours => Err(format!("what the {speaker} says is not JSON: {error}\n{text}")),
            Err(_) => {
                self.has_unread = true;
                Ok(())
            }
        }
    }

    /// The same, where nobody else would tell.
    ///
    /// # Panics
    ///
    /// When it does not conform.
    pub fn assert(&mut self, speaker: Speaker, text: &str) {
        self.hear(speaker, text).unwrap_or_else(|report| panic!("{report}"));
    }

    fn is_batch(&self, speaker: Speaker, messages: &[Value]) -> Result<(), String> {
        let Some("2025-03-26") = self.session else {
            return Err(format!("the {speaker} says a batch, which only 2025-03-26 has: {}", json!(messages)));
        };
        // A batch has either requests and notifications, or responses; errors without an id have no schema there.
        let name = if messages.iter().all(|it| it.get("method").is_some()) { "Request" } else { "Response" };
        let named: Vec<&Value> = messages.iter().filter(|it| name == "Request" || it.get("id").is_some()).collect();
        conforms("2025-03-26", &format!("JSONRPCBatch{name}"), &json!(named))
    }

    fn message(&mut self, speaker: Speaker, is_ours: bool, message: &Value) -> Result<(), String> {
        let id = message.get("id").map(Value::to_string);
        match (message["method"].as_str(), id) {
            (Some(method), Some(id)) => {
                let revision = self.revision_of(method, message);
                self.is_modern |= revision == Some(LATEST);
                let asked = Asked { method: method.to_owned(), revision, is_over: false };
                let known = self.requests.entry((speaker, id)).or_insert_with(|| asked.clone());
                // A client that finds its server gone begins with another one.
                if known.is_over || method == "initialize" {
                    *known = asked;
                }
                if !is_ours {
                    return Ok(());
                }
                match revision {
                    Some(LATEST) if speaker == Speaker::Server => {
                        Err(format!("the server makes a request, which it must not do in {LATEST}: {message}"))
                    }
                    Some(revision) => said(revision, speaker, method, message),
                    None => Err(format!("the {speaker} makes a request in no revision at all: {message}")),
                }
            }
            (Some(method), None) => {
                if method == "notifications/cancelled" {
                    let id = message["params"]["requestId"].to_string();
                    self.requests.entry((speaker, id)).and_modify(|asked| asked.is_over = true);
                }
                if !is_ours {
                    return Ok(());
                }
                first_ok(self.current().map(|revision| said(revision, speaker, method, message)))
            }
            (None, id) => self.answer(speaker, is_ours, id, message),
        }
    }

    /// What a request is made in, if it says so or that was settled.
    fn revision_of(&self, method: &str, request: &Value) -> Option<&'static str> {
        let said = &request["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        match said.as_str() {
            Some(said) => REVISIONS.into_iter().find(|it| *it == said),
            // Nothing can be settled before it.
            None if method == "initialize" => Some(LATEST_LEGACY),
            None if method == "ping" => self.session.or(Some(LATEST_LEGACY)),
            None => self.session,
        }
    }

    /// What may be spoken at the moment; one at least.
    fn current(&self) -> impl Iterator<Item = &'static str> + use<> {
        let latest = (self.is_modern || self.session.is_none()).then_some(LATEST);
        let legacy = self.session.or((!self.is_modern).then_some(LATEST_LEGACY));
        latest.into_iter().chain(legacy)
    }

    fn answer(&mut self, speaker: Speaker, is_ours: bool, id: Option<String>, message: &Value) -> Result<(), String> {
        let asker = if speaker == Speaker::Client { Speaker::Server } else { Speaker::Client };
        let asked = id.as_ref().and_then(|id| self.requests.get_mut(&(asker, id.clone())));
        let asked = asked.map(|asked| {
            asked.is_over = true;
            asked.clone()
        });
        if let Some(("initialize", result)) = asked.as_ref().map(|it| &*it.method).zip(message.get("result")) {
            let settled = REVISIONS.into_iter().find(|it| result["protocolVersion"] == *it);
            self.session = settled.or(self.session);
        }
        if !is_ours {
            return Ok(());
        }
        let Some(result) = message.get("result") else {
            let revision = asked.and_then(|asked| asked.revision);
            let revision = match (revision, &id) {
                // Older ones have no way to answer what has no id that could be read.
                (_, None) => vec![LATEST_LEGACY],
                (Some(revision), _) => vec![revision],
                (None, _) => self.current().collect(),
            };
            return first_ok(revision.into_iter().map(|revision| is_error(revision, message)));
        };
        match asked {
            None if self.has_unread => Ok(()),
            None => Err(format!("the {speaker} answers what nobody has asked: {message}")),
            Some(Asked { method, revision, .. }) => {
                // What comes of a handshake is said in what it has settled.
                let revision = if method == "initialize" { self.session } else { revision };
                let revision = revision.ok_or_else(|| format!("an answer in no revision at all: {message}"))?;
                let envelope = if is_newest(revision) { "JSONRPCResultResponse" } else { "JSONRPCResponse" };
                conforms(revision, envelope, message)?;
                is_result(revision, &method, result)
            }
        }
    }
}

/// Whether the types of messages have their envelopes in them.
fn is_newest(revision: &str) -> bool {
    revision >= LATEST_LEGACY
}

fn first_ok(mut judgements: impl Iterator<Item = Result<(), String>>) -> Result<(), String> {
    let first = judgements.next().unwrap_or(Ok(()));
    if first.is_err() && judgements.any(|it| it.is_ok()) { Ok(()) } else { first }
}

/// Whether a request or a notification is one of the revision, and of this speaker.
fn said(revision: &'static str, speaker: Speaker, method: &str, message: &Value) -> Result<(), String> {
    let kind = if message.get("id").is_some() { "Request" } else { "Notification" };
    conforms(revision, &format!("JSONRPC{kind}"), message)?;
    let Some(name) = schemas(revision).methods.get(method) else {
        let of_extension = EXTENSIONS.iter().any(|prefix| method.starts_with(prefix));
        return match of_extension {
            // All requests say who makes them.
            true if is_modern(revision) && kind == "Request" => {
                conforms(revision, "RequestMetaObject", &message["params"]["_meta"])
            }
            true => Ok(()),
            false => Err(format!("{revision} has no `{method}`: {message}")),
        };
    };
    let side = if speaker == Speaker::Client { "Client" } else { "Server" };
    if !schemas(revision).has(&format!("{side}{kind}"), name) {
        return Err(format!("{revision}: `{method}` is not for the {speaker} to say: {message}"));
    }
    let mut message = message.clone();
    if !is_newest(revision)
        && let Some(members) = message.as_object_mut()
    {
        members.remove("jsonrpc");
        members.remove("id");
    }
    conforms(revision, name, &message)
}

fn is_modern(revision: &str) -> bool {
    revision == LATEST
}

fn is_result(revision: &'static str, method: &str, result: &Value) -> Result<(), String> {
    let name = match (schemas(revision).methods.get(method).map(|name| &**name), result["resultType"].as_str()) {
        (_, Some("input_required")) => "InputRequiredResult",
        // That of the extension.
        (_, Some("task")) | (None, _) => "Result",
        (Some("PingRequest" | "SetLevelRequest" | "SubscribeRequest" | "UnsubscribeRequest"), _) => "EmptyResult",
        (Some(name), _) => &name.replace("Request", "Result"),
    };
    conforms(revision, name, result)
}

fn is_error(revision: &'static str, message: &Value) -> Result<(), String> {
    conforms(revision, if is_newest(revision) { "JSONRPCErrorResponse" } else { "JSONRPCError" }, message)?;
    if !is_modern(revision) {
        return Ok(());
    }
    let error = &message["error"];
    match error["code"].as_i64() {
        Some(-32020) => conforms(revision, "HeaderMismatchError", message),
        Some(-32021) => conforms(revision, "MissingRequiredClientCapabilityError", message),
        Some(-32022) => conforms(revision, "UnsupportedProtocolVersionError", message),
        Some(-32700) => conforms(revision, "ParseError", error),
        Some(-32600) => conforms(revision, "InvalidRequestError", error),
        Some(-32601) => conforms(revision, "MethodNotFoundError", error),
        Some(-32602) => conforms(revision, "InvalidParamsError", error),
        Some(-32603) => conforms(revision, "InternalError", error),
        _ => Ok(()),
    }
}

/// Whether something is of this type in this revision.
///
/// # Errors
///
/// What is not.
pub fn conforms(revision: &'static str, name: &str, value: &Value) -> Result<(), String> {
    validator(revision, name).validate(value).map_err(|error| {
        let (place, rule) = (error.instance_path(), error.schema_path());
        format!("{revision} {name}: {error}\nat `{place}`, by `{rule}`, in\n{value}")
    })
}

/// The types of a revision.
struct Schemas {
    schema: Value,
    definitions: &'static str,
    /// The types of requests and notifications, by their methods.
    methods: BTreeMap<String, String>,
}

impl Schemas {
    fn read(revision: &str) -> Self {
        let path = format!("{}/spec/schema/{revision}.json", env!("CARGO_MANIFEST_DIR"));
        let mut schema: Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
        let definitions = if schema.get("$defs").is_some() { "$defs" } else { "definitions" };
        let types = schema[definitions].as_object_mut().expect("types");
        if revision == LATEST_LEGACY {
            // It has no extensions by itself; those that are for it say so as in the revision after it.
            types["ServerCapabilities"]["properties"]["extensions"] = json!({ "type": "object" });
            types["ClientCapabilities"]["properties"]["extensions"] = json!({ "type": "object" });
        }
        // There the specification says `number`, which its schemas have made an integer.
        let numbers = ["ElicitResult", "NumberSchema", "JSONValue"];
        types.iter_mut().filter(|(name, _)| numbers.contains(&&***name)).for_each(|(_, schema)| widen(schema));
        for (name, schema) in types.iter_mut().filter(|(name, _)| !name.ends_with("MetaObject")) {
            close(schema, name);
        }
        let method = |schema: &Value| schema["properties"]["method"]["const"].as_str().map(str::to_owned);
        let named = types.iter().filter(|(name, _)| !name.starts_with("Client"));
        let methods = named.filter_map(|(name, schema)| Some((method(schema)?, name.clone()))).collect();
        Self { schema, definitions, methods }
    }

    /// Whether a type is one of those of which another one is made.
    fn has(&self, union: &str, name: &str) -> bool {
        let union = &self.schema[self.definitions][union];
        let all = union["anyOf"].as_array().map_or(std::slice::from_ref(union), Vec::as_slice);
        let reference = format!("#/{}/{name}", self.definitions);
        let method = &self.schema[self.definitions][name]["properties"]["method"];
        all.iter().any(|it| it["$ref"] == *reference || it["properties"]["method"] == *method)
    }
}

fn schemas(revision: &'static str) -> &'static Schemas {
    static READ: [OnceLock<Schemas>; REVISIONS.len()] = [const { OnceLock::new() }; REVISIONS.len()];
    let place = REVISIONS.iter().position(|it| *it == revision).expect("a revision of the specification");
    READ[place].get_or_init(|| Schemas::read(revision))
}

/// The specification's schema of a type, which here allows nothing that it does not name, except where that is the
/// user's: in `_meta` and in the schemas of tools.
///
/// # Panics
///
/// When there is no such revision, or no such type in it.
#[must_use]
pub fn validator(revision: &'static str, name: &str) -> Arc<Validator> {
    static MADE: Mutex<BTreeMap<(String, String), Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let key = (revision.to_owned(), name.to_owned());
    if let Some(known) = lock(&MADE).get(&key) {
        return known.clone();
    }
    let Schemas { schema, definitions, .. } = schemas(revision);
    assert!(schema[definitions].get(name).is_some(), "{revision} has no type `{name}`");
    let mut schema = schema.clone();
    schema["$ref"] = json!(format!("#/{definitions}/{name}"));
    let built = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    lock(&MADE).entry(key).or_insert_with(|| Arc::new(built)).clone()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets what may be an integer be any number.
fn widen(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(widen);
            match members.get_mut("type") {
                Some(kind) if *kind == "integer" => *kind = json!("number"),
                Some(Value::Array(kinds)) => {
                    kinds.iter_mut().filter(|it| **it == "integer").for_each(|it| *it = json!("number"))
                }
                _ => {}
            }
        }
        Value::Array(items) => items.iter_mut().for_each(widen),
        _ => {}
    }
}

/// Closes an object, which stands under this name, and those in it.
fn close(schema: &mut Value, name: &str) {
    if matches!(name, "_meta" | "inputSchema" | "outputSchema") {
        return;
    }
    match schema {
        Value::Object(members) => {
            // What is of several types at once has what each of them names.
            let inner = members.iter_mut().filter(|(name, _)| *name != "allOf");
            inner.for_each(|(name, member)| close(member, name));
            // A member can be called `properties`, too.
            let is_object = members.get("type") == Some(&json!("object"));
            let Some(properties) = members.get_mut("properties").filter(|it| is_object && it.is_object()) else {
                return;
            };
            if name == "params" {
                // Every request and every notification may have it.
                properties.as_object_mut().expect("it is one").entry("_meta").or_insert(json!({}));
            }
            members.entry("additionalProperties").or_insert(json!(false));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, "")),
        _ => {}
    }
}
