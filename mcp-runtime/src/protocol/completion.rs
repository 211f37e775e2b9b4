use serde::{Deserialize, Serialize};

use super::Meta;

/// The answer to `completion/complete` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#completeresult
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompleteResult {
    /// What the argument may be completed to.
    pub completion: Completion,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing)]
    pub meta: Option<Meta>,
}

/// Values that complete an argument, the best ones first ([specification]).
///
/// A function that completes an argument may build and return one itself when it has ranked its values already,
/// or does not know all of them:
///
/// ```
/// use mcp_runtime::protocol::Completion;
///
/// let completion = Completion::new(["python", "pytorch"]).total(10).has_more(true);
/// assert_eq!(completion.values, ["python", "pytorch"]);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion#completion-results
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Completion {
    /// The values, at most [`Completion::MOST`].
    pub values: Vec<String>,
    /// How many there are, also beyond those, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Whether there are more than those.
    #[serde(default)]
    pub has_more: bool,
}

impl Completion {
    /// How many values one answer has at most.
    pub const MOST: usize = 100;

    /// These values, in this order.
    pub fn new(values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { values: values.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Says how many values there are, also beyond these.
    #[must_use]
    pub fn total(mut self, total: u64) -> Self {
        self.total = Some(total);
        self
    }

    /// Says whether there are more values than these.
    #[must_use]
    pub fn has_more(mut self, has_more: bool) -> Self {
        self.has_more = has_more;
        self
    }

    /// As much of it as one answer may have.
    pub(crate) fn cut(mut self) -> Self {
        let all = self.values.len();
        if all > Self::MOST {
            self.values.truncate(Self::MOST);
            self.total = self.total.or(all.try_into().ok());
            self.has_more = true;
        }
        self
    }
}
