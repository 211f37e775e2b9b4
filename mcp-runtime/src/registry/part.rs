//! Parts of what a server offers that are replaced as a whole while it runs, wherever that server is mounted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::section::Place;
use super::served::Served;
use super::template::Template;
use super::{Built, Describe, Entry, Filter, Policy, Prompts, Registry, Resources, Tools};
use crate::context::{Host, States};
use crate::engine::Resume;
use crate::layer::AnyLayer;

/// What a part is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartId(u64);

impl PartId {
    /// One that no other part has.
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// A part, with what it offers at first.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) id: PartId,
    pub(crate) tools: Tools,
    pub(crate) prompts: Prompts,
    pub(crate) resources: Resources,
}

/// What a part offers from now on; what is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct Replacement {
    pub(crate) tools: Option<Tools>,
    pub(crate) prompts: Option<Prompts>,
    /// With their templates.
    pub(crate) resources: Option<Resources>,
}

/// Parts and what holds for each, in the order in which they are listed.
pub(crate) type Parts = Vec<(PartId, Arc<Rules>)>;

/// What holds for what is offered, also for what is offered later.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    /// What stands around it, the outermost first.
    pub(crate) layers: Vec<AnyLayer>,
    pub(crate) filters: Vec<Filter>,
    /// The server that it comes from, if that is mounted.
    pub(crate) host: Option<Arc<Host>>,
    /// The resources of that.
    pub(super) served: Served,
    /// How its calls go on, if it does not say so itself.
    pub(crate) resume: Option<Resume>,
}

impl Rules {
    /// What a server says of what it offers itself.
    pub(crate) fn new(policy: Policy, layers: Vec<AnyLayer>, filters: Vec<Filter>) -> Self {
        Self { policy, layers, filters, ..Self::default() }
    }
}

impl Registry {
    /// Offers something else as a part. Whether that differs from what it was; what stays as it was is what was there.
    ///
    /// # Errors
    ///
    /// All that is wrong with it; then the registry is of no use.
    pub(crate) fn replace(
        &mut self,
        id: PartId,
        with: Replacement,
        parts: &Parts,
        states: &States,
    ) -> Result<bool, Vec<String>> {
        let mut later = parts.iter().skip_while(|(it, _)| *it != id);
        let Some((_, rules)) = later.next() else { return Ok(false) };
        let later: Vec<PartId> = later.map(|(it, _)| *it).collect();
        let mut rules = Rules::clone(rules);
        if rules.policy.describe == Describe::Warn {
            // Whoever runs the server has not written it, and was told at the start.
            rules.policy.describe = Describe::Silently;
        }
        let host = rules.host.clone();
        let Replacement { tools, prompts, resources } = with;
        let has = (tools.is_some(), prompts.is_some(), resources.is_some());
        let (tools, prompts, resources) =
            (tools.unwrap_or_default(), prompts.unwrap_or_default(), resources.unwrap_or_default());
        let built = Built::part(id, tools, prompts, resources, rules);
        let mut problems = built.problems(host.as_ref().map_or(states, |host| &host.states));
        let mut differs = false;
        let new = built.registry;
        let is_later = |entry: &Entry| entry.part.is_some_and(|part| later.contains(&part));
        if has.0 {
            differs |= self.tools.replace(id, new.tools, is_later, &mut problems);
        }
        if has.1 {
            differs |= self.prompts.replace(id, new.prompts, is_later, &mut problems);
        }
        if has.2 {
            let before: Vec<_> = self.resources.by_key.keys().chain(self.templates.by_key.keys()).cloned().collect();
            let resources = self.resources.replace(id, new.resources, is_later, &mut problems);
            let templates = self.templates.replace(id, new.templates, is_later, &mut problems);
            let is_there =
                |uri: &Arc<str>| self.resources.by_key.contains_key(uri) || self.templates.by_key.contains_key(uri);
            self.has_lost_resources |= !before.iter().all(is_there);
            if templates {
                // What was offered could be read before.
                let templates = self.templates.described.iter();
                self.matchers = templates.filter_map(|it| Template::new(&it.uri_template).ok()).collect();
            }
            if problems.is_empty() && (resources || templates) {
                self.tell_served(host.as_ref());
            }
            differs |= resources || templates;
        }
        if problems.is_empty() { Ok(differs) } else { Err(problems) }
    }

    /// Tells those servers around a mounted one, and that itself, which resources they have now.
    fn tell_served(&self, host: Option<&Arc<Host>>) {
        let Some(host) = host else { return };
        let sections = self.tools.entries.iter().chain(&self.prompts.entries);
        let all = sections.chain(&self.resources.entries).chain(&self.templates.entries);
        let mut told: Vec<&Served> = Vec::new();
        for Place { entry, .. } in all {
            let Some(around) = &entry.host else { continue };
            if host.prefix.starts_with(&around.prefix) && !told.iter().any(|it| it.is(&entry.served)) {
                entry.served.know(around, self);
                told.push(&entry.served);
            }
        }
    }

    /// Whether a part offers the resource of this URI.
    pub(crate) fn has_in_part(&self, id: PartId, uri: &str) -> bool {
        let is_of_it = |entry: &Arc<Entry>| entry.part == Some(id);
        self.resources.find(uri).is_some_and(is_of_it)
            || self
                .templates
                .entries
                .iter()
                .zip(&self.matchers)
                .any(|(place, template)| place.is_on && is_of_it(&place.entry) && template.read(uri).is_some())
    }
}
