//! What changes on the other server while ours runs: its lists, which become ours, and what resources hold to which
//! our clients listen.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream as _;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Upstream;
use crate::client::rounds::Pauses;
use crate::client::{Client, ServerChange, Subscription};
use crate::error::{Error, ErrorKind};
use crate::protocol::{BoxFuture, Method, SubscriptionFilter};
use crate::server::Feed;
use crate::side_by_side::{MOST, in_order};

/// How long it is waited the first time before the other server is asked once more.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long it is waited at most before the other server is asked once more for what it has refused or lost.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Whether a server says so of its tools, prompts or resources.
fn says(capability: Option<&Map<String, Value>>, what: &str) -> bool {
    capability.and_then(|it| it.get(what)).is_some_and(|it| it == true)
}

/// Whether it is of no use to ask again: the server itself has said no, and not with a status that means "not now".
pub(super) fn is_final(error: &Error) -> bool {
    let may_pass = error.http_status().is_some_and(|status| status >= 500 || matches!(status, 408 | 425 | 429));
    error.kind() == ErrorKind::Refused && !may_pass
}

/// The lists of which is heard.
pub(super) struct Lists {
    all: SubscriptionFilter,
    /// `None` while the other server cannot be listened to.
    changes: Option<Subscription>,
}

/// Hears of those lists that the server says may change; `None` if there are none, or it does not tell.
pub(super) async fn hear_of_lists(client: &Client) -> Option<Lists> {
    let capabilities = client.server_capabilities();
    let mut all = SubscriptionFilter::new();
    all.tools_list_changed = says(capabilities.tools.as_ref(), "listChanged");
    all.prompts_list_changed = says(capabilities.prompts.as_ref(), "listChanged");
    all.resources_list_changed = says(capabilities.resources.as_ref(), "listChanged");
    if all == SubscriptionFilter::new() {
        return None;
    }
    match client.subscribe(all.clone()).await {
        Ok(changes) if *changes.filter() == SubscriptionFilter::new() => None,
        Ok(changes) => Some(Lists { all: changes.filter().clone(), changes: Some(changes) }),
        Err(error) if is_final(&error) => {
            tracing::warn!(%error, "the other server does not tell how its lists change");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the other server does not tell yet how its lists change");
            Some(Lists { all, changes: None })
        }
    }
}

/// Whether the server tells what its resources hold.
pub(super) fn tells_of_resources(client: &Client) -> bool {
    says(client.server_capabilities().resources.as_ref(), "subscribe")
}

/// Passes on what changes, until the connection ends.
pub(super) async fn follow(upstream: Arc<Upstream>, feed: Feed, lists: Option<Lists>) {
    let ended = upstream.client.wire.ended();
    let stale = Stale::default();
    let listening = async {
        if let Some(lists) = lists {
            follow_lists(&upstream, lists, &stale).await;
        }
    };
    let resources = async {
        if tells_of_resources(&upstream.client) {
            follow_resources(&upstream, &feed, &stale.others).await;
        }
    };
    let all = async {
        tokio::join!(
            // What was heard before an answer came is not asked for twice.
            biased;
            listening,
            resources,
            keep(&upstream, &feed, &stale, SubscriptionFilter::new().tools()),
            keep(&upstream, &feed, &stale, SubscriptionFilter::new().prompts()),
            keep(&upstream, &feed, &stale, SubscriptionFilter::new().resources()),
        )
    };
    if ended.run_until_cancelled(all).await.is_none() {
        tracing::warn!("the connection to the other server ended: what it offered stays, and calls of it fail");
    }
}

/// Which lists are to be asked for again. What is said of one twice before it is asked for counts once.
#[derive(Default)]
struct Stale {
    tools: Notify,
    prompts: Notify,
    resources: Notify,
    /// There may be other resources than before: those that could not be listened to may be there now.
    others: Notify,
}

impl Stale {
    fn mark(&self, lists: &SubscriptionFilter) {
        let each = [
            (lists.tools_list_changed, &self.tools),
            (lists.prompts_list_changed, &self.prompts),
            (lists.resources_list_changed, &self.resources),
        ];
        each.into_iter().filter(|(is_stale, _)| *is_stale).for_each(|(_, list)| list.notify_one());
    }
}

/// Hears which lists are others, as long as the other server tells it.
async fn follow_lists(upstream: &Upstream, lists: Lists, stale: &Stale) {
    let Lists { all, mut changes } = lists;
    let mut pauses = Pauses::up_to(LONGEST_PAUSE);
    loop {
        let next = match &mut changes {
            Some(changes) => changes.next().await,
            None => None,
        };
        match next {
            Some(Ok(ServerChange::Tools)) => stale.mark(&SubscriptionFilter::new().tools()),
            Some(Ok(ServerChange::Prompts)) => stale.mark(&SubscriptionFilter::new().prompts()),
            Some(Ok(ServerChange::Resources)) => stale.mark(&SubscriptionFilter::new().resources()),
            Some(Ok(ServerChange::Resource(_))) => continue,
            None | Some(Err(_)) => {
                // A server over HTTP may be restarted.
                pauses.pause().await;
                changes = match upstream.client.subscribe(all.clone()).await {
                    Ok(changes) => {
                        // What has changed meanwhile, nobody has told.
                        stale.mark(&all);
                        Some(changes)
                    }
                    Err(error) if is_final(&error) => {
                        tracing::warn!(%error, "the other server does not tell any more how its lists change");
                        return;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the other server cannot be listened to yet");
                        None
                    }
                };
                continue;
            }
        }
        pauses = Pauses::up_to(LONGEST_PAUSE);
    }
}

/// Offers what one list has whenever it is another.
async fn keep(upstream: &Arc<Upstream>, feed: &Feed, stale: &Stale, list: SubscriptionFilter) {
    let is_stale = match (list.tools_list_changed, list.prompts_list_changed) {
        (true, _) => &stale.tools,
        (false, true) => &stale.prompts,
        (false, false) => &stale.resources,
    };
    loop {
        is_stale.notified().await;
        refresh(upstream, feed, &list).await;
        if list.resources_list_changed {
            stale.others.notify_one();
        }
    }
}

/// Offers what this list has now. What changes meanwhile is another change.
async fn refresh(upstream: &Arc<Upstream>, feed: &Feed, list: &SubscriptionFilter) {
    let mut pauses = Pauses::up_to(LONGEST_PAUSE);
    loop {
        match upstream.offers(list).await {
            Ok(offers) => {
                if let Err(error) = feed.replace(offers) {
                    tracing::error!(%error, "what the other server offers now does not fit; what there was stays");
                }
                return;
            }
            Err(error) if is_final(&error) => {
                tracing::warn!(%error, "the other server does not say what it offers now; what there was stays");
                return;
            }
            Err(error) => tracing::warn!(%error, "the other server does not say yet what it offers now"),
        }
        pauses.pause().await;
    }
}

/// When something is tried again. Unlike [`Pauses`], it goes on while other things happen.
struct Retry {
    at: Option<Instant>,
    pause: Duration,
}

impl Retry {
    const fn new() -> Self {
        Self { at: None, pause: FIRST_PAUSE }
    }

    /// Tries it again some time later, unless that is so already.
    fn later(&mut self) {
        if self.at.is_none() {
            self.at = Some(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn due(&self) {
        match self.at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

/// Listens to those resources to which our clients do.
async fn follow_resources(upstream: &Upstream, feed: &Feed, others: &Notify) {
    let Some(mut interest) = feed.interest() else { return };
    interest.mark_changed();
    let mut watching = Watching {
        upstream,
        feed,
        all: Vec::new(),
        later: BTreeSet::new(),
        never: BTreeSet::new(),
        has_left_out: false,
        has_heard: false,
    };
    // What the other server did not take must not make what it has lost wait.
    let (mut lost, mut not_taken) = (Retry::new(), Retry::new());
    loop {
        let was_complete = lost.at.is_none();
        let is_complete = tokio::select! {
            changed = interest.changed() => match changed {
                Ok(()) => watching.become_those(feed.watched()).await,
                // The server is gone.
                Err(_) => return,
            },
            () = others.notified() => {
                watching.later.clear();
                watching.never.clear();
                watching.become_those(feed.watched()).await
            },
            () = lost.due() => {
                lost.at = None;
                watching.become_those(feed.watched()).await
            },
            () = not_taken.due() => {
                not_taken.at = None;
                watching.later.clear();
                watching.become_those(feed.watched()).await
            },
            () = watching.end_of_one() => false,
        };
        // A server that says much, but refuses to take more, is not asked all the time.
        if was_complete && std::mem::take(&mut watching.has_heard) {
            lost.pause = FIRST_PAUSE;
        }
        match is_complete {
            true => lost.at = None,
            false => lost.later(),
        }
        match watching.later.is_empty() {
            true => not_taken = Retry::new(),
            false => not_taken.later(),
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
    /// What was asked for, and the other server did not take. It may do so later.
    later: BTreeSet<String>,
    /// What it has refused.
    never: BTreeSet<String>,
    /// Whether the log has been told that there are too many.
    has_left_out: bool,
    has_heard: bool,
}

/// One subscription, and the resources that it is about.
struct Watched {
    uris: BTreeSet<String>,
    subscription: Subscription,
}

impl Watched {
    /// Asks for these, of which the other server may take only some.
    async fn begin(upstream: &Upstream, asked: &BTreeSet<String>) -> Result<Self, Error> {
        let filter = asked.iter().fold(SubscriptionFilter::new(), |filter, uri| filter.resource(uri));
        let subscription = upstream.client.subscribe(filter).await?;
        let taken = subscription.filter().resource_subscriptions.iter();
        let uris = taken.filter(|uri| asked.contains(*uri)).cloned().collect();
        Ok(Self { uris, subscription })
    }
}

/// A subscription is a request that goes on, and so perhaps a connection. When there are so many, half of them become
/// one, as far as they fit.
const MOST_REQUESTS: usize = 16;
/// How many resources one request is about at most.
const MOST_URIS: usize = 1_000;
/// How much text their URIs have at most: servers do not take messages of any length.
const MOST_TEXT: usize = 256 << 10;

/// What one request is about.
#[derive(Default)]
struct Batch {
    uris: BTreeSet<String>,
    text: usize,
}

impl Batch {
    /// Takes all of these, or none. Whether they fit.
    fn take<'u>(&mut self, uris: impl Iterator<Item = &'u String>) -> bool {
        let new: BTreeSet<&String> = uris.filter(|uri| !self.uris.contains(*uri)).collect();
        let text = self.text + new.iter().map(|uri| uri.len()).sum::<usize>();
        if self.uris.len() + new.len() > MOST_URIS || text > MOST_TEXT {
            return false;
        }
        self.text = text;
        self.uris.extend(new.into_iter().cloned());
        true
    }
}

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

    /// Listens to these. Whether that could be done, except for what the other server did not take.
    async fn become_those(&mut self, wanted: BTreeSet<String>) -> bool {
        let before = self.all.len();
        self.all.retain(|watched| !watched.uris.is_disjoint(&wanted));
        self.later.retain(|uri| wanted.contains(uri));
        self.never.retain(|uri| wanted.contains(uri));
        if self.all.len() < before {
            // There may be room now.
            self.never.clear();
        }
        match self.upstream.client.protocol_version().has(Method::SubscriptionsListen) {
            true => self.become_few(&wanted).await,
            false => self.become_each(&wanted).await,
        }
    }

    /// To which of these nobody listens yet.
    fn added(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let now = self.all.iter().flat_map(|watched| &watched.uris);
        let known: BTreeSet<&String> = now.chain(&self.later).chain(&self.never).collect();
        wanted.iter().filter(|uri| !known.contains(uri)).cloned().collect()
    }

    /// A legacy server is told of each by itself.
    async fn become_each(&mut self, wanted: &BTreeSet<String>) -> bool {
        let upstream = self.upstream;
        let each = self.added(wanted).into_iter().map(|uri| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let asked = BTreeSet::from([uri]);
                let made = Watched::begin(upstream, &asked).await;
                (asked, made)
            })
        });
        let mut is_complete = true;
        for (asked, made) in in_order(each.collect(), MOST).await {
            match made {
                Ok(watched) => self.go_on_with(&asked, watched),
                Err(error) => is_complete &= self.could_not(asked, &error),
            }
        }
        is_complete
    }

    /// A modern server has few requests, each for many.
    async fn become_few(&mut self, wanted: &BTreeSet<String>) -> bool {
        // Those of which most is not wanted any more end, too.
        let is_waste = |watched: &Watched| 2 * watched.uris.intersection(wanted).count() < watched.uris.len();
        let (mut is_complete, mut may_merge) = (true, true);
        // Each time, something was added or there are fewer requests.
        for _ in 0..4 * MOST_REQUESTS {
            let added = self.added(wanted);
            self.all.sort_by_key(|watched| (!is_waste(watched), watched.uris.len()));
            let is_full = !added.is_empty() && self.all.len() >= MOST_REQUESTS;
            let (mut batch, mut ends, mut has_waste) = (Batch::default(), 0, false);
            for watched in self.all.iter().filter(|_| may_merge) {
                let is_waste = is_waste(watched);
                let ends_too = is_waste || (is_full && ends < MOST_REQUESTS / 2);
                if !ends_too || !batch.take(watched.uris.intersection(wanted)) {
                    break;
                }
                ends += 1;
                has_waste |= is_waste;
            }
            let mut has_added = false;
            for uri in &added {
                has_added |= batch.take(std::iter::once(uri));
            }
            let has_room = self.all.len() - ends < MOST_REQUESTS;
            if !has_room || !(has_added || has_waste || ends > 1) {
                self.leave_out(added.len());
                return is_complete;
            }
            let asked = batch.uris;
            match Watched::begin(self.upstream, &asked).await {
                Ok(watched) => {
                    // Not before the new one is there.
                    self.all.drain(..ends);
                    self.go_on_with(&asked, watched);
                }
                // Those that there are stay, and what is added may have one of its own.
                Err(error) if ends > 0 => {
                    tracing::warn!(%error, "the other server does not take several subscriptions as one yet");
                    if is_full {
                        return false;
                    }
                    (is_complete, may_merge) = (false, false);
                }
                Err(error) => {
                    if !self.could_not(asked, &error) {
                        return false;
                    }
                }
            }
        }
        false
    }

    /// Listens to one more, as far as the other server has taken it.
    fn go_on_with(&mut self, asked: &BTreeSet<String>, watched: Watched) {
        let before = self.later.len();
        self.later.extend(asked.difference(&watched.uris).cloned());
        if self.later.len() > before {
            let count = self.later.len() - before;
            tracing::debug!(count, "the other server does not tell yet what some resources hold");
        }
        if watched.uris.is_empty() {
            return;
        }
        // What has happened to these until the other server knew, or was on its way where an earlier one has ended,
        // nobody has told.
        watched.uris.iter().for_each(|uri| self.feed.resource_updated(uri));
        self.all.push(watched);
    }

    /// Whether it is of no use to ask for these again.
    fn could_not(&mut self, asked: BTreeSet<String>, error: &Error) -> bool {
        tracing::warn!(%error, "the other server does not tell what resources hold");
        let is_final = is_final(error);
        if is_final {
            self.never.extend(asked);
        }
        is_final
    }

    /// Says once that there are too many.
    fn leave_out(&mut self, count: usize) {
        let has_left_out = std::mem::replace(&mut self.has_left_out, count > 0);
        if self.has_left_out && !has_left_out {
            tracing::warn!(count, "clients subscribe to more resources than a server is asked for: some are left out");
        }
    }
}

fn tell(feed: &Feed, change: ServerChange) {
    if let ServerChange::Resource(uri) = change {
        feed.resource_updated(&uri);
    }
}
