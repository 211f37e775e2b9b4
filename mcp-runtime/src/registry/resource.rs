use std::collections::BTreeMap;
use std::convert::identity;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::spec::Details;
use super::template::Template;
use crate::context::{Context, Requester};
use crate::engine::Resume;
use crate::protocol::{Annotations, Icon, Meta, ReadResourceResult, ResourceContents, ResourceLink};
use crate::tool::{Completer, ErasedCompleter, Handler, IntoCompletion, IntoResourceResult, RESOURCE, Started};

/// A resource that needs no function: text, bytes, and with the feature `files` a file or the files of a directory; or
/// one that is known only when the program runs.
///
/// Its name is the last part of its URI, unless [`name`](Self::name) says otherwise.
///
/// ```
/// use mcp_runtime::Resource;
/// use mcp_runtime::prelude::*;
///
/// let server = Server::new("guide")
///     .resources(Resource::text("guide://welcome", "# Welcome").mime_type("text/markdown"))
///     .resources(Resource::bytes("guide://logo", b"...").mime_type("image/png").title("Our logo"));
/// ```
pub struct Resource {
    /// Its URI may be a template.
    pub(super) link: ResourceLink,
    pub(super) details: Details,
    pub(super) handler: Arc<Handler>,
    pub(super) completers: Vec<(String, ErasedCompleter)>,
}

impl Resource {
    /// Text at a URI. Its MIME type is `text/plain`, unless [`mime_type`](Self::mime_type) says
    /// otherwise.
    pub fn text(uri: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let size = text.len();
        Self::fixed(uri.into(), "text/plain", size, move || ResourceContents {
            text: Some(text.as_ref().to_owned()),
            ..ResourceContents::default()
        })
    }

    /// Bytes at a URI. Their MIME type is `application/octet-stream`, unless
    /// [`mime_type`](Self::mime_type) says otherwise.
    pub fn bytes(uri: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        let ResourceContents { blob, .. } = ResourceContents::blob("", "", &bytes);
        let size = bytes.as_ref().len();
        Self::fixed(uri.into(), "application/octet-stream", size, move || ResourceContents {
            blob: blob.clone(),
            ..ResourceContents::default()
        })
    }

    /// A resource whose contents a function makes. The URI may be a template: `function` gets the
    /// values of its variables, as text, and the context of each call, and returns what a function
    /// that carries [`#[resource]`](macro@crate::resource) may return.
    ///
    /// ```
    /// use mcp_runtime::Resource;
    /// use mcp_runtime::prelude::*;
    ///
    /// let table = Resource::new("tables://{name}", |variables, _ctx| async move {
    ///     (variables["name"] == "users").then(|| "id, name")
    /// });
    /// let server = Server::new("database").resources(table);
    /// ```
    pub fn new<F, R>(
        uri: impl Into<String>,
        function: impl Fn(BTreeMap<String, String>, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceResult,
    {
        let handler: Arc<Handler> = Arc::new(move |variables, context, mask_errors| {
            let variables = variables.iter().map(|(name, value)| (name.clone(), text_of(Some(value)))).collect();
            let future = function(variables, context());
            Started::running(async move { future.await.into_resource_result() }, identity, &RESOURCE, mask_errors)
        });
        let mut resource = Self::with(uri.into(), handler);
        resource.link.mime_type = R::MIME_TYPE.map(str::to_owned);
        resource
    }

    /// A resource as another server describes it.
    #[cfg(feature = "client")]
    pub(crate) fn of<F, R>(
        link: ResourceLink,
        function: impl Fn(BTreeMap<String, String>, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceResult,
    {
        let mut new = Self::new(link.uri.clone(), function);
        new.details.hints.clone_from(&link.annotations);
        new.details.icons.clone_from(&link.icons);
        new.details.meta.clone_from(&link.meta);
        new.details.size = link.size;
        new.link = link;
        new
    }

    /// How reads go on that ask their client, if not as [`Server::resume`](crate::Server::resume) says.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.details.resume(resume);
        self
    }

    fn fixed(
        uri: String,
        mime_type: &str,
        size: usize,
        contents: impl Fn() -> ResourceContents + Send + Sync + 'static,
    ) -> Self {
        let handler: Arc<Handler> = Arc::new(move |_: Map<String, Value>, _, mask_errors| {
            let result = ReadResourceResult::new([contents()]);
            Started::returned(Ok(Some(result)), &RESOURCE, mask_errors)
        });
        let mut resource = Self::with(uri, handler);
        resource.link.mime_type = Some(mime_type.to_owned());
        resource.details.size = size.try_into().ok();
        if Template::has_variables(&resource.link.uri) {
            let problem = "its URI has variables, and what it holds does not depend on them; write a URI without";
            resource.details.problems.push(problem.to_owned());
        }
        resource
    }

    pub(super) fn with(uri: String, handler: Arc<Handler>) -> Self {
        let name = name_of(&uri);
        Self { link: ResourceLink::new(uri, name), details: Details::default(), handler, completers: Vec::new() }
    }

    /// The programmatic name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.link.name = name.into();
        self
    }

    /// The name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.link.title = Some(title.into());
        self
    }

    /// What it is.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.link.description = Some(description.into());
        self
    }

    /// The MIME type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.link.mime_type = Some(mime_type.into());
        self
    }

    /// Who it is for and how much it matters.
    #[must_use]
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.details.hints = Some(annotations);
        self
    }

    /// Completes a variable of its URI, as `#[arg(complete = ..)]` does: with a function, or with values that are
    /// always the same ([`Completer`]).
    ///
    /// ```
    /// use mcp_runtime::Resource;
    ///
    /// let table = Resource::new("tables://{name}", async |variables, _ctx| format!("the table {}", variables["name"]))
    ///     .complete("name", ["users", "orders"]);
    /// ```
    #[must_use]
    pub fn complete<C: Completer<M>, M, N>(mut self, variable: impl Into<String>, completer: C) -> Self
    where
        C::Returned: IntoCompletion<N>,
    {
        self.completers.push((variable.into(), ErasedCompleter::new(completer)));
        self
    }

    /// Adds a picture for user interfaces.
    #[must_use]
    pub fn icon(mut self, icon: impl Into<Icon>) -> Self {
        self.details.icons([icon]);
        self
    }

    /// Its metadata.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.details.meta = Some(meta);
        self
    }

    /// For how long clients may keep what it holds; not at all by default.
    #[must_use]
    pub fn ttl(mut self, time: Duration) -> Self {
        self.details.ttl(time);
        self
    }

    /// What it holds is the same for everyone, so that anyone may keep it, not only the client that
    /// asked.
    #[must_use]
    pub fn cache_public(mut self) -> Self {
        self.details.cache_public();
        self
    }

    /// Who sees the resource and can read it.
    #[must_use]
    pub fn visible(mut self, visible: fn(&Requester) -> bool) -> Self {
        self.details.visible(visible);
        self
    }
}

/// The last part of a URI, of a template the last before its variables.
pub(super) fn name_of(uri: &str) -> String {
    let path = uri.split('{').next().unwrap_or_default().trim_end_matches('/');
    let (_, last) = path.rsplit_once(['/', ':']).unwrap_or(("", path));
    if last.is_empty() { path.trim_end_matches(':').to_owned() } else { last.trim_end_matches(':').to_owned() }
}

pub(super) fn text_of(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("uri", &self.link.uri).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_name_is_the_last_part_of_the_uri() {
        for (uri, expected) in [
            ("docs://guide/start.md", "start.md"),
            ("docs://readme", "readme"),
            ("docs://", "docs"),
            ("file:///srv/", "srv"),
            ("mailto:ada", "ada"),
            ("tables://{name}", "tables"),
            ("a://users/{id}/posts", "users"),
        ] {
            assert_eq!(name_of(uri), expected, "{uri}");
        }
    }
}
