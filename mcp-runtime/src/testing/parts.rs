//! What functions of an author are given, made by hand for their unit tests.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::to_raw_value;

use crate::context::{Context, Requester};
use crate::engine::{Call, Kind, Round};
use crate::layer::{CallKind, CallRequest, CallResult};
use crate::protocol::{BoxFuture, Extensions, OnAnswer, Outlet, ServerNotification};
use crate::registry::Item;
use crate::tool::{Completing, PROMPT, RESOURCE, TOOL};

impl Requester {
    /// One of whom nothing is known but what came along, to test who sees what.
    ///
    /// ```
    /// use mcp_runtime::{Extensions, Requester};
    ///
    /// #[derive(Clone)]
    /// struct Admin;
    ///
    /// fn is_admin(requester: &Requester) -> bool {
    ///     requester.extensions().get::<Admin>().is_some()
    /// }
    ///
    /// assert!(is_admin(&Requester::for_test(Extensions::new().with(Admin))));
    /// assert!(!is_admin(&Requester::for_test(Extensions::new())));
    /// ```
    #[must_use]
    pub fn for_test(extensions: Extensions) -> Self {
        Self::new(Round::detached(extensions))
    }
}

impl<'i> Item<'i> {
    /// A tool, a prompt or a resource that there is not, to test who sees what, and what is disabled.
    ///
    /// ```
    /// use mcp_runtime::layer::CallKind;
    /// use mcp_runtime::{Item, Requester};
    ///
    /// fn is_for_all(item: Item<'_>) -> bool {
    ///     !item.has_tag("admin")
    /// }
    ///
    /// assert!(is_for_all(Item::for_test(CallKind::Tool, "add", &[])));
    /// assert!(!is_for_all(Item::for_test(CallKind::Tool, "delete_all", &["admin".into()])));
    /// ```
    #[must_use]
    pub fn for_test(kind: CallKind, name: &'i str, tags: &'i [Cow<'static, str>]) -> Self {
        Self { kind, name, tags }
    }
}

impl Completing {
    /// A request to complete the argument `name`, of which this was typed, to test what completes it. Nothing else is
    /// filled in, and nothing is known of who asks.
    ///
    /// ```
    /// use mcp_runtime::{Completing, State};
    ///
    /// fn frameworks(asked: &Completing) -> &'static [&'static str] {
    ///     if asked.text("language") == Some("rust") { &["axum", "rocket"] } else { &[] }
    /// }
    ///
    /// assert!(frameworks(&Completing::for_test("framework", "")).is_empty());
    /// let asked = Completing::for_test("framework", "a").with_argument("language", "rust").with_state(7_u8);
    /// assert_eq!(frameworks(&asked), ["axum", "rocket"]);
    /// assert_eq!(*asked.state::<u8>()?, 7);
    /// # Ok::<(), mcp_runtime::ToolError>(())
    /// ```
    #[must_use]
    pub fn for_test(name: impl Into<String>, typed: impl Into<String>) -> Self {
        let (name, typed) = (name.into(), typed.into());
        let requester = Requester::for_test(Extensions::new());
        Self { name, typed, arguments: BTreeMap::new(), requester, host: Arc::default() }
    }

    /// The same, with another argument filled in.
    #[must_use]
    pub fn with_argument(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.arguments.insert(name.into(), value.into());
        self
    }

    /// The same, on a server that has this state, too.
    #[must_use]
    pub fn with_state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        // One that was made for a test is nobody else's.
        if let Some(host) = Arc::get_mut(&mut self.host) {
            host.states.insert(state);
        }
        self
    }

    /// The same, asked by one with whom this came along.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Extensions) -> Self {
        self.requester = Requester::for_test(extensions);
        self
    }
}

impl CallRequest {
    /// A call that nobody makes, to test a layer. `function` stands for what is called: it gets the arguments, as the
    /// layers left them. The client of the call can be asked nothing, and hears nothing.
    ///
    /// ```
    /// use mcp_runtime::Extensions;
    /// use mcp_runtime::layer::{CallKind, CallRequest, CallResponse, CallResult, Next};
    /// use mcp_runtime::protocol::CallToolResult;
    /// use serde_json::json;
    ///
    /// async fn only_small(request: CallRequest, next: Next) -> CallResult {
    ///     match request.argument::<u32>("size") {
    ///         Some(size) if size > 10 => Err("that is too large".into()),
    ///         _ => next.run(request).await,
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let call = |size: u32| {
    ///     let made = async |arguments| Ok(CallResponse::Tool(CallToolResult::text(format!("{arguments}"))));
    ///     CallRequest::for_test(CallKind::Tool, "make", json!({ "size": size }), Extensions::new(), made)
    /// };
    /// assert_eq!(only_small(call(7), Next::for_test()).await.unwrap().joined_text(), r#"{"size":7}"#);
    /// assert!(only_small(call(11), Next::for_test()).await.is_err());
    /// # }
    /// ```
    #[must_use]
    pub fn for_test<F>(
        kind: CallKind,
        name: &str,
        arguments: Value,
        extensions: Extensions,
        function: impl FnOnce(Value) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = CallResult> + Send + 'static,
    {
        let kind: &'static Kind = match kind {
            CallKind::Tool => &TOOL,
            CallKind::Prompt => &PROMPT,
            CallKind::Resource => &RESOURCE,
        };
        let call = Call::new(Round::detached(extensions), Arc::new(Nowhere), None);
        // Nobody can be asked.
        call.end();
        let context = Context::new(call, Arc::default());
        let arguments = to_raw_value(&arguments).ok();
        Self::detached(kind, name, arguments, context, function)
    }
}

impl crate::layer::Next {
    /// What comes after a layer that is tested: the function of the [call](CallRequest::for_test).
    #[must_use]
    pub fn for_test() -> Self {
        Self
    }
}

/// The way to nobody.
struct Nowhere;

impl Outlet for Nowhere {
    fn notify(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn request(&self, _: usize, _: &'static str, _: Box<serde_json::value::RawValue>, _: OnAnswer) {}

    fn withdraw(&self, _: usize) {}
}
