use serde::{Deserialize, Serialize};

use super::{Annotations, CacheScope, Icon, Meta, ResourceContents, ResourceLink};

/// A resource as `resources/list` describes it ([specification]); it has the fields of a link.
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#resource
pub type Resource = ResourceLink;

/// Resources whose URIs follow a template, as `resources/templates/list` describes them
/// ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#resourcetemplate
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourceTemplate {
    /// The URI template, as in RFC 6570.
    pub uri_template: String,
    /// Its programmatic name.
    pub name: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the resources are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The MIME type that all of them have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Pictures for a user interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
    /// Hints for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// The answer to `resources/list` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#listresourcesresult
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListResourcesResult {
    /// The resources of this page.
    pub resources: Vec<Resource>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// For how long, in milliseconds, the answer may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Who may keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
}

/// The answer to `resources/templates/list` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#listresourcetemplatesresult
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListResourceTemplatesResult {
    /// The templates of this page.
    pub resource_templates: Vec<ResourceTemplate>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// For how long, in milliseconds, the answer may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Who may keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
}

/// The answer to `resources/read` ([specification]).
///
/// A resource may build and return one itself when the usual return types do not say enough. What
/// its contents leave out (an empty URI, no MIME type) is that of the resource which was read:
///
/// ```
/// use mcp_runtime::protocol::{ReadResourceResult, ResourceContents};
///
/// let page = ResourceContents::text("docs://guide", "text/markdown", "# Guide");
/// let picture = ResourceContents::blob("docs://guide/picture", "image/png", b"...");
/// let result = ReadResourceResult::new([page, picture]);
/// assert_eq!(result.contents.len(), 2);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#readresourceresult
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReadResourceResult {
    /// What the resource holds.
    pub contents: Vec<ResourceContents>,
    /// For how long, in milliseconds, the answer may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Who may keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing)]
    pub meta: Option<Meta>,
}

impl ReadResourceResult {
    /// A result of these contents.
    pub fn new(contents: impl IntoIterator<Item = ResourceContents>) -> Self {
        Self { contents: contents.into_iter().collect(), ..Self::default() }
    }

    /// All text, joined by line breaks.
    #[must_use]
    pub fn joined_text(&self) -> String {
        let texts: Vec<_> = self.contents.iter().filter_map(|contents| contents.text.as_deref()).collect();
        texts.join("\n")
    }

    /// About how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        self.contents.iter().map(ResourceContents::size).sum()
    }
}
