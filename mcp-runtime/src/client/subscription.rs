//! What a client hears of changes: one stream, whichever way its server tells them.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use serde::Deserialize;
use serde_json::{Map, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::cache::Cache;
use super::incoming::Outcome;
use super::wire::{Wire, closed, refused};
use super::{Client, timed_out};
use crate::error::{Error, ErrorKind};
use crate::protocol::{BoxFuture, Change, ListKind, Method, Raw, RequestId, SubscriptionFilter};
use crate::subscription::{self, Events, Sight};

/// Something of a server that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerChange {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources, or that of their templates.
    Resources,
    /// What the resource of this URI holds, or a part of it.
    Resource(String),
}

impl From<Change> for ServerChange {
    fn from(change: Change) -> Self {
        match change {
            Change::List(ListKind::Tools) => Self::Tools,
            Change::List(ListKind::Prompts) => Self::Prompts,
            Change::List(ListKind::Resources | ListKind::ResourceTemplates) => Self::Resources,
            Change::Resource(uri) => Self::Resource(uri.as_ref().to_owned()),
        }
    }
}

/// What changes on a server: a [`Stream`] that goes on until the server ends it or it is dropped. Made by
/// [`Client::subscribe`].
///
/// What changed several times before it was taken comes once.
#[must_use = "nothing is heard of a subscription that is dropped"]
pub struct Subscription {
    filter: SubscriptionFilter,
    changes: subscription::Subscription,
    waker: Arc<Mutex<Waker>>,
    /// Ready when the server has ended it, or the connection has.
    end: Option<BoxFuture<'static, Result<(), Error>>>,
    _gone: GivenUp,
}

impl Client {
    /// Hears of changes from now on: of the server's lists, and of what resources hold ([specification]).
    ///
    /// A subscription over HTTP that was lost is made again, several times if need be. What happened meanwhile nobody
    /// tells: all that was subscribed to comes as changed then.
    ///
    /// A server may know less than it was asked for; [`Subscription::filter`] has what it tells. Legacy
    /// servers, which say it otherwise, are asked in their own way. What was kept of these lists and resources is
    /// asked for anew.
    ///
    /// ```
    /// use mcp_runtime::client::ServerChange;
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::protocol::SubscriptionFilter;
    /// use mcp_runtime::{Client, Resource};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let server = Server::new("weather").resources(Resource::text("weather://today", "rain"));
    /// let handle = server.handle();
    /// let client = Client::in_memory(server).connect().await?;
    /// let mut changes = client.subscribe(SubscriptionFilter::new().resource("weather://today")).await?;
    /// handle.resource_updated("weather://today");
    /// assert_eq!(changes.next().await.transpose()?, Some(ServerChange::Resource("weather://today".to_owned())));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, and those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
    pub async fn subscribe(&self, filter: SubscriptionFilter) -> Result<Subscription, Error> {
        let subscription = match self.protocol_version().has(Method::SubscriptionsListen) {
            true => self.listen(filter).await?,
            false => self.subscribe_to_each(filter).await?,
        };
        // What has changed before, nobody has told.
        self.wire.changes().void(&subscription.filter);
        Ok(subscription)
    }

    async fn listen(&self, filter: SubscriptionFilter) -> Result<Subscription, Error> {
        let method = Method::SubscriptionsListen.as_str();
        let params = Map::from_iter([("notifications".to_owned(), json!(filter))]);
        let (acknowledged, acknowledgement) = oneshot::channel();
        let events = Arc::<Events>::default();
        let uris = filter.resource_subscriptions.clone();
        let listening = Listening { events: events.clone(), uris, acknowledged: Some(acknowledged) };
        // It listens before the request is made: the first change may come right behind the acknowledgement.
        let (changes, waker) = listener(&events, filter);
        let params = self.options.params_for(self.protocol_version(), params);
        let (id, mut outcome) = self.wire.listen(method, params, listening)?;
        let gone = GivenUp::Request { wire: Arc::downgrade(&self.wire), id };
        let ended = move |outcome: Result<Outcome, _>| match outcome {
            Ok(Ok(answer)) => answer.map(drop).map_err(|error| refused(method, error)),
            Ok(Err(error)) => Err(error),
            Err(oneshot::error::RecvError { .. }) => Err(closed(method)),
        };
        let first = async {
            tokio::select! {
                biased;
                filter = acknowledgement => filter.map_err(|_| closed(method)),
                outcome = &mut outcome => Err(match ended(outcome) {
                    Ok(()) => Error::new(ErrorKind::Protocol, "the server ended a subscription before it began"),
                    Err(error) => error,
                }),
            }
        };
        let time = self.options.timeout;
        let filter = timeout(time, first).await.map_err(|_| timed_out(method, time))??;
        let end = async move { ended(outcome.await) };
        Ok(Subscription { filter, changes, waker, end: Some(Box::pin(end)), _gone: gone })
    }

    async fn subscribe_to_each(&self, mut filter: SubscriptionFilter) -> Result<Subscription, Error> {
        let capabilities = self.server_capabilities();
        let says = |capability: &Option<Map<String, serde_json::Value>>, what: &str| {
            capability.as_ref().and_then(|it| it.get(what)).is_some_and(|it| it == true)
        };
        filter.tools_list_changed &= says(&capabilities.tools, "listChanged");
        filter.prompts_list_changed &= says(&capabilities.prompts, "listChanged");
        filter.resources_list_changed &= says(&capabilities.resources, "listChanged");
        if !says(&capabilities.resources, "subscribe") {
            filter.resource_subscriptions.clear();
        }
        self.wire.link().hears_changes().await;
        let mut gone = Watched { wire: Arc::downgrade(&self.wire), uris: Vec::new() };
        let (changes, waker) = listener(self.wire.changes().events(), filter.clone());
        for uri in std::mem::take(&mut filter.resource_subscriptions) {
            if gone.uris.contains(&uri) {
                continue;
            }
            self.wire.changes().watch(&uri);
            gone.uris.push(uri.clone());
            let params = Map::from_iter([("uri".to_owned(), json!(uri))]);
            // Also when others have asked: what became of that is not known yet, or not true any more.
            match self.request(Method::ResourcesSubscribe.as_str(), params).await {
                Ok(_) => filter.resource_subscriptions.push(uri),
                // One that is not there is left out, as servers do it since 2026-07-28.
                Err(error) if error.kind() == ErrorKind::Refused => {
                    changes.unwatch(&uri);
                    gone.uris.pop();
                    self.wire.changes().unwatch(&uri, || {});
                }
                Err(error) => return Err(error),
            }
        }
        let ended = self.wire.ended();
        let end = async move {
            ended.cancelled_owned().await;
            Err(Error::new(ErrorKind::Closed, "the connection ended, and the subscription with it"))
        };
        Ok(Subscription { filter, changes, waker, end: Some(Box::pin(end)), _gone: GivenUp::Resources(gone) })
    }
}

fn listener(events: &Arc<Events>, filter: SubscriptionFilter) -> (subscription::Subscription, Arc<Mutex<Waker>>) {
    let waker = Arc::new(Mutex::new(Waker::noop().clone()));
    let changes = events.subscribe(filter, &Sight::unlimited(), {
        let waker = waker.clone();
        move || {
            let waker = waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
            waker.wake();
        }
    });
    (changes, waker)
}

impl Subscription {
    /// What the server tells of what it was asked for.
    #[must_use]
    pub fn filter(&self) -> &SubscriptionFilter {
        &self.filter
    }

    /// The next change; `None` when the server has ended the subscription, as when it shuts down.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] when the connection ended without a word, [`ErrorKind::Refused`] when the server
    /// ended the subscription with an error. Nothing comes after an error.
    pub async fn next(&mut self) -> Option<Result<ServerChange, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Subscription {
    type Item = Result<ServerChange, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
        // Its end comes after everything else, also when it is there first.
        let ended = match &mut self.end {
            Some(end) => end.as_mut().poll(cx),
            None => Poll::Ready(Ok(())),
        };
        if let Some(change) = self.changes.next() {
            if let Poll::Ready(ended) = ended {
                self.end = Some(Box::pin(std::future::ready(ended)));
            }
            return Poll::Ready(Some(Ok(change.into())));
        }
        let Poll::Ready(ended) = ended else { return Poll::Pending };
        self.end = None;
        Poll::Ready(ended.err().map(Err))
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("filter", &self.filter).finish_non_exhaustive()
    }
}

/// Tells the server that nobody listens any more, when it is dropped.
enum GivenUp {
    /// By the id of the request.
    Request {
        wire: Weak<Wire>,
        id: i64,
    },
    Resources(#[expect(dead_code, reason = "it is there to be dropped")] Watched),
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Self::Request { wire, id } = self
            && let Some(wire) = wire.upgrade()
        {
            wire.end_listening(*id);
        }
    }
}

/// The resources that somebody listens to, of a legacy server.
struct Watched {
    wire: Weak<Wire>,
    uris: Vec<String>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some(wire) = self.wire.upgrade() else { return };
        for uri in &self.uris {
            let params = || Map::from_iter([("uri".to_owned(), json!(uri))]);
            wire.changes().unwatch(uri, || wire.forget(Method::ResourcesUnsubscribe, params()));
        }
    }
}

/// Everything that a client hears of changes.
pub(super) struct Changes {
    /// What is said to nobody in particular.
    events: Arc<Events>,
    /// By the id of the request that made the subscription.
    listening: Mutex<HashMap<i64, Listening>>,
    /// How many listen to each resource of a legacy server.
    watched: Mutex<HashMap<String, usize>>,
    cache: Arc<Cache>,
}

/// A subscription whose server names it.
pub(super) struct Listening {
    events: Arc<Events>,
    /// The resources that it is about.
    uris: Vec<String>,
    acknowledged: Option<oneshot::Sender<SubscriptionFilter>>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(rename = "_meta")]
    meta: Option<SaidOf>,
    uri: Option<String>,
    notifications: Option<SubscriptionFilter>,
}

#[derive(Deserialize)]
struct SaidOf {
    #[serde(rename = "io.modelcontextprotocol/subscriptionId")]
    subscription: Option<RequestId>,
}

impl Changes {
    pub(super) fn new(cache: Arc<Cache>) -> Self {
        Self { events: Arc::default(), listening: Mutex::default(), watched: Mutex::default(), cache }
    }

    fn events(&self) -> &Arc<Events> {
        &self.events
    }

    fn listening(&self) -> MutexGuard<'_, HashMap<i64, Listening>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn void(&self, filter: &SubscriptionFilter) {
        for list in [ListKind::Tools, ListKind::Prompts, ListKind::Resources] {
            if filter.has(list) {
                self.cache.void(&Change::List(list));
            }
        }
        filter.resource_subscriptions.iter().for_each(|uri| self.cache.void(&Change::Resource(uri.as_str().into())));
    }

    pub(super) fn begin(&self, id: i64, listening: Listening) {
        self.listening().insert(id, listening);
    }

    pub(super) fn end(&self, id: i64) {
        let ended = self.listening().remove(&id);
        drop(ended);
    }

    /// One more listens to a resource.
    fn watch(&self, uri: &str) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        *watched.entry(uri.to_owned()).or_default() += 1;
    }

    /// One less does. `last` is called for the last of them, before there can be another first one.
    fn unwatch(&self, uri: &str, last: impl FnOnce()) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = watched.get_mut(uri) else { return };
        *count -= 1;
        if *count == 0 {
            watched.remove(uri);
            last();
        }
    }

    /// The resources of a legacy server that somebody listens to.
    #[cfg(feature = "client-http")]
    pub(super) fn watched(&self) -> Vec<String> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// What is said to nobody in particular was not heard for a while: everything may have changed.
    #[cfg(feature = "client-http")]
    pub(super) fn missed(&self) {
        self.all_changed(&self.events, self.watched());
    }

    fn all_changed(&self, events: &Events, uris: Vec<String>) {
        let lists = [ListKind::Tools, ListKind::Prompts, ListKind::Resources].map(Change::List);
        for change in lists.into_iter().chain(uris.into_iter().map(|uri| Change::Resource(uri.into()))) {
            self.cache.void(&change);
            events.changed(&change);
        }
    }

    /// Hears a notification. Whether it is one of changes.
    pub(super) fn hear(&self, method: &str, params: Option<Raw<'_>>) -> bool {
        let said: Option<Said> = params.and_then(|params| serde_json::from_str(params.get()).ok());
        let list = |kind| Some(Change::List(kind));
        let change = match Method::from_name(method) {
            Some(Method::NotificationsToolsListChanged) => list(ListKind::Tools),
            Some(Method::NotificationsPromptsListChanged) => list(ListKind::Prompts),
            Some(Method::NotificationsResourcesListChanged) => list(ListKind::Resources),
            Some(Method::NotificationsResourcesUpdated) => {
                said.as_ref().and_then(|said| said.uri.as_deref()).map(|uri| Change::Resource(uri.into()))
            }
            Some(Method::NotificationsSubscriptionsAcknowledged) => None,
            _ => return false,
        };
        if let Some(change) = &change {
            self.cache.void(change);
        }
        let id = said.as_ref().and_then(|said| said.meta.as_ref()?.subscription.as_ref());
        match (id, change) {
            (None, Some(change)) => {
                let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
                let changes = about(change, watched.keys());
                drop(watched);
                changes.iter().for_each(|change| self.events.changed(change));
            }
            (Some(RequestId::Number(id)), change) => {
                let mut listening = self.listening();
                let Some(it) = listening.get_mut(id) else { return true };
                match change {
                    None => match it.acknowledged.take() {
                        Some(acknowledged) => {
                            let filter = said.and_then(|said| said.notifications).unwrap_or_default();
                            let _ = acknowledged.send(filter);
                        }
                        // It was lost in between, and who knows what has happened since.
                        None => {
                            let (events, uris) = (it.events.clone(), it.uris.clone());
                            drop(listening);
                            self.all_changed(&events, uris);
                        }
                    },
                    Some(change) => {
                        let (events, changes) = (it.events.clone(), about(change, it.uris.iter()));
                        drop(listening);
                        changes.iter().for_each(|change| events.changed(change));
                    }
                }
            }
            _ => tracing::debug!(method, "a notification came for a subscription that this client does not have"),
        }
        true
    }
}

/// What a change is about, as it was subscribed to: a server may name the part that has changed, of which there may be
/// several wholes.
fn about<'u>(change: Change, uris: impl Iterator<Item = &'u String>) -> Vec<Change> {
    let Change::Resource(changed) = &change else { return vec![change] };
    let is_part = |uri: &&String| {
        let rest = changed.strip_prefix(uri.as_str());
        rest.is_some_and(|rest| rest.is_empty() || uri.ends_with('/') || rest.starts_with(['/', '?', '#']))
    };
    let wholes: Vec<_> = uris.filter(is_part).map(|whole| Change::Resource(whole.as_str().into())).collect();
    if wholes.is_empty() { vec![change] } else { wholes }
}

#[cfg(test)]
mod tests {
    use super::{Change, about};

    #[test]
    fn a_part_of_a_resource_is_one_of_all_that_have_it() {
        let uris = ["file:///a/", "file:///a/b/", "file:///c"].map(str::to_owned);
        for (changed, expected) in [
            ("file:///a/x", vec!["file:///a/"]),
            ("file:///a/b/x", vec!["file:///a/", "file:///a/b/"]),
            ("file:///a/b/", vec!["file:///a/", "file:///a/b/"]),
            ("file:///c", vec!["file:///c"]),
            ("file:///c/x", vec!["file:///c"]),
            ("file:///cd", vec!["file:///cd"]),
            ("file:///d", vec!["file:///d"]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|uri| Change::Resource(uri.into())).collect();
            assert_eq!(about(Change::Resource(changed.into()), uris.iter()), expected, "{changed}");
        }
    }
}
