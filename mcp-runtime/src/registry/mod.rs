//! Tool name to static spec, in the order of registration.

mod schema;
mod spec;

use std::collections::HashMap;

pub use spec::{Tool, ToolSpec, Tools, UNFINISHED};

/// The tools of a server.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    tools: Vec<&'static ToolSpec>,
    by_name: HashMap<&'static str, &'static ToolSpec>,
    /// Names that were registered twice, with the modules of both.
    pub(crate) repeated: Vec<(&'static ToolSpec, &'static ToolSpec)>,
}

impl Registry {
    pub(crate) fn extend(&mut self, tools: Tools) {
        for spec in tools.into_specs() {
            match self.by_name.insert(spec.name, spec) {
                None => self.tools.push(spec),
                Some(earlier) => self.repeated.push((earlier, spec)),
            }
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&'static ToolSpec> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static ToolSpec> {
        self.tools.iter().copied()
    }
}
