//! What changes on the other server while ours runs: its lists, which become ours, and what resources hold to which
//! our clients listen.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::Stream as _;
use futures_util::future::join_all;
use serde_json::{Map, Value};

use super::Upstream;
use crate::client::rounds::Pauses;
use crate::client::{Client, ServerChange, Subscription};
use crate::error::{Error, ErrorKind};
use crate::protocol::SubscriptionFilter;
use crate::server::Feed;

/// How long it is waited at most before the other server is asked once more for what it has refused or lost.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Whether a server says so of its tools, prompts or resources.
fn says(capability: Option<&Map<String, Value>>, what: &str) -> bool {
    capability.and_then(|it| it.get(what)).is_some_and(|it| it == true)
}

/// Hears of those lists that the server says may change; `None` if there are none.
pub(super) async fn hear_of_lists(client: &Client) -> Option<Subscription> {
    let capabilities = client.server_capabilities();
    let mut filter = SubscriptionFilter::new();
    filter.tools_list_changed = says(capabilities.tools.as_ref(), "listChanged");
    filter.prompts_list_changed = says(capabilities.prompts.as_ref(), "listChanged");
    filter.resources_list_changed = says(capabilities.resources.as_ref(), "listChanged");
    if filter == SubscriptionFilter::new() {
        return None;
    }
    match client.subscribe(filter).await {
        Ok(changes) => Some(changes).filter(|it| *it.filter() != SubscriptionFilter::new()),
        Err(error) => {
            tracing::warn!(%error, "the other server does not tell how its lists change");
            None
        }
    }
}

/// Whether the server tells what its resources hold.
pub(super) fn tells_of_resources(client: &Client) -> bool {
    says(client.server_capabilities().resources.as_ref(), "subscribe")
}

/// Passes on what changes, until there is nothing more to hear.
pub(super) async fn follow(upstream: Arc<Upstream>, feed: Feed, lists: Option<Subscription>) {
    let ended = upstream.client.wire.ended();
    let lists = async {
        if let Some(changes) = lists {
            follow_lists(&upstream, &feed, changes).await;
        }
    };
    let resources = async {
        if tells_of_resources(&upstream.client) {
            follow_resources(&upstream, &feed).await;
        }
    };
    let both = async { tokio::join!(lists, resources) };
    if ended.run_until_cancelled(both).await.is_none() {
        tracing::warn!("the connection to the other server ended: what it offered stays, and calls of it fail");
    }
}

/// Offers what the lists have whenever they are others.
async fn follow_lists(upstream: &Arc<Upstream>, feed: &Feed, mut changes: Subscription) {
    let all = changes.filter().clone();
    let mut pauses = Pauses::up_to(LONGEST_PAUSE);
    loop {
        let stale = match changes.next().await {
            Some(Ok(ServerChange::Tools)) => SubscriptionFilter::new().tools(),
            Some(Ok(ServerChange::Prompts)) => SubscriptionFilter::new().prompts(),
            Some(Ok(ServerChange::Resources)) => SubscriptionFilter::new().resources(),
            Some(Ok(ServerChange::Resource(_))) => continue,
            None | Some(Err(_)) => {
                // A server over HTTP may be restarted.
                changes = loop {
                    pauses.pause().await;
                    match upstream.client.subscribe(all.clone()).await {
                        Ok(changes) => break changes,
                        Err(error) if error.kind() == ErrorKind::Refused => {
                            tracing::warn!(%error, "the other server does not tell any more how its lists change");
                            return;
                        }
                        Err(error) => tracing::debug!(%error, "the other server cannot be listened to yet"),
                    }
                };
                // What has changed meanwhile, nobody has told.
                refresh(upstream, feed, &all).await;
                continue;
            }
        };
        pauses = Pauses::up_to(LONGEST_PAUSE);
        refresh(upstream, feed, &stale).await;
    }
}

/// Offers what these lists have now. What changes meanwhile is another change.
async fn refresh(upstream: &Arc<Upstream>, feed: &Feed, stale: &SubscriptionFilter) {
    let mut pauses = Pauses::up_to(LONGEST_PAUSE);
    loop {
        match upstream.offers(stale).await {
            Ok(offers) => {
                if let Err(error) = feed.replace(offers) {
                    tracing::error!(%error, "what the other server offers now does not fit; what it offered before stays");
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "the other server does not say yet what it offers now"),
        }
        pauses.pause().await;
    }
}

/// Listens to those resources to which our clients do.
async fn follow_resources(upstream: &Upstream, feed: &Feed) {
    let Some(mut interest) = feed.interest() else { return };
    interest.mark_changed();
    let mut watching = Watching { upstream, feed, all: Vec::new(), has_heard: false };
    let mut pauses = Pauses::up_to(LONGEST_PAUSE);
    let mut is_complete = true;
    loop {
        let again = async {
            match is_complete {
                true => std::future::pending().await,
                false => pauses.pause().await,
            }
        };
        is_complete = tokio::select! {
            changed = interest.changed() => match changed {
                Ok(()) => watching.become_those(feed.watched()).await,
                // The server is gone.
                Err(_) => return,
            },
            () = again => watching.become_those(feed.watched()).await,
            () = watching.end_of_one() => false,
        };
        if std::mem::take(&mut watching.has_heard) {
            pauses = Pauses::up_to(LONGEST_PAUSE);
        }
    }
}

/// What is listened to on the other server.
struct Watching<'f> {
    upstream: &'f Upstream,
    feed: &'f Feed,
    /// A modern server has a request for each, of which there are [few](MOST_REQUESTS); a legacy one is told of each
    /// resource by itself.
    all: Vec<Watched>,
    has_heard: bool,
}

/// One subscription, and the resources that it is about.
struct Watched {
    uris: BTreeSet<String>,
    subscription: Subscription,
}

impl Watched {
    async fn begin(upstream: &Upstream, uris: BTreeSet<String>) -> Result<Self, Error> {
        let filter = uris.iter().fold(SubscriptionFilter::new(), |filter, uri| filter.resource(uri));
        let subscription = upstream.client.subscribe(filter).await?;
        Ok(Self { uris, subscription })
    }
}

/// A subscription is a request that goes on, and so perhaps a connection. When there are so many, half of them become
/// one.
const MOST_REQUESTS: usize = 16;

impl Watching<'_> {
    /// Passes on what is heard until a subscription has ended, which is forgotten.
    async fn end_of_one(&mut self) {
        poll_fn(|cx| {
            let mut ended = None;
            for (place, watched) in self.all.iter_mut().enumerate() {
                loop {
                    match Pin::new(&mut watched.subscription).poll_next(cx) {
                        Poll::Ready(Some(Ok(change))) => {
                            self.has_heard = true;
                            tell(self.feed, change);
                        }
                        Poll::Ready(None | Some(Err(_))) => {
                            ended = Some(place);
                            break;
                        }
                        Poll::Pending => break,
                    }
                }
            }
            match ended {
                Some(place) => {
                    drop(self.all.swap_remove(place));
                    Poll::Ready(())
                }
                None => Poll::Pending,
            }
        })
        .await;
    }

    /// Listens to these. Whether that could be done, or it is of no use to try again.
    async fn become_those(&mut self, wanted: BTreeSet<String>) -> bool {
        self.all.retain(|watched| !watched.uris.is_disjoint(&wanted));
        let now: BTreeSet<&String> = self.all.iter().flat_map(|watched| &watched.uris).collect();
        let added: BTreeSet<String> = wanted.iter().filter(|uri| !now.contains(uri)).cloned().collect();
        if !self.upstream.client.protocol_version().is_modern() {
            let upstream = self.upstream;
            let each = added.into_iter().map(|uri| Watched::begin(upstream, BTreeSet::from([uri])));
            let mut is_complete = true;
            for made in join_all(each).await {
                is_complete &= self.go_on_with(made);
            }
            return is_complete;
        }
        // Those of which most is not wanted any more end, too.
        let is_waste = |watched: &Watched| 2 * watched.uris.intersection(&wanted).count() < watched.uris.len();
        self.all.sort_by_key(|watched| (!is_waste(watched), watched.uris.len()));
        let waste = self.all.iter().filter(|watched| is_waste(watched)).count();
        let is_full = !added.is_empty() && self.all.len() >= MOST_REQUESTS;
        let ends = waste.max(if is_full { MOST_REQUESTS / 2 } else { 0 });
        let moved = self.all.iter().take(ends).flat_map(|watched| watched.uris.intersection(&wanted));
        let uris: BTreeSet<String> = moved.cloned().chain(added).collect();
        if uris.is_empty() {
            return true;
        }
        let made = Watched::begin(self.upstream, uris).await;
        if made.is_ok() {
            // Not before the new one is there.
            self.all.drain(..ends);
        }
        self.go_on_with(made)
    }

    /// Listens to one more. Whether it is there, or it is of no use to try again.
    fn go_on_with(&mut self, made: Result<Watched, Error>) -> bool {
        match made {
            Ok(watched) => {
                // What has happened to these until the other server knew, or was on its way where an earlier one has
                // ended, nobody has told.
                watched.uris.iter().for_each(|uri| self.feed.resource_updated(uri));
                self.all.push(watched);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the other server does not tell what resources hold");
                error.kind() == ErrorKind::Refused
            }
        }
    }
}

fn tell(feed: &Feed, change: ServerChange) {
    if let ServerChange::Resource(uri) = change {
        feed.resource_updated(&uri);
    }
}
