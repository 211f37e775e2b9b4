//! `skills/list`, `skills/get` and `resources/directory/read` ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension

use std::borrow::Cow;
use std::cell::LazyCell;

use serde_json::json;

use super::call::params_are_missing;
use super::{Dispatched, Dispatcher, Request};
use crate::context::Requester;
use crate::protocol::{ErrorObject, Method, ServerResult, SkillsResult};

impl Dispatcher {
    pub(super) fn skills(&self, method: Method, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let requester = LazyCell::new(requester);
        let registry = request.registry;
        let result = match method {
            Method::SkillsGet => {
                let uri = uri_of(method, request)?;
                let found = registry.skills(&requester).find(|skill| skill.uri == uri);
                SkillsResult::Get(found.ok_or_else(|| unknown("skill", &uri))?)
            }
            Method::ResourcesDirectoryRead => {
                let uri = uri_of(method, request)?;
                let children = registry.directory(&uri, &requester);
                SkillsResult::Directory(children.ok_or_else(|| unknown("directory", &uri))?)
            }
            _ => {
                // All of them are on the first page.
                if request.params.map_or(Ok(None), |params| params.optional_text("cursor"))?.is_some() {
                    let told =
                        "`params.cursor` was not given by this server; leave it out to begin with the first page";
                    return Err(ErrorObject::invalid_params(told));
                }
                SkillsResult::List(registry.skills(&requester).collect())
            }
        };
        Ok(Dispatched::Done(Ok(ServerResult::Skills(Box::new(result), registry.resources.scope()))))
    }
}

fn uri_of<'m>(method: Method, request: &Request<'_, 'm>) -> Result<Cow<'m, str>, ErrorObject> {
    request.params.ok_or_else(|| params_are_missing(method, "uri"))?.text("uri")
}

fn unknown(noun: &str, uri: &str) -> ErrorObject {
    ErrorObject::invalid_params(format!("there is no {noun} `{uri}`")).with_data(json!({ "uri": uri }))
}
