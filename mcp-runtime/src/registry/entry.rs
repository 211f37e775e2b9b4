//! One function of a server, and what is around it.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use serde_json::value::RawValue;

use super::part::PartId;
use super::served::Served;
use super::{Completable, not_found};
use crate::context::{Context, Host, Requester};
use crate::engine::{CallLimits, Finished, Kind, Resume, TaskPolicy, Work};
use crate::layer::{AnyLayer, CallKind, Layered};
use crate::protocol::{CacheScope, ErrorCode, Raw, ServerResult};
#[cfg(feature = "http")]
use crate::schema::Mirrored;
use crate::tool::{ArgumentSchema, ArgumentTable, Arguments, Handler, Means, Progress, Receiver, Started, ToolCall};

/// One function of a server, ready to be called.
pub(crate) struct Entry {
    pub(crate) kind: &'static Kind,
    pub(crate) name: Arc<str>,
    pub(super) module: &'static str,
    pub(crate) limits: CallLimits,
    /// How its calls go on, if it says so.
    pub(crate) resume: Option<Resume>,
    /// When its calls become tasks.
    pub(crate) task: Option<TaskPolicy>,
    pub(crate) call: EntryCall,
    pub(super) fill: Fill,
    pub(super) visible: Option<fn(&Requester) -> bool>,
    /// What can be filled in, of a prompt or of a template.
    pub(super) completable: Vec<Completable>,
    /// What a caller over HTTP must be allowed.
    pub(crate) scopes: Arc<[Cow<'static, str>]>,
    /// Which of its arguments stand in HTTP headers too.
    #[cfg(feature = "http")]
    pub(crate) mirrored: Vec<Mirrored>,
    /// Which skill it is the `SKILL.md` of.
    #[cfg(feature = "skills")]
    pub(super) skill: Option<Arc<crate::protocol::Skill>>,
    pub(super) filters: Vec<Filter>,
    pub(super) tags: Vec<Cow<'static, str>>,
    /// What stands around it, the outermost first.
    pub(super) layers: Vec<AnyLayer>,
    /// The server that it comes from, if that is mounted.
    pub(super) host: Option<Arc<Host>>,
    /// The resources of that.
    pub(super) served: Served,
    /// What it belongs to that is replaced as a whole.
    pub(super) part: Option<PartId>,
}

/// A tool, a prompt or a resource, for those who decide who sees it.
#[derive(Debug, Clone, Copy)]
pub struct Item<'i> {
    pub(crate) kind: CallKind,
    pub(crate) name: &'i str,
    pub(crate) tags: &'i [Cow<'static, str>],
}

impl Item<'_> {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> CallKind {
        self.kind
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// Whether it has this tag, from `#[tool(tags = [..])]`, `Tools::tag` or their sisters.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|it| it == tag)
    }
}

/// Says whether whoever asks may see something.
type Shows = dyn Fn(Item<'_>, &Requester) -> bool + Send + Sync;

/// Decides who sees what.
#[derive(Clone)]
pub(crate) struct Filter {
    pub(crate) shows: Arc<Shows>,
    /// On how many servers, one on the other, its own is mounted.
    pub(crate) depth: usize,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

/// Who asks, made when a function wants to know, and once for all of them.
pub(crate) type LazyRequester<'r> = LazyCell<Requester, &'r dyn Fn() -> Requester>;

/// How a function is entered.
pub(crate) enum EntryCall {
    Function { function: fn(&mut ToolCall<'_>) -> Started, table: ArgumentTable, receiver: Option<Receiver> },
    Dynamic { handler: Arc<Handler>, schema: Box<ArgumentSchema> },
}

/// What is filled in where a result does not say it.
pub(super) enum Fill {
    Nothing,
    Prompt { description: Option<String> },
    Resource { mime_type: Option<String>, ttl_ms: Option<u64>, cache_scope: Option<CacheScope> },
}

impl Entry {
    /// What it is to those who decide who sees it.
    pub(crate) fn item(&self) -> Item<'_> {
        Item { kind: CallKind::of(self.kind), name: &self.name, tags: &self.tags }
    }

    /// Whether not everyone sees it.
    pub(super) fn is_hidden_to_some(&self) -> bool {
        self.visible.is_some() || !self.filters.is_empty()
    }

    /// Whether whoever asks may see it.
    pub(crate) fn is_visible(&self, requester: &LazyRequester<'_>) -> bool {
        if !self.is_hidden_to_some() {
            return true;
        }
        let is_visible = || {
            self.visible.is_none_or(|visible| visible(requester))
                && self.filters.iter().all(|Filter { shows, depth }| match &self.host {
                    // It knows names as its own server does.
                    Some(host) if *depth > 0 => {
                        shows(Item { name: &host.inner_name(&self.name, *depth), ..self.item() }, requester)
                    }
                    _ => shows(self.item(), requester),
                })
        };
        // In doubt, hidden.
        catch_unwind(AssertUnwindSafe(is_visible)).unwrap_or_else(|_| {
            let noun = self.kind.noun;
            tracing::error!(name = %self.name, "the `visible` function of this {noun} panicked; the {noun} is hidden");
            false
        })
    }

    /// The server that it comes from.
    pub(crate) fn host<'h>(&'h self, offered_by: &'h Arc<Host>) -> &'h Arc<Host> {
        self.host.as_ref().unwrap_or(offered_by)
    }

    /// Enters what stands around the function, and so the function; a panic is an outcome. `called` is what it is
    /// called by.
    pub(crate) fn enter(
        self: &Arc<Self>,
        called: &str,
        host: &Arc<Host>,
        arguments: Option<Raw<'_>>,
        means: &Means<'_>,
    ) -> Started {
        let started = self.enter_layers(called, host, arguments, means);
        match &self.host {
            Some(host) => self.served.outside(started, host, self.part.is_none()),
            None => started,
        }
    }

    fn enter_layers(
        self: &Arc<Self>,
        called: &str,
        host: &Arc<Host>,
        arguments: Option<Raw<'_>>,
        means: &Means<'_>,
    ) -> Started {
        if self.layers.is_empty() {
            return self.enter_function(host, arguments, means);
        }
        let (entry, host, call) = (self.clone(), host.clone(), (means.context)().call().clone());
        let (called, arguments) = (Arc::<str>::from(called), arguments.map(Raw::to_raw_value));
        Started(Progress::Running(Work::Around(Box::new(move |place| {
            let context = {
                let (call, host) = (call.clone(), host.clone());
                move || Context::new(call.clone(), host.clone())
            };
            let layered = Layered {
                kind: entry.kind,
                name: entry.name.clone(),
                called,
                arguments,
                context: Box::new(context.clone()),
                enter: {
                    let entry = entry.clone();
                    Box::new(move |arguments: Option<Box<RawValue>>| {
                        let requester = || Requester::new((*call.round()).clone());
                        let extensions = call.round().extensions.clone();
                        let arguments = arguments.as_deref().map(Raw::from);
                        // The layers want to see the result.
                        let means =
                            Means { extensions: &extensions, requester: &requester, context: &context, write: None };
                        match entry.enter_function(&host, arguments, &means) {
                            Started(Progress::Running(work)) => work.into_future(place),
                            Started(Progress::Finished(finished)) => Box::pin(std::future::ready(finished)),
                        }
                    })
                },
            };
            layered.run(&entry.layers)
        }))))
    }

    fn enter_function(&self, host: &Host, arguments: Option<Raw<'_>>, means: &Means<'_>) -> Started {
        let before = Instant::now();
        let started = catch_unwind(AssertUnwindSafe(|| match &self.call {
            EntryCall::Function { function, table, receiver } => function(&mut ToolCall {
                kind: self.kind,
                name: &self.name,
                arguments: Arguments::new(table, arguments),
                host,
                receiver: receiver.as_ref(),
                means,
                failure: None,
            }),
            EntryCall::Dynamic { handler, schema } => match schema.read(arguments) {
                Ok(arguments) => handler(arguments, means.context, host.mask_errors),
                Err(refusal) => Started(Progress::Finished((self.kind.refused)(refusal))),
            },
        }));
        self.kind.noticed_if_slow(&self.name, before);
        started.unwrap_or_else(|panic| Started(Progress::Finished(self.kind.panicked(&self.name, &*panic))))
    }

    /// Whether there is something to fill in.
    pub(crate) fn fills_in(&self) -> bool {
        !matches!(self.fill, Fill::Nothing)
    }

    /// Fills in what a result leaves out; `called` is what it was called by.
    pub(crate) fn fill_in(&self, mut finished: Finished, called: &str) -> Finished {
        let hidden = self.is_hidden_to_some();
        match (&self.fill, &mut finished) {
            (Fill::Prompt { description }, Ok(ServerResult::GetPrompt(result))) if result.description.is_none() => {
                Arc::make_mut(result).description.clone_from(description);
            }
            (Fill::Resource { mime_type, ttl_ms, cache_scope }, Ok(ServerResult::ReadResource(result))) => {
                let result = Arc::make_mut(result);
                result.ttl_ms = result.ttl_ms.or(*ttl_ms);
                result.cache_scope = result.cache_scope.or(*cache_scope);
                if hidden {
                    // What not everyone sees is nobody else's, whatever is said of it.
                    result.cache_scope = Some(CacheScope::Private);
                }
                for contents in &mut result.contents {
                    if contents.uri.is_empty() {
                        called.clone_into(&mut contents.uri);
                    }
                    if contents.mime_type.is_none() {
                        contents.mime_type.clone_from(mime_type);
                    }
                }
            }
            (_, Err(error)) if error.code == ErrorCode::ResourceNotFound => return Err(not_found(called)),
            _ => {}
        }
        finished
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}
