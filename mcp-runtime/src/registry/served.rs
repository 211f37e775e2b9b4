//! What a mounted server calls its resources, and what clients call them.

use std::sync::{Arc, PoisonError, RwLock};

use foldhash::HashSet;

use super::Registry;
use super::section::Place;
use super::template::Template;
use crate::context::Host;
use crate::engine::{Finished, Work};
use crate::protocol::{ContentBlock, ServerResult};
use crate::tool::{Progress, Started};

/// The resources of a mounted server, as clients know them. All that is of that server shares it.
#[derive(Debug, Clone, Default)]
pub(super) struct Served(Arc<RwLock<Arc<Known>>>);

#[derive(Debug, Default)]
struct Known {
    uris: HashSet<Arc<str>>,
    templates: Vec<Template>,
}

impl Served {
    /// Those of the server that a registry has, and of those that are mounted on it.
    pub(super) fn know(&self, host: &Host, registry: &Registry) {
        let is_below =
            |place: &Place| place.entry.host.as_ref().is_some_and(|below| below.prefix.starts_with(&host.prefix));
        let is_its = |place: &usize| registry.resources.entries.get(*place).is_some_and(is_below);
        let uris = registry.resources.by_key.iter().filter(|(_, place)| is_its(place));
        let templates = registry.templates.entries.iter().zip(&registry.matchers);
        let known = Known {
            uris: uris.map(|(uri, _)| uri.clone()).collect(),
            templates: templates.filter(|(place, _)| is_below(place)).map(|(_, it)| it.clone()).collect(),
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    /// Whether it is that one.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn known(&self) -> Arc<Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a function of the server does, with its result as clients can use it. `is_fixed` if nothing can be added
    /// to these meanwhile.
    pub(super) fn outside(&self, started: Started, host: &Arc<Host>, is_fixed: bool) -> Started {
        let known = self.known();
        if is_fixed && known.is_empty() {
            return started;
        }
        let Started(progress) = started;
        Started(match progress {
            Progress::Finished(finished) => Progress::Finished(outside(&[known], host, finished)),
            Progress::Running(work) => {
                let (host, served) = (host.clone(), self.clone());
                Progress::Running(Work::Around(Box::new(move |place| {
                    let future = work.into_future(place);
                    Box::pin(async move {
                        let finished = future.await;
                        // What it names may be gone since, or have come.
                        outside(&[known, served.known()], &host, finished)
                    })
                })))
            }
        })
    }
}

impl Known {
    fn is_empty(&self) -> bool {
        self.uris.is_empty() && self.templates.is_empty()
    }

    fn has(&self, uri: &str) -> bool {
        self.uris.contains(uri) || self.templates.iter().any(|template| template.read(uri).is_some())
    }
}

/// A result as clients can use it: the URIs in it that are of this server are what they are called outside. What
/// is of nobody here, such as a page of the web, stays as it is.
fn outside(known: &[Arc<Known>], host: &Host, finished: Finished) -> Finished {
    let change = |uri: &mut String| {
        let outer = host.uri(uri);
        if !uri.is_empty() && known.iter().any(|known| known.has(&outer)) {
            *uri = outer.into_owned();
        }
    };
    let in_block = |block: &mut ContentBlock| match block {
        ContentBlock::ResourceLink(link) => change(&mut link.uri),
        ContentBlock::Resource(embedded) => change(&mut embedded.resource.uri),
        _ => {}
    };
    let mut result = finished?;
    match &mut result {
        ServerResult::CallTool(result) => result.content.iter_mut().for_each(in_block),
        ServerResult::GetPrompt(result) => {
            Arc::make_mut(result).messages.iter_mut().for_each(|it| in_block(&mut it.content))
        }
        ServerResult::ReadResource(result) => {
            Arc::make_mut(result).contents.iter_mut().for_each(|it| change(&mut it.uri))
        }
        _ => {}
    }
    Ok(result)
}
