use super::Context;
use crate::protocol::{Change, ListKind};

impl Context {
    /// Tells all clients that have subscribed to the resource of this URI that it holds something else now
    /// ([specification]), not only the one that calls.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Set the price of a product.
    /// #[tool]
    /// fn set_price(id: u32, _cents: u32, ctx: Context) {
    ///     // Here it is stored.
    ///     ctx.notify_resource_updated(&format!("product://{id}"));
    /// }
    /// ```
    ///
    /// Telling costs no waiting: a client that does not read hears once of what changed several times.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/resources#subscriptions
    pub fn notify_resource_updated(&self, uri: &str) {
        self.notify_changed(&Change::Resource(self.host.uri(uri).into()));
    }

    /// Tells all clients that want to know that the list of tools is not what it was: where who may see a tool
    /// has changed, for example. [`ServerHandle`](crate::ServerHandle) says so itself when it changes a list, and
    /// [`Server::handle`](crate::Server::handle) must have been called for clients to listen.
    pub fn notify_tools_changed(&self) {
        self.notify_changed(&Change::List(ListKind::Tools));
    }

    /// Tells all clients that want to know that the list of prompts is not what it was, as
    /// [`notify_tools_changed`](Self::notify_tools_changed) does.
    pub fn notify_prompts_changed(&self) {
        self.notify_changed(&Change::List(ListKind::Prompts));
    }

    /// Tells all clients that want to know that the list of resources is not what it was, as
    /// [`notify_tools_changed`](Self::notify_tools_changed) does.
    pub fn notify_resources_changed(&self) {
        self.notify_changed(&Change::List(ListKind::Resources));
    }

    fn notify_changed(&self, change: &Change) {
        self.host.events.changed(change);
    }
}
