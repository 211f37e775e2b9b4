//! What a mounted server calls its resources, and what clients call them.

use std::sync::{Arc, OnceLock};

use foldhash::HashSet;

use super::Registry;
use super::template::Template;
use crate::context::Host;
use crate::engine::{Finished, Work};
use crate::protocol::{ContentBlock, ServerResult};
use crate::tool::{Progress, Started};

/// The resources of a mounted server, as clients know them.
#[derive(Debug, Default)]
pub(super) struct Served {
    uris: HashSet<Arc<str>>,
    templates: Vec<Template>,
}

impl Served {
    /// Those of a registry that come after so many resources and templates.
    pub(super) fn after((resources, templates): (usize, usize), registry: &Registry) -> Self {
        let uris = registry.resources.by_key.iter().filter(|(_, place)| **place >= resources);
        Self {
            uris: uris.map(|(uri, _)| uri.clone()).collect(),
            templates: registry.matchers.iter().skip(templates).cloned().collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.uris.is_empty() && self.templates.is_empty()
    }

    fn has(&self, uri: &str) -> bool {
        self.uris.contains(uri) || self.templates.iter().any(|template| template.read(uri).is_some())
    }

    /// A result as clients can use it: the URIs in it that are of this server are what they are called outside. What
    /// is of nobody here, such as a page of the web, stays as it is.
    fn outside(&self, host: &Host, finished: Finished) -> Finished {
        let change = |uri: &mut String| {
            let outer = host.uri(uri);
            if !uri.is_empty() && self.has(&outer) {
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
            ServerResult::GetPrompt(result) => result.messages.iter_mut().for_each(|it| in_block(&mut it.content)),
            ServerResult::ReadResource(result) => result.contents.iter_mut().for_each(|it| change(&mut it.uri)),
            _ => {}
        }
        Ok(result)
    }
}

/// The same, when all of them are known.
pub(super) type LateServed = Arc<OnceLock<Served>>;

/// What a function of a mounted server does, with its result as clients can use it.
pub(super) fn outside(started: Started, host: &Arc<Host>, late: &LateServed) -> Started {
    let Some(served) = late.get().filter(|served| !served.is_empty()) else { return started };
    let Started(progress) = started;
    let (host, late) = (host.clone(), late.clone());
    Started(match progress {
        Progress::Finished(finished) => Progress::Finished(served.outside(&host, finished)),
        Progress::Running(work) => Progress::Running(Work::Around(Box::new(move |place| {
            let future = work.into_future(place);
            Box::pin(async move {
                let finished = future.await;
                match late.get() {
                    Some(served) => served.outside(&host, finished),
                    None => finished,
                }
            })
        }))),
    })
}
