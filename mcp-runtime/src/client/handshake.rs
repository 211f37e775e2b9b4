//! How a client and a server find out what both speak.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::builder::Era;
use super::process::Process;
use super::wire::Wire;
use super::{Client, Options, ServerFacts, decode};
use crate::error::{Error, ErrorKind};
use crate::protocol::{DiscoverResult, ErrorCode, ErrorObject, InitializeResult, Method, ProtocolVersion, keys};

/// Finds out what both speak.
pub(super) async fn meet(
    wire: Arc<Wire>,
    process: Option<Process>,
    options: Arc<Options>,
    era: Era,
) -> Result<Client, Error> {
    let server = match era {
        Era::Legacy => initialize(&wire, &options).await?,
        Era::Modern => discover(&wire, &options).await?,
        Era::Auto => match discover(&wire, &options).await {
            Err(error) if speaks_legacy(&error) => initialize(&wire, &options).await?,
            other => other?,
        },
    };
    if let Some(info) = &server.info {
        options.handlers.meet(info.clone());
    }
    Ok(Client { wire, process, options, server, learning: tokio::sync::Mutex::default() })
}

/// Whether a server that answered `server/discover` like this can be spoken to in a legacy
/// version: it gave an error that no modern server gives, or nothing, or named such a version.
fn speaks_legacy(error: &Error) -> bool {
    if let Some(mut supported) = refused_version(error) {
        return supported.any(is_legacy);
    }
    // A modern server answers a good request with other statuses; the rest says nothing of the version.
    if error.http_status().is_some_and(|status| !matches!(status, 400 | 404 | 405 | 406 | 409 | 415 | 422)) {
        return false;
    }
    match error.kind() {
        ErrorKind::Timeout | ErrorKind::Decode | ErrorKind::Http => true,
        ErrorKind::Refused => !error.peer_error().is_some_and(|error| {
            matches!(
                error.code,
                ErrorCode::UnsupportedProtocolVersion
                    | ErrorCode::MissingRequiredClientCapability
                    | ErrorCode::HeaderMismatch
            )
        }),
        _ => false,
    }
}

/// The versions that the server says it speaks, if it has refused one.
fn refused_version(error: &Error) -> Option<impl Iterator<Item = &str>> {
    let error = error.peer_error().filter(|error| error.code == ErrorCode::UnsupportedProtocolVersion)?;
    let supported = error.data.as_ref().and_then(|data| data.get("supported")?.as_array());
    Some(supported.into_iter().flatten().filter_map(Value::as_str))
}

fn is_latest(version: &str) -> bool {
    version == ProtocolVersion::LATEST.as_str()
}

fn is_legacy(version: &str) -> bool {
    version.parse().is_ok_and(|version: ProtocolVersion| !version.is_modern())
}

async fn discover(wire: &Wire, options: &Options) -> Result<ServerFacts, Error> {
    let method = Method::ServerDiscover.as_str();
    let params = options.params_for(ProtocolVersion::LATEST, Map::new());
    let time = options.probe_timeout.min(options.timeout);
    let answer = match wire.request(method, params.clone(), time, None).await {
        // It does speak what it was asked in.
        Err(error) if refused_version(&error).is_some_and(|mut supported| supported.any(is_latest)) => {
            wire.request(method, params, time, None).await?
        }
        other => other?,
    };
    let DiscoverResult { supported_versions, capabilities, instructions, meta, .. } = decode(method, answer.get())?;
    if !supported_versions.iter().any(|version| version == ProtocolVersion::LATEST.as_str()) {
        let supported: Vec<&str> = supported_versions.iter().map(String::as_str).collect();
        let error = ErrorObject::unsupported_version(ProtocolVersion::LATEST.as_str(), &supported);
        let message = format!("the server speaks protocol versions {}", supported.join(", "));
        return Err(Error::new(ErrorKind::Protocol, message).with_source(error));
    }
    let info = meta.and_then(|meta| serde_json::from_value(meta.get(keys::SERVER_INFO)?.clone()).ok());
    Ok(ServerFacts { version: ProtocolVersion::LATEST, info, capabilities, instructions })
}

async fn initialize(wire: &Wire, options: &Options) -> Result<ServerFacts, Error> {
    let method = Method::Initialize.as_str();
    let mut params = Map::new();
    params.insert("protocolVersion".to_owned(), json!(ProtocolVersion::LATEST_LEGACY));
    params.insert("capabilities".to_owned(), json!(options.capabilities()));
    params.insert("clientInfo".to_owned(), json!(options.info));
    let answer = wire.request(method, params, options.timeout, None).await?;
    let InitializeResult { protocol_version, capabilities, server_info, instructions } = decode(method, answer.get())?;
    let version = protocol_version.parse().ok().filter(|version: &ProtocolVersion| !version.is_modern());
    let version = version.ok_or_else(|| {
        Error::new(
            ErrorKind::Protocol,
            format!("the server wants to speak protocol version `{protocol_version}`, which this client does not"),
        )
    })?;
    wire.speaks(version);
    if let Some(sent) = wire.notify(Method::NotificationsInitialized, None) {
        // Nothing else may arrive before it.
        let _ = sent.await;
    }
    if let Some(level) = options.log_level().filter(|_| capabilities.logging.is_some()) {
        let mut params = Map::new();
        params.insert("level".to_owned(), json!(level));
        wire.request(Method::LoggingSetLevel.as_str(), params, options.timeout, None).await?;
    }
    Ok(ServerFacts { version, info: Some(server_info), capabilities, instructions })
}
