use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ListKind;

/// Which changes a client wants to hear of, and which of them a server tells ([specification]).
///
/// ```
/// use mcp_runtime::protocol::SubscriptionFilter;
///
/// let filter = SubscriptionFilter::new().tools().resource("docs://readme");
/// assert!(filter.tools_list_changed && !filter.prompts_list_changed);
/// assert_eq!(filter.resource_subscriptions, ["docs://readme"]);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions#notification-filter
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct SubscriptionFilter {
    /// The list of tools.
    #[serde(skip_serializing_if = "is_false")]
    pub tools_list_changed: bool,
    /// The list of prompts.
    #[serde(skip_serializing_if = "is_false")]
    pub prompts_list_changed: bool,
    /// The list of resources.
    #[serde(skip_serializing_if = "is_false")]
    pub resources_list_changed: bool,
    /// What these resources hold, by URI.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_subscriptions: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(it: &bool) -> bool {
    !it
}

impl SubscriptionFilter {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All three lists.
    #[must_use]
    pub fn lists(self) -> Self {
        self.tools().prompts().resources()
    }

    /// And the list of tools.
    #[must_use]
    pub fn tools(mut self) -> Self {
        self.tools_list_changed = true;
        self
    }

    /// And the list of prompts.
    #[must_use]
    pub fn prompts(mut self) -> Self {
        self.prompts_list_changed = true;
        self
    }

    /// And the list of resources.
    #[must_use]
    pub fn resources(mut self) -> Self {
        self.resources_list_changed = true;
        self
    }

    /// And what the resource of this URI holds.
    #[must_use]
    pub fn resource(mut self, uri: impl Into<String>) -> Self {
        self.resource_subscriptions.push(uri.into());
        self
    }

    /// Whether it has this list.
    pub(crate) const fn has(&self, list: ListKind) -> bool {
        match list {
            ListKind::Tools => self.tools_list_changed,
            ListKind::Prompts => self.prompts_list_changed,
            ListKind::Resources | ListKind::ResourceTemplates => self.resources_list_changed,
        }
    }
}

/// Something of a server that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    List(ListKind),
    /// What the resource of this URI holds.
    Resource(Arc<str>),
}
