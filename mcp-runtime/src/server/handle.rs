use std::fmt;
use std::sync::{Arc, Weak};

use super::live::{Amendment, Choice, Live};
use crate::error::{Error, ErrorKind};
use crate::protocol::{Change, ListKind};
use crate::registry::{Item, Offers, Prompts, Resources, Tools};

/// Changes what a server offers while it runs, and tells its clients. Made by
/// [`Server::handle`](crate::Server::handle); clones change the same server.
///
/// Clients that want to know are told that a list has changed
/// ([specification](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)). A client
/// that does not read fast enough hears once of what changed several times, so that it costs no more
/// memory than what it has subscribed to.
///
/// Calls that run go on when their tool is removed. A handle may live in a tool or a state; it does not keep
/// the server, and does nothing once that is gone.
///
/// ```
/// use mcp_runtime::Client;
/// use mcp_runtime::prelude::*;
///
/// /// Sign out.
/// #[tool]
/// fn sign_out() {}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let server = Server::new("accounts");
/// let handle = server.handle();
/// let client = Client::in_memory(server).connect().await?;
/// assert_eq!(client.list_tools().await?.len(), 0);
///
/// handle.add_tools(tools![sign_out])?;
/// let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await?;
/// assert_eq!(client.list_tools().await?.len(), 1);
///
/// handle.remove_tool("sign_out");
/// changes.next().await;
/// assert_eq!(client.list_tools().await?.len(), 0);
/// # Ok(())
/// # }
/// # use mcp_runtime::protocol::SubscriptionFilter;
/// ```
#[derive(Clone)]
pub struct ServerHandle {
    /// Tools hold handles, and must not keep the server that holds them.
    live: Weak<Live>,
}

impl ServerHandle {
    pub(super) fn new(live: &Arc<Live>) -> Self {
        Self { live: Arc::downgrade(live) }
    }

    /// Offers more tools, after those that there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when one of them has the name of another,
    /// or takes a state that the server does not have; then none of them is added. Before the server runs
    /// this is found when it starts. [`ErrorKind::Closed`](crate::ErrorKind::Closed) when the server is gone.
    pub fn add_tools(&self, tools: impl Into<Tools>) -> Result<(), Error> {
        self.add(Offers { tools: tools.into(), ..Offers::default() })
    }

    /// Offers more prompts, after those that there are.
    ///
    /// # Errors
    ///
    /// As [`add_tools`](Self::add_tools).
    pub fn add_prompts(&self, prompts: impl Into<Prompts>) -> Result<(), Error> {
        self.add(Offers { prompts: prompts.into(), ..Offers::default() })
    }

    /// Offers more resources, after those that there are.
    ///
    /// # Errors
    ///
    /// As [`add_tools`](Self::add_tools); resources are told apart by their URI.
    pub fn add_resources(&self, resources: impl Into<Resources>) -> Result<(), Error> {
        self.add(Offers { resources: resources.into(), ..Offers::default() })
    }

    /// Does not offer the tool of this name any more. Whether there was one.
    pub fn remove_tool(&self, name: impl Into<String>) -> bool {
        self.amend(Amendment::remove_tool(name.into()))
    }

    /// Does not offer the prompt of this name any more. Whether there was one.
    pub fn remove_prompt(&self, name: impl Into<String>) -> bool {
        self.amend(Amendment::remove_prompt(name.into()))
    }

    /// Does not offer the resource of this URI, or this template, any more. Whether there was one.
    pub fn remove_resource(&self, uri: impl Into<String>) -> bool {
        self.amend(Amendment::remove_resource(uri.into()))
    }

    /// Takes away, for everyone, those tools, prompts and resources of which `chosen` says so, until they are
    /// [enabled](Self::enable) again; they keep their places in the lists. Whether there was one.
    ///
    /// `chosen` is asked about all that the server offers now, and may use a handle itself. Before the server runs, it
    /// is asked when that starts.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Try something new.
    /// #[tool]
    /// fn experiment() {}
    ///
    /// let server = Server::new("lab").tools(tools![experiment].tag("beta"));
    /// server.handle().disable(|item| item.has_tag("beta"));
    /// ```
    pub fn disable(&self, chosen: impl Fn(Item<'_>) -> bool + Send + 'static) -> bool {
        self.amend(Amendment::Turn(false, Choice(Box::new(chosen))))
    }

    /// Brings back what was [disabled](Self::disable), as far as `chosen` says so. Whether there was something.
    pub fn enable(&self, chosen: impl Fn(Item<'_>) -> bool + Send + 'static) -> bool {
        self.amend(Amendment::Turn(true, Choice(Box::new(chosen))))
    }

    fn add(&self, offers: Offers) -> Result<(), Error> {
        let gone = || Error::new(ErrorKind::Closed, "the server that was to offer it is gone");
        self.live.upgrade().ok_or_else(gone)?.amend(Amendment::add(offers)).map(|_| ())
    }

    fn amend(&self, amendment: Amendment) -> bool {
        // Only what is added can be wrong.
        self.live.upgrade().is_some_and(|live| live.amend(amendment).unwrap_or_default())
    }

    /// Tells the clients that have subscribed to the resource of this URI, and still see it, that it holds something
    /// else now.
    pub fn resource_updated(&self, uri: &str) {
        self.changed(&Change::Resource(uri.into()));
    }

    /// Tells clients that the list of tools is not what it was. Only needed where something else than this
    /// handle changes it: who may see a tool, for example.
    pub fn tools_changed(&self) {
        self.changed(&Change::List(ListKind::Tools));
    }

    /// Tells clients that the list of prompts is not what it was, as [`tools_changed`](Self::tools_changed) does.
    pub fn prompts_changed(&self) {
        self.changed(&Change::List(ListKind::Prompts));
    }

    /// Tells clients that the list of resources is not what it was, as [`tools_changed`](Self::tools_changed)
    /// does.
    pub fn resources_changed(&self) {
        self.changed(&Change::List(ListKind::Resources));
    }
}

impl ServerHandle {
    fn changed(&self, change: &Change) {
        if let Some(live) = self.live.upgrade() {
            live.events().changed(change);
        }
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerHandle")
    }
}
