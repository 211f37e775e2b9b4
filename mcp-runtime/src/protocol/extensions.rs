use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What came along with a request or a connection, by type: who is logged in, which tenant it is.
///
/// Whoever accepts a connection puts it there ([`Server::serve_with`](crate::Server::serve_with));
/// tools take it as [`Extension<T>`](crate::Extension). Clones share their values.
///
/// ```
/// use mcp_runtime::Extensions;
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct User(String);
///
/// let extensions = Extensions::new().with(User("ada".to_owned()));
/// assert_eq!(extensions.get::<User>(), Some(&User("ada".to_owned())));
/// assert_eq!(extensions.get::<u8>(), None);
/// ```
#[derive(Clone, Default)]
pub struct Extensions {
    by_type: Option<Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
    /// The HTTP request that it came with.
    #[cfg(feature = "http")]
    request: Option<Arc<http::request::Parts>>,
}

impl Extensions {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value; one of the same type goes.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        Arc::make_mut(self.by_type.get_or_insert_default()).insert(TypeId::of::<T>(), Arc::new(value));
        self
    }

    /// The value of this type.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let given = self.by_type.as_ref().and_then(|by_type| by_type.get(&TypeId::of::<T>())?.downcast_ref());
        #[cfg(feature = "http")]
        let given = given.or_else(|| {
            let request = self.request.as_deref()?;
            let of_request: [&dyn Any; 3] = [&request.headers, &request.uri, &request.method];
            let found = of_request.into_iter().find_map(<dyn Any>::downcast_ref);
            found.or_else(|| request.extensions.get())
        });
        given
    }

    /// Adds what an HTTP request brings along.
    #[cfg(feature = "http")]
    pub(crate) fn with_request(mut self, request: Arc<http::request::Parts>) -> Self {
        self.request = Some(request);
        self
    }

    /// Whether there is nothing but, at most, a value of this type.
    pub(crate) fn has_only<T: 'static>(&self) -> bool {
        #[cfg(feature = "http")]
        if self.request.is_some() {
            // Its headers may say anything.
            return false;
        }
        self.by_type.iter().flat_map(|by_type| by_type.keys()).all(|it| *it == TypeId::of::<T>())
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.by_type.as_ref().map_or(0, |it| it.len()))
    }
}
