//! From what a server was given to what it offers, with all that is wrong with it.

mod offers;

use std::borrow::Cow;
use std::sync::Arc;

use super::dynamic::is_name;
use super::part::{Part, PartId, Parts, Rules};
use super::served::Served;
use super::spec::{Details, Offered, Prompts, Resources, Tools};
use super::template::Template;
use super::{Completable, Entry, EntryCall, Fill, Filter, Registry, Source, schema};
use crate::context::{Host, States};
use crate::engine::{CallLimits, Kind, Resume};
use crate::layer::AnyLayer;
use crate::protocol::{self, CacheScope};
use crate::schema::nearest;
use crate::tool::{ErasedCompleter, Leniency, ParamKind, ParamSpec, StateNeed};

/// What a server was given.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    pub(crate) tools: Tools,
    pub(crate) prompts: Prompts,
    pub(crate) resources: Resources,
    /// What stands around all of them.
    pub(crate) layers: Vec<AnyLayer>,
    /// Who sees which of them.
    pub(crate) filters: Vec<Filter>,
    /// What is replaced as a whole. It stands before the rest.
    pub(crate) parts: Vec<Part>,
    pub(crate) mounts: Vec<Mount>,
}

/// Another server, whose functions are offered as parts of this one.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) offers: Offers,
    pub(crate) policy: Policy,
    pub(crate) host: Host,
    /// How its calls go on.
    pub(crate) resume: Resume,
    /// Whether something was to change it that cannot.
    pub(crate) has_handle: bool,
    /// [`Built::mount`], which is no part of programs that mount nothing.
    pub(crate) add: fn(&mut Built, Mount),
}

impl Mount {
    /// Offers it below a name, and all that is mounted on it.
    pub(crate) fn put_below(&mut self, prefix: &Arc<str>, host: &Host) {
        self.host.prefix.insert(0, prefix.clone());
        self.host.events = host.events.clone();
        self.offers.mounts.iter_mut().for_each(|mount| mount.put_below(prefix, host));
    }
}

/// What a server says about all of its functions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Policy {
    pub(crate) leniency: Leniency,
    pub(crate) describe: Describe,
}

/// What becomes of an argument without a description.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Describe {
    /// It is a warning in the log.
    #[default]
    Warn,
    /// The server does not start.
    Deny,
    /// It was said before, or does not matter.
    Silently,
}

/// A state that a function needs.
struct Need {
    /// Whose need it is, for a message.
    of: String,
    state: StateNeed,
}

/// What a server offers with all that is wrong with it, and the states that it needs.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) registry: Registry,
    pub(crate) problems: Vec<String>,
    /// Those that are replaced as a whole, in the order in which they are listed.
    pub(crate) parts: Parts,
    needs: Vec<Need>,
    /// What holds for everything that is added.
    rules: Rules,
    /// The part that everything belongs to that is added.
    part: Option<PartId>,
    /// What holds for what is added next.
    own_layers: Vec<AnyLayer>,
    own_tags: Vec<Cow<'static, str>>,
    undescribed: Vec<Undescribed>,
}

/// An argument of which nothing is said.
struct Undescribed {
    of: (&'static str, Arc<str>),
    argument: Cow<'static, str>,
    reader: &'static str,
}

/// What is the same of all functions, whatever else is known of them.
struct Basis {
    kind: &'static Kind,
    name: Arc<str>,
    module: &'static str,
    details: Details,
    call: EntryCall,
    fill: Fill,
    completable: Vec<Completable>,
}

impl Basis {
    fn new(kind: &'static Kind, name: Arc<str>, module: &'static str, details: Details, call: EntryCall) -> Self {
        Self { kind, name, module, details, call, fill: Fill::Nothing, completable: Vec::new() }
    }
}

impl Built {
    pub(crate) fn new(offers: Offers, policy: Policy) -> Self {
        Self::upon(Registry::default(), offers, Rules::new(policy, Vec::new(), Vec::new()))
    }

    /// What there is already, and more by these rules.
    pub(crate) fn upon(registry: Registry, offers: Offers, rules: Rules) -> Self {
        Self { registry, rules, ..Self::default() }.with(offers)
    }

    /// What is offered now of a part, by its rules, and nothing else.
    pub(crate) fn part(id: PartId, tools: Tools, prompts: Prompts, resources: Resources, rules: Rules) -> Self {
        let mut built = Self { part: Some(id), rules, ..Self::default() };
        built.add(tools, prompts, resources);
        built.judge_undescribed();
        built
    }

    fn with(mut self, offers: Offers) -> Self {
        let built = &mut self;
        built.rules.layers.extend(offers.layers);
        built.rules.filters.extend(offers.filters);
        for Part { id, tools, prompts, resources } in offers.parts {
            built.part = Some(id);
            built.add(tools, prompts, resources);
            built.part = None;
            built.parts.push((id, Arc::new(built.rules.clone())));
        }
        built.add(offers.tools, offers.prompts, offers.resources);
        for mount in offers.mounts {
            (mount.add)(built, mount);
        }
        built.judge_undescribed();
        self
    }

    fn add(&mut self, tools: Tools, prompts: Prompts, resources: Resources) {
        for Offered { offer, layers, tags } in tools.offers.into_iter().chain(prompts.offers).chain(resources.offers) {
            (self.own_layers, self.own_tags) = (layers, tags);
            offer.add(self);
        }
    }

    /// What becomes of arguments of which nothing is said.
    fn judge_undescribed(&mut self) {
        for Undescribed { of: (noun, name), argument, reader } in std::mem::take(&mut self.undescribed) {
            let cure = format!("write a doc comment above it: {reader}");
            match self.rules.policy.describe {
                Describe::Warn => {
                    tracing::warn!(kind = noun, %name, %argument, "an argument has no description; {cure}");
                }
                Describe::Deny => {
                    self.problems.push(format!("argument `{argument}` of {noun} `{name}` has no description; {cure}"));
                }
                Describe::Silently => {}
            }
        }
    }

    /// Adds what another server offers, with its layers inside of those of this one.
    pub(crate) fn mount(&mut self, Mount { mut offers, policy, host, resume, has_handle, .. }: Mount) {
        let host = Arc::new(host);
        let depth = host.prefix.len();
        offers.filters.iter_mut().for_each(|filter| filter.depth = depth);
        offers.layers = offers.layers.into_iter().map(|layer| layer.at(depth)).collect();
        let served = Served::default();
        let rules = Rules {
            policy,
            layers: self.rules.layers.clone(),
            filters: self.rules.filters.clone(),
            host: Some(host.clone()),
            served: served.clone(),
            resume: Some(resume),
        };
        let mounted = Self::upon(std::mem::take(&mut self.registry), offers, rules);
        served.know(&host, &mounted.registry);
        let prefix = host.prefix.join("_");
        let mut problems = mounted.problems(&host.states);
        if !host.prefix.iter().all(|part| is_name(part)) {
            problems.insert(0, "a prefix must have letters, digits, `_`, `-` and `.`, and nothing else".to_owned());
        }
        if has_handle {
            problems.push(
                "a handle of it was taken, which cannot change it any more; take one of the server that it is mounted on"
                    .to_owned(),
            );
        }
        self.problems.extend(problems.into_iter().map(|problem| format!("mounted as `{prefix}`: {problem}")));
        self.registry = mounted.registry;
        self.parts.extend(mounted.parts);
    }

    /// The name of something, as callers know it.
    fn name(&self, name: &str) -> Arc<str> {
        self.rules.host.as_ref().map_or_else(|| name.into(), |host| host.name(name))
    }

    /// All that is wrong, on a server with these states.
    pub(crate) fn problems(&self, states: &States) -> Vec<String> {
        let mut problems = self.problems.clone();
        for Need { of, state } in &self.needs {
            let name = (state.name)();
            if (state.twice)(states) {
                problems.push(format!("the state `{name}` was given twice, once as it is and once behind an `Arc`"));
            } else if !(state.is_there)(states) {
                problems.push(format!(
                    "{of} takes `State<{name}>`, which the server was not given; add `.state(..)` with a value of that type"
                ));
            }
        }
        for state in &states.repeated {
            problems.push(format!("the state `{state}` was given twice; a server has one of each type"));
        }
        problems.dedup();
        problems
    }

    fn tool(&mut self, described: protocol::Tool, basis: Basis) {
        let Basis { name, details, .. } = &basis;
        if self.rules.host.is_some() && !is_name(name) {
            self.problems
                .push(format!("tool `{name}` is not right: with its prefix, its name is longer than 128 characters"));
        }
        let described = protocol::Tool {
            annotations: details.annotations.clone(),
            icons: details.icons.clone(),
            meta: details.meta.clone(),
            ..described
        };
        let mirrored = crate::schema::mirrored(&described.input_schema).unwrap_or_else(|problem| {
            self.problems.push(format!("tool `{name}` is not right: {problem}"));
            Vec::new()
        });
        #[cfg(feature = "http")]
        let entry = Entry { mirrored, ..self.entry(basis) };
        #[cfg(not(feature = "http"))]
        let (entry, _) = (self.entry(basis), mirrored);
        self.problems.extend(self.registry.tools.insert(entry.name.clone(), entry, described));
    }

    fn prompt(&mut self, described: protocol::Prompt, basis: Basis) {
        let described =
            protocol::Prompt { icons: basis.details.icons.clone(), meta: basis.details.meta.clone(), ..described };
        let fill = Fill::Prompt { description: described.description.clone() };
        let entry = self.entry(Basis { fill, ..basis });
        self.problems.extend(self.registry.prompts.insert(entry.name.clone(), entry, described));
    }

    fn resource(
        &mut self,
        mut described: protocol::Resource,
        basis: Basis,
        completers: Vec<(String, ErasedCompleter)>,
    ) {
        let Basis { kind, name, module, details, call, mut completable, .. } = basis;
        if let Some(host) = &self.rules.host {
            described.uri = host.uri(&described.uri).into_owned();
        }
        described.size = details.size;
        described.icons = details.icons.clone();
        described.annotations = details.hints.clone();
        described.meta = details.meta.clone();
        let fill = Fill::Resource {
            mime_type: described.mime_type.clone(),
            ttl_ms: details.ttl.map(|time| time.as_millis().try_into().unwrap_or(u64::MAX)),
            // What not everyone sees is nobody else's.
            cache_scope: details.cache_scope.or_else(|| {
                let is_filtered = details.visible.is_some() || !self.rules.filters.is_empty();
                is_filtered.then_some(CacheScope::Private)
            }),
        };
        let uri = Arc::<str>::from(&*described.uri);
        let template = Template::has_variables(&uri).then(|| Template::new(&uri));
        if completable.is_empty() {
            let names = template.iter().flatten().flat_map(Template::names).map(String::as_str);
            completable = self.completable(kind, &name, names, completers);
        }
        #[cfg(feature = "skills")]
        let skill = details.skill.clone().map(|skill| Arc::new(self.skill(skill)));
        let entry = self.entry(Basis { kind, name, module, details, call, fill, completable });
        #[cfg(feature = "skills")]
        let entry = Entry { skill, ..entry };
        let Some(template) = template else {
            return self.problems.extend(self.registry.resources.insert(uri, entry, described));
        };
        match template {
            Err(problem) => self.problems.push(format!("the template `{uri}` is not right: {problem}")),
            Ok(template) => {
                let described = protocol::ResourceTemplate {
                    uri_template: described.uri,
                    name: described.name,
                    title: described.title,
                    description: described.description,
                    mime_type: described.mime_type,
                    icons: described.icons,
                    annotations: described.annotations,
                    meta: described.meta,
                };
                match self.registry.templates.insert(uri, entry, described) {
                    None => self.registry.matchers.push(template),
                    Some(problem) => self.problems.push(problem),
                }
            }
        }
    }

    /// A skill where it is offered, which may be below another place.
    #[cfg(feature = "skills")]
    fn skill(&self, mut skill: protocol::Skill) -> protocol::Skill {
        if let Some(host) = &self.rules.host {
            let files = skill.resources.iter_mut().flatten().map(|file| &mut file.uri);
            for uri in files.chain([&mut skill.uri]) {
                *uri = host.uri(uri).into_owned();
            }
        }
        skill
    }

    /// What can be filled in of something that is known only when the program runs.
    fn completable<'n>(
        &mut self,
        kind: &Kind,
        name: &str,
        arguments: impl Iterator<Item = &'n str>,
        completers: Vec<(String, ErasedCompleter)>,
    ) -> Vec<Completable> {
        let mut completable: Vec<_> = arguments.map(|argument| Completable::open(argument.to_owned())).collect();
        for (argument, completer) in completers {
            let problem = match completable.iter_mut().find(|it| it.name == argument) {
                Some(Completable { source: source @ Source::Values(_), .. }) => {
                    *source = Source::Function(completer);
                    continue;
                }
                Some(_) => format!("its argument `{argument}` is completed twice; remove one of the two"),
                None => {
                    let known = completable.iter().map(|it| &*it.name);
                    match nearest(&argument, known) {
                        Some(meant) => {
                            format!("it completes `{argument}`, which it does not have; did you mean `{meant}`?")
                        }
                        None => format!("it completes `{argument}`, which it does not have"),
                    }
                }
            };
            self.problems.push(format!("{} `{name}` is not right: {problem}", kind.noun));
        }
        completable
    }

    /// The parameters of a function. `reader` says who wants to know what they are.
    fn input(
        &mut self,
        kind: &'static Kind,
        name: &Arc<str>,
        params: &'static [ParamSpec],
        reader: &'static str,
    ) -> schema::Input {
        let mut input = schema::input(params);
        for problem in std::mem::take(&mut input.problems) {
            self.problems.push(format!("{} `{name}` is not right: {problem}", kind.noun));
        }
        let undescribed = |argument| Undescribed { of: (kind.noun, name.clone()), argument, reader };
        self.undescribed.extend(std::mem::take(&mut input.undescribed).into_iter().map(undescribed));
        for param in params {
            if let ParamKind::Injected { needs, .. } = param.kind {
                let need = |state: &StateNeed| Need { of: format!("{} `{name}`", kind.noun), state: *state };
                self.needs.extend(needs.iter().map(need));
            }
        }
        input
    }

    fn entry(&mut self, basis: Basis) -> Entry {
        let Basis { kind, name, module, details, call, fill, completable } = basis;
        for problem in &details.problems {
            self.problems.push(format!("{} `{name}` is not right: {problem}", kind.noun));
        }
        for Completable { name: argument, source } in &completable {
            if let Source::Function(completer) = source {
                let of = || format!("the completion of argument `{argument}` of {} `{name}`", kind.noun);
                self.needs.extend(completer.needs.iter().map(|state| Need { of: of(), state: *state }));
            }
        }
        let limits = CallLimits::new(details.timeout, details.concurrency);
        let (resume, task, visible) = (details.resume.or(self.rules.resume), details.task, details.visible);
        let depth = self.rules.host.as_ref().map_or(0, |host| host.prefix.len());
        let own = std::mem::take(&mut self.own_layers).into_iter().map(|layer| layer.at(depth));
        let layers = self.rules.layers.iter().cloned().chain(own).collect();
        let tags = details.tags.into_iter().chain(std::mem::take(&mut self.own_tags)).collect();
        let Rules { filters, host, served, .. } = &self.rules;
        Entry {
            kind,
            name,
            module,
            limits,
            resume,
            task,
            call,
            fill,
            visible,
            completable,
            #[cfg(feature = "skills")]
            skill: None,
            filters: filters.clone(),
            tags,
            layers,
            host: host.clone(),
            part: self.part,
            scopes: details.scopes.into(),
            #[cfg(feature = "http")]
            mirrored: Vec::new(),
            served: served.clone(),
        }
    }
}
