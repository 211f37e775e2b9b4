use std::fmt;
use std::sync::OnceLock;

use crate::engine::Round;
use crate::protocol::{ClientCapabilities, Extensions, Implementation, Meta};

/// Who asks for something, as far as the request says it: what `#[tool(visible = ..)]` and
/// [`Inject`](crate::Inject) may know.
///
/// What a client says of itself is not verified. What came along as an extension is as good as
/// whoever put it there.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::Requester;
///
/// #[derive(Clone)]
/// struct Admin;
///
/// fn is_admin(requester: &Requester) -> bool {
///     requester.extensions().get::<Admin>().is_some()
/// }
///
/// /// Delete everything.
/// #[tool(visible = is_admin, annotations(destructive))]
/// fn delete_everything() {}
/// ```
pub struct Requester {
    round: Round,
    /// Decoded when somebody wants it.
    meta: OnceLock<Meta>,
}

impl Requester {
    pub(crate) fn new(round: Round) -> Self {
        Self { round, meta: OnceLock::new() }
    }

    /// Who the client says it is.
    #[must_use]
    pub fn client_info(&self) -> Option<&Implementation> {
        self.round.info()
    }

    /// What the client can do.
    #[must_use]
    pub fn client_capabilities(&self) -> &ClientCapabilities {
        self.round.capabilities()
    }

    /// The `_meta` of the request.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        self.meta.get_or_init(|| self.round.meta())
    }

    /// What came along with the request.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.round.extensions
    }
}

impl fmt::Debug for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester").field("client_info", &self.client_info()).finish_non_exhaustive()
    }
}
