use serde::{Deserialize, Serialize, Serializer};
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

impl ElicitRequestParams {
    /// A question with a form of these fields.
    pub fn form(message: impl Into<String>, requested_schema: Map<String, Value>) -> Self {
        Self {
            mode: Some(FORM.to_owned()),
            message: message.into(),
            requested_schema: Some(requested_schema),
            ..Self::default()
        }
    }

    /// A question that sends the user to a page.
    pub fn url(message: impl Into<String>, url: impl Into<String>) -> Self {
        Self { mode: Some(URL.to_owned()), message: message.into(), url: Some(url.into()), ..Self::default() }
    }

    /// Whether it has a form.
    #[must_use]
    pub fn is_form(&self) -> bool {
        self.mode.as_deref().is_none_or(|mode| mode == FORM)
    }

    /// Whether it sends the user to a page.
    #[must_use]
    pub fn is_url(&self) -> bool {
        self.mode.as_deref() == Some(URL)
    }

    /// The values that the form gives its fields before the user has touched them; fields without
    /// one are left out.
    ///
    /// ```
    /// use mcp_runtime::protocol::ElicitRequestParams;
    /// use serde_json::{Map, json};
    ///
    /// let properties = json!({ "pieces": { "type": "integer", "default": 1 }, "note": { "type": "string" } });
    /// let schema = Map::from_iter([("properties".to_owned(), properties)]);
    /// assert_eq!(json!(ElicitRequestParams::form("How many?", schema).defaults()), json!({ "pieces": 1 }));
    /// ```
    #[must_use]
    pub fn defaults(&self) -> Map<String, Value> {
        let properties = self.requested_schema.as_ref().and_then(|schema| schema.get("properties")?.as_object());
        let default = |(name, field): (&String, &Value)| Some((name.clone(), field.get("default")?.clone()));
        properties.into_iter().flatten().filter_map(default).collect()
    }
}

const FORM: &str = "form";
const URL: &str = "url";

/// What the user answered ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#elicitresult
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ElicitResult {
    /// Whether they did.
    pub action: ElicitAction,
    /// The fields that they filled in. One that is null was not, and is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "filled_in")]
    pub content: Option<Map<String, Value>>,
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn filled_in<S: Serializer>(content: &Option<Map<String, Value>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(content.iter().flatten().filter(|(_, value)| !value.is_null()))
}

impl ElicitResult {
    /// The user filled in these fields.
    #[must_use]
    pub fn accept(content: Map<String, Value>) -> Self {
        Self { action: ElicitAction::Accept, content: Some(content) }
    }

    /// The user agreed, where there is nothing to fill in: to open a page.
    #[must_use]
    pub fn agree() -> Self {
        Self { action: ElicitAction::Accept, content: None }
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
