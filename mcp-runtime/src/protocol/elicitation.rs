use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A question to the client's user ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElicitRequestParams {
    /// `form` or `url`; absent means `form`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// What the user is asked.
    pub message: String,
    /// The fields of the form, as JSON Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_schema: Option<Map<String, Value>>,
    /// The page to visit, in `url` mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Names the question in `url` mode, in 2025-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elicitation_id: Option<String>,
}

/// What the user answered ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#elicitresult
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ElicitResult {
    /// Whether they did.
    pub action: ElicitAction,
    /// The fields that they filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Map<String, Value>>,
}

impl ElicitResult {
    /// The user filled in these fields.
    #[must_use]
    pub fn accept(content: Map<String, Value>) -> Self {
        Self { action: ElicitAction::Accept, content: Some(content) }
    }

    /// The user said no.
    #[must_use]
    pub fn decline() -> Self {
        Self { action: ElicitAction::Decline, content: None }
    }

    /// The user went away without an answer.
    #[must_use]
    pub fn cancel() -> Self {
        Self { action: ElicitAction::Cancel, content: None }
    }
}

/// What the user did with a question ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#response-actions
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElicitAction {
    /// They answered it.
    Accept,
    /// They refused.
    Decline,
    /// They dismissed it.
    Cancel,
}
