use std::fmt;
use std::sync::Arc;

/// Who is authenticated at the other end. Whoever accepts a connection puts it among its
/// [`Extensions`](crate::Extensions); what a call leaves with its client (`requestState`, the id of a
/// task) is of no use to any other principal then.
///
/// ```
/// use mcp_runtime::{Extensions, Principal};
///
/// let extensions = Extensions::new().with(Principal::new("ada@example.com"));
/// assert_eq!(extensions.get::<Principal>().map(Principal::as_str), Some("ada@example.com"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A principal of this name, which no other has.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Principal").field(&self.0).finish()
    }
}
