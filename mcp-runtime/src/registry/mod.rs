//! What callers call things, to what is known of these, in the order of registration: tools and
//! prompts by name, resources by URI.

mod build;
mod choices;
mod completion;
mod dyn_prompt;
mod dynamic;
mod entry;
mod file;
mod part;
mod resource;
mod schema;
mod served;
mod spec;
mod template;
mod toolbox;

use std::sync::Arc;

use serde_json::{Map, Value};

pub(crate) use build::{Built, Describe, Mount, Offers, Policy};
pub(crate) use completion::{Completable, Source};
pub use dyn_prompt::DynPrompt;
pub use dynamic::DynTool;
use entry::Fill;
pub use entry::Item;
pub(crate) use entry::{Entry, EntryCall, Filter, LazyRequester};
pub(crate) use part::{Part, PartId, Parts, Replacement, Rules};
pub use resource::Resource;
pub use spec::{
    OutputSchema, PromptFn, PromptSpec, Prompts, ResourceFacts, ResourceFn, ResourceSpec, Resources, Tool, ToolSpec,
    Tools, UNFINISHED, UNFINISHED_PROMPT, UNFINISHED_RESOURCE,
};

use foldhash::{HashMap, HashSet};

use crate::engine::Kind;
use crate::protocol::{self, CacheScope, ErrorObject};
use crate::schema::{listed, nearest, shortened};
use template::Template;

fn not_found(uri: &str) -> ErrorObject {
    ErrorObject::resource_not_found(uri, format!("there is no resource `{uri}`"))
}

/// One of a section.
#[derive(Debug, Clone)]
struct Place {
    entry: Arc<Entry>,
    /// Whether it is there for anyone at all.
    is_on: bool,
}

/// All functions of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Section<D> {
    entries: Vec<Place>,
    by_key: HashMap<Arc<str>, usize>,
    /// Whether there are some that not everyone sees.
    has_hidden: bool,
    /// As lists describe them.
    pub(crate) described: Arc<Vec<D>>,
}

impl<D> Default for Section<D> {
    fn default() -> Self {
        Self { entries: Vec::new(), by_key: HashMap::default(), has_hidden: false, described: Arc::default() }
    }
}

impl<D> Section<D> {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The name of the one at a place.
    pub(crate) fn key_at(&self, place: usize) -> Option<&str> {
        // Those of a section are few, and this is asked once for a page.
        self.by_key.iter().find(|(_, at)| **at == place).map(|(key, _)| &**key)
    }

    /// The place of a name.
    pub(crate) fn place_of(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn find(&self, key: &str) -> Option<&Arc<Entry>> {
        let place = self.entries.get(*self.by_key.get(key)?)?;
        place.is_on.then_some(&place.entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(|place| place.is_on).map(|place| &place.entry)
    }

    /// Those of which `chooses` says so, whether they are on or off.
    fn chosen<'s>(&'s self, chooses: &dyn Fn(Item<'_>) -> bool) -> impl Iterator<Item = Arc<Entry>> {
        self.entries.iter().filter(|place| chooses(place.entry.item())).map(|place| place.entry.clone())
    }

    /// Turns those on, or off, that are at these addresses. How many were not so before.
    fn turn(&mut self, is_on: bool, chosen: &HashSet<usize>) -> usize {
        let is_chosen = |place: &Place| chosen.contains(&Arc::as_ptr(&place.entry).addr());
        let others = self.entries.iter_mut().filter(|place| place.is_on != is_on && is_chosen(place));
        others.map(|place| place.is_on = is_on).count()
    }

    /// Whether it lists the same as that one.
    pub(crate) fn lists_as(&self, other: &Self) -> bool {
        let is_on = |place: &Place| place.is_on;
        Arc::ptr_eq(&self.described, &other.described)
            && self.entries.iter().map(is_on).eq(other.entries.iter().map(is_on))
    }

    /// Whether everyone sees the same.
    pub(crate) fn scope(&self) -> CacheScope {
        if self.has_hidden { CacheScope::Private } else { CacheScope::Public }
    }

    /// Whether there are some that someone does not see.
    fn hides_some(&self) -> bool {
        self.has_hidden || self.entries.iter().any(|place| !place.is_on)
    }

    /// The places of those that whoever asks may see; `None` for all.
    pub(crate) fn visible(&self, requester: &LazyRequester<'_>) -> Option<Vec<usize>> {
        self.hides_some().then(|| {
            let entries = self.entries.iter().enumerate();
            let is_visible = |place: &Place| place.is_on && place.entry.is_visible(requester);
            entries.filter(|(_, place)| is_visible(place)).map(|(place, _)| place).collect()
        })
    }

    /// The one of this name, if whoever asks may see it.
    ///
    /// # Errors
    ///
    /// That there is none, and which there are.
    pub(crate) fn named(
        &self,
        kind: &Kind,
        name: &str,
        requester: &LazyRequester<'_>,
    ) -> Result<&Arc<Entry>, ErrorObject> {
        match self.find(name) {
            Some(entry) if entry.is_visible(requester) => Ok(entry),
            _ => Err(ErrorObject::invalid_params(self.unknown(kind.noun, name, requester))),
        }
    }

    /// Those that whoever asks may see, as lists describe them.
    pub(crate) fn seen_by<'s>(&'s self, requester: &'s LazyRequester<'_>) -> impl Iterator<Item = &'s D> {
        let entries = self.entries.iter().zip(&*self.described);
        let is_visible = |place: &Place| place.is_on && place.entry.is_visible(requester);
        entries.filter(move |(place, _)| is_visible(place)).map(|(_, described)| described)
    }

    #[cold]
    fn unknown(&self, noun: &str, name: &str, requester: &LazyRequester<'_>) -> String {
        let visible = self.iter().filter(|entry| entry.is_visible(requester));
        let known: Vec<&str> = visible.map(|entry| &*entry.name).collect();
        match (nearest(name, known.iter().copied()), &known[..]) {
            (Some(meant), _) => format!("unknown {noun} `{name}`; did you mean `{meant}`?"),
            (None, []) => format!("unknown {noun} `{name}`; there are no {noun}s"),
            (None, known) => format!("unknown {noun} `{name}`; the {noun}s are `{}`", known.join("`, `")),
        }
    }
}

/// What a server offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry {
    pub(crate) tools: Section<protocol::Tool>,
    pub(crate) prompts: Section<protocol::Prompt>,
    /// By URI.
    pub(crate) resources: Section<protocol::Resource>,
    /// By template.
    pub(crate) templates: Section<protocol::ResourceTemplate>,
    /// One for each entry of `templates`.
    matchers: Vec<Template>,
    /// Whether there may be other things later, of any kind.
    pub(crate) may_change: bool,
    /// Whether there was a resource or a template that is not there any more.
    has_lost_resources: bool,
}

impl Registry {
    /// Whether tools are, or may be, a thing of this server.
    pub(crate) fn offers_tools(&self) -> bool {
        self.may_change || !self.tools.is_empty()
    }

    /// Whether prompts are, or may be, a thing of this server.
    pub(crate) fn offers_prompts(&self) -> bool {
        self.may_change || !self.prompts.is_empty()
    }

    /// Whether resources are, or may be, a thing of this server.
    pub(crate) fn offers_resources(&self) -> bool {
        self.may_change || !self.resources.is_empty() || !self.templates.is_empty()
    }

    /// Whether completion is, or may be, a thing of this server.
    pub(crate) fn offers_completions(&self) -> bool {
        self.may_change || self.prompts.iter().chain(self.templates.iter()).any(|entry| entry.completes())
    }

    /// Those of which `chooses` says so, whether they are on or off.
    pub(crate) fn chosen(&self, chooses: &dyn Fn(Item<'_>) -> bool) -> Vec<Arc<Entry>> {
        let named = self.tools.chosen(chooses).chain(self.prompts.chosen(chooses));
        named.chain(self.resources.chosen(chooses)).chain(self.templates.chosen(chooses)).collect()
    }

    /// Turns these on, or off, as far as they are there. How many were not so before.
    pub(crate) fn turn(&mut self, is_on: bool, chosen: &[Arc<Entry>]) -> usize {
        let chosen = chosen.iter().map(|entry| Arc::as_ptr(entry).addr()).collect();
        self.tools.turn(is_on, &chosen)
            + self.prompts.turn(is_on, &chosen)
            + self.resources.turn(is_on, &chosen)
            + self.templates.turn(is_on, &chosen)
    }

    /// Takes away the resource of a URI, or the template that reads like this. Whether it was there.
    pub(crate) fn remove_resource(&mut self, uri: &str) -> bool {
        let was_there = match self.templates.remove(uri) {
            Some(place) => {
                self.matchers.remove(place);
                true
            }
            None => self.resources.remove(uri).is_some(),
        };
        self.has_lost_resources |= was_there;
        was_there
    }

    /// Whether someone who has found a resource once may not find it now.
    pub(crate) fn hides_resources(&self) -> bool {
        self.has_lost_resources || self.resources.hides_some() || self.templates.hides_some()
    }

    /// The resource of a URI, and what its template makes of that: one that has the URI comes before
    /// those whose templates match it, and among these the first.
    ///
    /// # Errors
    ///
    /// That there is none that whoever asks may see.
    pub(crate) fn resource(
        &self,
        uri: &str,
        requester: &LazyRequester<'_>,
    ) -> Result<(&Arc<Entry>, Map<String, Value>), ErrorObject> {
        if let Some(found) = self.find_resource(uri, requester) {
            return Ok(found);
        }
        let is_visible = |uri: &str| self.resources.find(uri).is_some_and(|it| it.is_visible(requester));
        let known = self.resources.by_key.keys().map(|known| &**known).filter(|known| is_visible(known));
        let mut error = not_found(uri);
        if let Some(meant) = nearest(uri, known) {
            error.message = format!("{}; did you mean `{meant}`?", error.message).into();
        }
        Err(error)
    }

    /// The same, or nothing.
    pub(crate) fn find_resource(
        &self,
        uri: &str,
        requester: &LazyRequester<'_>,
    ) -> Option<(&Arc<Entry>, Map<String, Value>)> {
        if let Some(entry) = self.resources.find(uri).filter(|entry| entry.is_visible(requester)) {
            return Some((entry, Map::new()));
        }
        let templates = self.templates.entries.iter().zip(&self.matchers).filter(|(place, _)| place.is_on);
        let mut read = templates.filter_map(|(place, template)| Some((&place.entry, template.read(uri)?)));
        read.find(|(entry, _)| entry.is_visible(requester))
    }

    /// The template that is written like this, or the resource of a URI and what its template makes of that.
    ///
    /// # Errors
    ///
    /// That there is none that whoever asks may see.
    pub(crate) fn template(
        &self,
        uri: &str,
        requester: &LazyRequester<'_>,
    ) -> Result<(&Arc<Entry>, Map<String, Value>), ErrorObject> {
        if let Some(entry) = self.templates.find(uri).filter(|entry| entry.is_visible(requester)) {
            return Ok((entry, Map::new()));
        }
        // What has variables is a template, and no URI.
        let found = if Template::has_variables(uri) { None } else { self.resource(uri, requester).ok() };
        found.ok_or_else(|| {
            let is_visible = |place: &Place| place.is_on && place.entry.is_visible(requester);
            let visible = self.templates.entries.iter().zip(&self.matchers).filter(|(place, _)| is_visible(place));
            let known: Vec<&str> = visible.map(|(_, template)| template.as_str()).collect();
            let uri = shortened(uri);
            ErrorObject::invalid_params(match (nearest(&uri, known.iter().copied()), &known[..]) {
                (Some(meant), _) => format!("there is no resource template `{uri}`; did you mean `{meant}`?"),
                (None, []) => format!("there is no resource template `{uri}`; there are none"),
                (None, known) => format!("there is no resource template `{uri}`; there are {}", listed(known)),
            })
        })
    }
}
