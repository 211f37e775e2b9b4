//! Lists of what a server offers: each item and each whole list is encoded once for every revision,
//! in the words that the revision has.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::ser::SerializeMap as _;
use serde_json::value::{RawValue, to_raw_value};

use crate::protocol::{
    Annotations, CacheScope, Icon, ListKind, Listed, Meta, Prompt, ProtocolVersion, Resource, ResourceTemplate, Tool,
    ToolAnnotations,
};

/// Something for each revision, made when it is first asked for.
pub(super) type PerRevision<T> = [OnceLock<T>; ProtocolVersion::ALL.len()];

/// The place of a revision among all.
pub(super) fn place(revision: ProtocolVersion) -> usize {
    ProtocolVersion::ALL.iter().position(|it| *it == revision).unwrap_or_default()
}

/// All lists of a server, as they are at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    pub(crate) tools: List<Tool>,
    pub(crate) prompts: List<Prompt>,
    pub(crate) resources: List<Resource>,
    pub(crate) templates: List<ResourceTemplate>,
}

impl Lists {
    /// Writes what was asked for. `encode` makes the result of a body.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        revision: ProtocolVersion,
        listed: &Listed,
        encode: impl Fn(&Body<'_>, ListKind, CacheScope) -> Vec<u8>,
    ) {
        match listed.list {
            ListKind::Tools => self.tools.write(out, revision, listed, encode),
            ListKind::Prompts => self.prompts.write(out, revision, listed, encode),
            ListKind::Resources => self.resources.write(out, revision, listed, encode),
            ListKind::ResourceTemplates => self.templates.write(out, revision, listed, encode),
        }
    }
}

/// All items of one kind.
#[derive(Debug, Clone)]
pub(crate) struct List<T>(Arc<Items<T>>);

#[derive(Debug)]
struct Items<T> {
    items: Arc<Vec<T>>,
    encoded: PerRevision<Vec<Box<RawValue>>>,
    whole: PerRevision<Vec<u8>>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

/// The body of the result that has a list.
pub(super) struct Body<'i> {
    key: &'static str,
    items: Vec<&'i RawValue>,
    next_cursor: Option<&'i str>,
}

impl Serialize for Body<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.key, &self.items)?;
        if let Some(cursor) = self.next_cursor {
            map.serialize_entry("nextCursor", cursor)?;
        }
        map.end()
    }
}

impl<T> List<T> {
    pub(crate) fn new(items: Arc<Vec<T>>) -> Self {
        Self(Arc::new(Items { items, encoded: Default::default(), whole: Default::default() }))
    }

    /// Becomes that one, as it is encoded, if it has the same items.
    pub(crate) fn take_over(&mut self, earlier: &Self) {
        if Arc::ptr_eq(&self.0.items, &earlier.0.items) {
            self.0 = earlier.0.clone();
        }
    }
}

impl<T: Item> List<T> {
    /// Writes the list, or of it what was asked for.
    fn write(
        &self,
        out: &mut Vec<u8>,
        revision: ProtocolVersion,
        listed: &Listed,
        encode: impl Fn(&Body<'_>, ListKind, CacheScope) -> Vec<u8>,
    ) {
        let Items { items, encoded, whole } = &*self.0;
        let item = |item: &T| to_raw_value(&item.clone().said_in(revision)).ok();
        let all = encoded[place(revision)].get_or_init(|| items.iter().filter_map(item).collect());
        let body = |items, next_cursor| Body { key: T::KEY, items, next_cursor };
        match &listed.places {
            None => {
                let all = || body(all.iter().map(Box::as_ref).collect(), None);
                let encode = || encode(&all(), listed.list, listed.scope);
                out.extend_from_slice(whole[place(revision)].get_or_init(encode));
            }
            Some(places) => {
                let items = places.iter().filter_map(|place| all.get(*place)).map(Box::as_ref).collect();
                out.append(&mut encode(&body(items, listed.next_cursor.as_deref()), listed.list, listed.scope));
            }
        }
    }
}

/// What a list has.
pub(crate) trait Item: Serialize + Clone {
    /// The member that has them.
    const KEY: &'static str;

    /// As the revision describes it.
    fn said_in(self, revision: ProtocolVersion) -> Self;
}

impl Item for Tool {
    const KEY: &'static str = "tools";

    fn said_in(mut self, revision: ProtocolVersion) -> Self {
        if revision.is_modern() {
            return self;
        }
        let title = self.title.clone();
        self.output_schema = self.output_schema.filter(|schema| {
            revision >= ProtocolVersion::V2025_06_18 && schema.get("type").is_some_and(|kind| kind == "object")
        });
        known_of_all(revision, &mut self.title, &mut self.icons, &mut self.meta);
        if revision == ProtocolVersion::V2025_03_26 {
            self.annotations.get_or_insert_with(ToolAnnotations::default).title = title;
        }
        if revision < ProtocolVersion::V2025_03_26 {
            self.annotations = None;
        }
        self
    }
}

impl Item for Prompt {
    const KEY: &'static str = "prompts";

    fn said_in(mut self, revision: ProtocolVersion) -> Self {
        known_of_all(revision, &mut self.title, &mut self.icons, &mut self.meta);
        if revision < ProtocolVersion::V2025_06_18 {
            self.arguments.iter_mut().for_each(|argument| argument.title = None);
        }
        self
    }
}

impl Item for Resource {
    const KEY: &'static str = "resources";

    fn said_in(mut self, revision: ProtocolVersion) -> Self {
        known_of_all(revision, &mut self.title, &mut self.icons, &mut self.meta);
        self.annotations = self.annotations.and_then(|annotations| annotations_for(revision, annotations));
        self
    }
}

impl Item for ResourceTemplate {
    const KEY: &'static str = "resourceTemplates";

    fn said_in(mut self, revision: ProtocolVersion) -> Self {
        known_of_all(revision, &mut self.title, &mut self.icons, &mut self.meta);
        self.annotations = self.annotations.and_then(|annotations| annotations_for(revision, annotations));
        self
    }
}

/// What all items have since the same revisions.
fn known_of_all(revision: ProtocolVersion, title: &mut Option<String>, icons: &mut Vec<Icon>, meta: &mut Option<Meta>) {
    if revision < ProtocolVersion::V2025_11_25 {
        icons.clear();
    }
    if revision < ProtocolVersion::V2025_06_18 {
        *title = None;
        *meta = None;
    }
}

fn annotations_for(revision: ProtocolVersion, mut annotations: Annotations) -> Option<Annotations> {
    if revision < ProtocolVersion::V2025_06_18 {
        annotations.last_modified = None;
    }
    (annotations != Annotations::default()).then_some(annotations)
}
