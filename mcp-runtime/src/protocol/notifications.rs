use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Method, RequestId};

/// The token by which a client knows the progress of its request ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress
pub type ProgressToken = RequestId;

/// How far a request has come ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProgressNotificationParams {
    /// Which request.
    pub progress_token: ProgressToken,
    /// How far; it grows with every notification.
    pub progress: f64,
    /// How far it goes, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What is going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How severe a log message is, as in RFC 5424 ([specification]). Levels are ordered.
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging#log-levels
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoggingLevel {
    /// Details for debugging.
    Debug,
    /// What goes on.
    Info,
    /// Normal but worth a look.
    Notice,
    /// Something may be wrong.
    Warning,
    /// Something failed.
    Error,
    /// A part of the program failed.
    Critical,
    /// Someone must act now.
    Alert,
    /// Nothing works.
    Emergency,
}

/// A log message for the client ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoggingMessageNotificationParams {
    /// How severe it is.
    pub level: LoggingLevel,
    /// Who logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logger: Option<String>,
    /// The message: text or any JSON.
    pub data: Value,
}

/// The end of a request that its sender no longer wants ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/cancellation
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CancelledNotificationParams {
    /// Which request.
    pub request_id: RequestId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a server tells a client while a request runs.
#[derive(Debug, Clone)]
pub(crate) enum ServerNotification {
    Progress(ProgressNotificationParams),
    Message(LoggingMessageNotificationParams),
}

impl ServerNotification {
    pub(crate) const fn method(&self) -> Method {
        match self {
            Self::Progress(_) => Method::NotificationsProgress,
            Self::Message(_) => Method::NotificationsMessage,
        }
    }
}
