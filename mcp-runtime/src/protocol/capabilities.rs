use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Meta, TASKS_EXTENSION};

/// A name, a version and how to show them: who a server or a client is ([specification]).
///
/// ```
/// use mcp_runtime::protocol::Implementation;
///
/// let me = Implementation::new("product-catalog", "1.0.0");
/// assert_eq!(me.name, "product-catalog");
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#implementation
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Implementation {
    /// The programmatic name.
    pub name: String,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The version of the program.
    pub version: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website_url: Option<String>,
    /// Pictures for a user interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
}

impl Implementation {
    /// An identity with a name and a version.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), ..Self::default() }
    }
}

/// A picture for a user interface ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic#icons
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Icon {
    /// An `https:` or `data:` URI.
    pub src: String,
    /// The MIME type, if the server that hosts the picture may give a wrong one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Sizes such as `48x48`, or `any`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<String>,
    /// `light` or `dark`: the background it is made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
}

impl From<&str> for Icon {
    fn from(src: &str) -> Self {
        Self::new(src)
    }
}

impl Icon {
    /// An icon at this URI.
    pub fn new(src: impl Into<String>) -> Self {
        Self { src: src.into(), ..Self::default() }
    }

    /// Names its MIME type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Adds a size such as `48x48`, or `any`.
    #[must_use]
    pub fn size(mut self, size: impl Into<String>) -> Self {
        self.sizes.push(size.into());
        self
    }
}

/// What a client can do for a server ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#clientcapabilities
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ClientCapabilities {
    /// Its model can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<SamplingCapability>,
    /// Its user can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elicitation: Option<ElicitationCapability>,
    /// It can list its roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots: Option<Map<String, Value>>,
    /// Extensions by identifier, each with its settings.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Value>,
    /// Anything that is not standard.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub experimental: Map<String, Value>,
}

impl ClientCapabilities {
    /// Only `sampling`, as an error names it.
    pub(crate) fn only_sampling() -> Self {
        Self { sampling: Some(SamplingCapability::default()), ..Self::default() }
    }

    /// `sampling` with `tools`, as an error names it.
    pub(crate) fn only_sampling_tools() -> Self {
        let sampling = SamplingCapability { tools: Some(Map::new()), ..SamplingCapability::default() };
        Self { sampling: Some(sampling), ..Self::default() }
    }

    /// Only `elicitation`, which means forms, as an error names it.
    pub(crate) fn only_elicitation() -> Self {
        Self { elicitation: Some(ElicitationCapability::default()), ..Self::default() }
    }

    /// `elicitation` with `form`, as an error names it to clients that declared something else.
    pub(crate) fn only_elicitation_form() -> Self {
        let elicitation = ElicitationCapability { form: Some(Map::new()), url: None };
        Self { elicitation: Some(elicitation), ..Self::default() }
    }

    /// `elicitation` with `url`, as an error names it.
    pub(crate) fn only_elicitation_url() -> Self {
        let elicitation = ElicitationCapability { form: None, url: Some(Map::new()) };
        Self { elicitation: Some(elicitation), ..Self::default() }
    }

    /// Only `roots`, as an error names it.
    pub(crate) fn only_roots() -> Self {
        Self { roots: Some(Map::new()), ..Self::default() }
    }

    /// The names of what is declared, for a sentence.
    pub(crate) fn names(&self) -> String {
        let mut names = Vec::new();
        if let Some(sampling) = &self.sampling {
            names.push(if sampling.tools.is_some() { "sampling.tools" } else { "sampling" });
        }
        match &self.elicitation {
            None => {}
            Some(ElicitationCapability { form: None, url: None }) => names.push("elicitation"),
            Some(ElicitationCapability { form, url }) => {
                names.extend(form.as_ref().map(|_| "elicitation.form"));
                names.extend(url.as_ref().map(|_| "elicitation.url"));
            }
        }
        if self.roots.is_some() {
            names.push("roots");
        }
        names.extend(self.extensions.keys().map(String::as_str));
        names.join(", ")
    }

    /// Whether calls may become tasks.
    pub(crate) fn has_tasks(&self) -> bool {
        self.extensions.get(TASKS_EXTENSION).is_some_and(Value::is_object)
    }

    pub(crate) fn only_tasks() -> Self {
        let extensions = Map::from_iter([(TASKS_EXTENSION.to_owned(), Value::Object(Map::new()))]);
        Self { extensions, ..Self::default() }
    }
}

/// How a client's model can be asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SamplingCapability {
    /// Tools may be offered to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Map<String, Value>>,
    /// Context of servers may be included (deprecated by the specification).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Map<String, Value>>,
}

/// How a client's user can be asked ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#capabilities
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ElicitationCapability {
    /// By a form. Neither `form` nor `url` means `form`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Map<String, Value>>,
    /// By a page at a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Map<String, Value>>,
}

impl ElicitationCapability {
    /// Whether the user can be given a form.
    #[must_use]
    pub fn has_form(&self) -> bool {
        self.form.is_some() || self.url.is_none()
    }

    /// Whether the user can be sent to a page.
    #[must_use]
    pub fn has_url(&self) -> bool {
        self.url.is_some()
    }
}

/// What a server offers ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#servercapabilities
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServerCapabilities {
    /// It sends log messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Map<String, Value>>,
    /// It completes arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<Map<String, Value>>,
    /// It has prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<Map<String, Value>>,
    /// It has resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Map<String, Value>>,
    /// It has tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Map<String, Value>>,
    /// Extensions by identifier, each with its settings.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Value>,
    /// Anything that is not standard.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub experimental: Map<String, Value>,
}

/// The parameters of `initialize`, the legacy handshake ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InitializeRequestParams {
    /// The newest revision that the client speaks; not always one that we know.
    pub protocol_version: String,
    /// What the client can do.
    pub capabilities: ClientCapabilities,
    /// Who the client is.
    pub client_info: Implementation,
}

/// The answer to `initialize` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2025-11-25/schema#initializeresult
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InitializeResult {
    /// The revision that the server chose.
    pub protocol_version: String,
    /// What the server offers.
    pub capabilities: ServerCapabilities,
    /// Who the server is.
    pub server_info: Implementation,
    /// Advice for the model about the server as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
}

/// The answer to `server/discover` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/discover
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DiscoverResult {
    /// The revisions that the server speaks.
    pub supported_versions: Vec<String>,
    /// What the server offers.
    pub capabilities: ServerCapabilities,
    /// Advice for the model about the server as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// For how long, in milliseconds, the answer may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Who may keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
    /// Metadata; holds the server's identity.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// Who may keep a cacheable result ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheScope {
    /// Anyone: the result is the same for every caller.
    Public,
    /// Only the caller that it was made for.
    Private,
}
