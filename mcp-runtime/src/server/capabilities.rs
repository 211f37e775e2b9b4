use serde_json::{Map, Value};

use crate::protocol::{ServerCapabilities, TASKS_EXTENSION};
use crate::registry::Registry;

/// What a server says that it can do.
pub(super) fn capabilities(registry: &Registry) -> ServerCapabilities {
    let extensions = registry.tools.iter().any(|entry| entry.task.is_some());
    let extensions =
        (registry.may_change || extensions).then(|| (TASKS_EXTENSION.to_owned(), Value::Object(Map::new())));
    #[cfg(feature = "skills")]
    // Not of one that may have some later: older revisions have no place for extensions.
    let extensions = extensions.into_iter().chain(registry.has_skills().then(|| {
        let settings = Map::from_iter([("directoryRead".to_owned(), Value::Bool(true))]);
        (crate::protocol::SKILLS_EXTENSION.to_owned(), Value::Object(settings))
    }));
    let may_change = registry.may_change.then(|| ("listChanged".to_owned(), Value::Bool(true)));
    let list = || Map::from_iter(may_change.clone());
    let resources = || [("subscribe".to_owned(), Value::Bool(true))].into_iter().chain(may_change.clone()).collect();
    ServerCapabilities {
        tools: registry.offers_tools().then(list),
        prompts: registry.offers_prompts().then(list),
        resources: registry.offers_resources().then(resources),
        completions: registry.offers_completions().then(Map::new),
        logging: Some(Map::new()),
        extensions: extensions.into_iter().collect(),
        ..ServerCapabilities::default()
    }
}
