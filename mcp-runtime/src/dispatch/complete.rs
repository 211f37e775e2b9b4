//! `completion/complete`: values for an argument of a prompt or a variable of a resource.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::call::params_are_missing;
use super::{Dispatched, Dispatcher, Request};
use crate::context::{Context, Requester};
use crate::engine::{Call, First, Running, push};
use crate::protocol::{
    CompleteResult, Completion, ErrorCode, ErrorObject, Members, Method, Params, ServerResult, must_be, text,
};
use crate::registry::Source;
use crate::schema::shortened;
use crate::tool::{COMPLETION, Completing, Means, PROMPT, Progress, Started, rank};

/// What a request says.
struct Asked<'a> {
    reference: Reference<'a>,
    argument: Cow<'a, str>,
    typed: Cow<'a, str>,
    /// What else is filled in.
    arguments: BTreeMap<String, String>,
}

/// Whose argument it is.
enum Reference<'a> {
    Prompt(Cow<'a, str>),
    /// A template, or a URI.
    Resource(Cow<'a, str>),
}

impl Dispatcher {
    pub(super) fn complete(&self, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        if let Some(Err(refusal)) = self.completion_rate.as_ref().map(|admits| admits(request.principal())) {
            return Err(ErrorObject::new(ErrorCode::InternalError, refusal));
        }
        let Asked { reference, argument, typed, mut arguments } = Asked::read(request.params)?;
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let lazy = LazyCell::new(requester);
        let (entry, what) = match &reference {
            Reference::Prompt(name) => {
                (request.registry.prompts.named(&PROMPT, name, &lazy)?, format!("prompt `{}`", shortened(name)))
            }
            Reference::Resource(uri) => {
                let (entry, variables) = request.registry.template(uri, &lazy)?;
                // What the URI says is filled in, too.
                for (name, value) in variables {
                    if let Value::String(value) = value
                        && name != *argument
                    {
                        arguments.entry(name).or_insert(value);
                    }
                }
                (entry, format!("resource `{}`", shortened(uri)))
            }
        };
        let completer = match &entry.completable(&what, &argument)?.source {
            Source::Values(values) => return Ok(completed(rank(values, &typed))),
            Source::Function(completer) => completer,
        };
        // Before the function runs, as for every other one.
        request.origin.has_room()?;
        let host = entry.host(&self.host);
        let asked = Completing {
            name: argument.clone().into_owned(),
            typed: typed.into_owned(),
            arguments,
            requester: request.requester(),
            host: host.clone(),
        };
        // Nobody can be asked: a completion has no rounds.
        let context = || {
            let call = Call::new((request.round)(), request.origin.outlet(), None);
            call.end();
            Context::new(call, host.clone())
        };
        let means = Means { extensions: request.extensions, requester, context: &context, write: None };
        let started = entry.complete(completer, asked, host, &means);
        let work = match started {
            Started(Progress::Finished(finished)) => return Ok(Dispatched::Done(finished)),
            Started(Progress::Running(work)) => work,
        };
        let name = entry.completion_name(&argument);
        Ok(match Running::new(name, &COMPLETION, &self.completion_limits, work, None).first_poll() {
            First::Finished(finished) => Dispatched::Done(finished),
            First::Pending(running) => {
                Dispatched::Running(push(running.counted_in(&self.calls), request.origin.reply()))
            }
        })
    }
}

fn completed(completion: Completion) -> Dispatched {
    let result = CompleteResult { completion, ..CompleteResult::default() };
    Dispatched::Done(Ok(ServerResult::Complete(Arc::new(result))))
}

impl<'a> Asked<'a> {
    fn read(params: Option<&Params<'a>>) -> Result<Self, ErrorObject> {
        let params = params.ok_or_else(|| params_are_missing(Method::CompletionComplete, "ref"))?;
        let reference = params.optional_object("ref")?.map(Members::of).ok_or_else(|| {
            ErrorObject::invalid_params(
                "`params.ref` is missing; it is `{\"type\": \"ref/prompt\", \"name\": ..}` or \
                 `{\"type\": \"ref/resource\", \"uri\": ..}`",
            )
        })?;
        let reference = match &*text_of(&reference, "ref", "type")? {
            "ref/prompt" => Reference::Prompt(text_of(&reference, "ref", "name")?),
            "ref/resource" => Reference::Resource(text_of(&reference, "ref", "uri")?),
            other => {
                let other = shortened(other);
                let message = format!("`params.ref.type` must be `ref/prompt` or `ref/resource`, not `{other}`");
                return Err(ErrorObject::invalid_params(message));
            }
        };
        let argument = params.optional_object("argument")?.map(Members::of).ok_or_else(|| {
            ErrorObject::invalid_params(
                "`params.argument` is missing; it has the `name` of what is completed, and as `value` what was typed so far",
            )
        })?;
        let (name, typed) = (text_of(&argument, "argument", "name")?, text_of(&argument, "argument", "value")?);
        let mut arguments = BTreeMap::new();
        if let Some(context) = params.optional_object("context")?.map(Members::of)
            && let Some(given) = context.get("arguments")
        {
            let given = Some(given).filter(|given| given.is_object()).map(Members::of);
            let given = given.ok_or_else(|| must_be("context.arguments", "an object"))?;
            for (given, value) in given.into_iter() {
                let place = || format!("context.arguments.{}", shortened(&given));
                let value = text(value).ok_or_else(|| must_be(&place(), "a string"))?;
                if given != name {
                    arguments.insert(given.into_owned(), value.into_owned());
                }
            }
        }
        Ok(Self { reference, argument: name, typed, arguments })
    }
}

/// A member of an object in the parameters, which must be there and be text.
fn text_of<'a>(object: &Members<'a>, within: &str, name: &str) -> Result<Cow<'a, str>, ErrorObject> {
    let place = || format!("{within}.{name}");
    match object.get(name) {
        Some(value) => text(value).ok_or_else(|| must_be(&place(), "a string")),
        None => Err(ErrorObject::invalid_params(format!("`params.{}` is missing; it must be a string", place()))),
    }
}
