use serde::{Deserialize, Serialize};

use super::ResourceLink;

/// A resource as `resources/list` describes it ([specification]); it has the fields of a link.
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#resource
pub type Resource = ResourceLink;

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
}
