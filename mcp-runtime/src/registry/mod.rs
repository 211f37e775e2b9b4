//! What callers call things, to what is known of these, in the order of registration: tools and
//! prompts by name, resources by URI.

mod build;
mod choices;
mod completion;
mod dyn_prompt;
mod dynamic;
mod entry;
#[cfg(feature = "files")]
mod file;
mod part;
mod resource;
mod schema;
mod section;
mod served;
#[cfg(feature = "skills")]
mod skill;
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
pub(crate) use section::{Places, Section};
#[cfg(feature = "skills")]
pub use skill::Skill;
pub use spec::{
    OutputSchema, PromptFn, PromptSpec, Prompts, ResourceFacts, ResourceFn, ResourceSpec, Resources, Tool, ToolSpec,
    Tools, UNFINISHED, UNFINISHED_PROMPT, UNFINISHED_RESOURCE,
};

use crate::protocol::{self, ErrorObject};
use crate::schema::{listed, nearest, shortened};
use section::Place;
use template::Template;

fn not_found(uri: &str) -> ErrorObject {
    ErrorObject::resource_not_found(uri, format!("there is no resource `{uri}`"))
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

    /// Whether skills are, or may be, a thing of this server.
    #[cfg(feature = "skills")]
    pub(crate) fn offers_skills(&self) -> bool {
        self.may_change || self.has_skills()
    }

    /// Whether there are skills, on or off.
    #[cfg(feature = "skills")]
    pub(crate) fn has_skills(&self) -> bool {
        self.resources.entries.iter().any(|place| place.entry.skill.is_some())
    }

    /// The skills that whoever asks may see, with those of their files that it may see, too.
    #[cfg(feature = "skills")]
    pub(crate) fn skills<'s>(&'s self, requester: &'s LazyRequester<'_>) -> impl Iterator<Item = Arc<protocol::Skill>> {
        let of = |entry: &'s Arc<Entry>| Some((entry, entry.skill.as_ref()?));
        let skills = self.resources.iter().filter_map(of).filter(|(entry, _)| entry.is_visible(requester));
        skills.map(|(_, skill)| {
            let is_there = |file: &protocol::SkillResource| {
                self.resources.find(&file.uri).is_some_and(|entry| entry.is_visible(requester))
            };
            if skill.resources.iter().flatten().all(is_there) {
                return skill.clone();
            }
            let mut skill = protocol::Skill::clone(skill);
            skill.resources.iter_mut().for_each(|files| files.retain(is_there));
            skill.into()
        })
    }

    /// What stands in a directory of a skill, as far as whoever asks may see it; `None` if it is none.
    #[cfg(feature = "skills")]
    pub(crate) fn directory(&self, uri: &str, requester: &LazyRequester<'_>) -> Option<Vec<protocol::Resource>> {
        let is_below = |root: &str| uri.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !self.skills(requester).any(|skill| is_below(skill.root())) {
            return None;
        }
        let mut children: Vec<protocol::Resource> = Vec::new();
        for resource in self.resources.seen_by(requester) {
            let Some(rest) = resource.uri.strip_prefix(uri).and_then(|rest| rest.strip_prefix('/')) else { continue };
            let Some((name, _)) = rest.split_once('/') else {
                children.push(resource.clone());
                continue;
            };
            let uri = format!("{uri}/{name}");
            if children.iter().all(|child| child.uri != uri) {
                let mut directory = protocol::Resource::new(uri, name);
                directory.mime_type = Some("inode/directory".to_owned());
                children.push(directory);
            }
        }
        (!children.is_empty()).then_some(children)
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
