//! How each kind of thing that a server can be given becomes part of what is offered: described from its spec, or as it
//! describes itself.

use std::sync::Arc;

use serde_json::Value;

use super::{Basis, Built, Undescribed};
use crate::engine::Kind;
use crate::protocol::{self, PromptArgument};
use crate::registry::spec::{Function, Offer, PromptSpec, ResourceSpec, ToolSpec};
use crate::registry::{DynPrompt, DynTool, EntryCall, Resource, schema};
use crate::schema::wanted;
use crate::tool::{ArgumentSchema, ArgumentTable, Handler, Leniency, PROMPT, RESOURCE, TOOL};

/// Who reads the descriptions of a tool's arguments.
const READER: &str = "models choose arguments by their descriptions";

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl Offer for Function<ToolSpec> {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn add(self: Box<Self>, built: &mut Built) {
        let (kind, Self { spec, receiver }) = (&TOOL, *self);
        let (name, details) = (built.name(spec.name), spec.details());
        let leniency = details.leniency.unwrap_or(built.rules.policy.leniency);
        let input = built.input(kind, &name, spec.params, READER);
        let output = details.output_schema.map(schema::output_of);
        let described = protocol::Tool {
            name: name.as_ref().to_owned(),
            title: Some(spec.title.to_owned()),
            description: said(spec.description),
            input_schema: input.schema,
            output_schema: output.or_else(|| schema::output(spec.more)),
            ..protocol::Tool::default()
        };
        let table = ArgumentTable::new(kind, name.clone(), input.slots, leniency);
        let call = EntryCall::Function { function: spec.call, table, receiver };
        built.tool(described, Basis::new(kind, name, spec.module, details, call));
    }
}

impl Offer for DynTool {
    fn name(&self) -> &str {
        &self.tool.name
    }

    fn add(self: Box<Self>, built: &mut Built) {
        let (kind, tool) = (&TOOL, *self);
        let (name, details) = (built.name(&tool.tool.name), tool.details);
        let described = protocol::Tool { name: name.as_ref().to_owned(), ..tool.tool };
        let leniency = details.leniency.unwrap_or(built.rules.policy.leniency);
        let input = described.input_schema.clone();
        let schema = ArgumentSchema::new(kind, name.clone(), input, leniency, tool.checked);
        for gap in schema.gaps() {
            built.problems.push(format!(
                "tool `{name}` is not right: its schema has {gap}, which cannot be checked; \
                 leave that out, or let the handler check its arguments with `.unchecked()`"
            ));
        }
        if let Some(Value::Object(properties)) = described.input_schema.get("properties") {
            let is_silent = |schema: &Value| schema.get("description").is_none();
            for (argument, _) in properties.iter().filter(|(_, schema)| is_silent(schema)) {
                let (of, argument) = ((kind.noun, name.clone()), argument.clone().into());
                built.undescribed.push(Undescribed { of, argument, reader: READER });
            }
        }
        let call = EntryCall::Dynamic { handler: tool.handler, schema: Box::new(schema) };
        built.tool(described, Basis::new(kind, name, "a `DynTool`", details, call));
    }
}

impl Offer for Function<PromptSpec> {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn add(self: Box<Self>, built: &mut Built) {
        let (kind, Self { spec, receiver }) = (&PROMPT, *self);
        let (name, details) = (built.name(spec.name), spec.details());
        let input = built.input(kind, &name, spec.params, "people fill in arguments by their descriptions");
        let described = protocol::Prompt {
            name: name.as_ref().to_owned(),
            title: Some(spec.title.to_owned()),
            description: said(spec.description),
            arguments: arguments(&input.schema),
            ..protocol::Prompt::default()
        };
        let table = ArgumentTable::new(kind, name.clone(), input.slots, Leniency::Text);
        let call = EntryCall::Function { function: spec.call, table, receiver };
        let basis = Basis::new(kind, name, spec.module, details, call);
        built.prompt(described, Basis { completable: input.completable, ..basis });
    }
}

impl Offer for DynPrompt {
    fn name(&self) -> &str {
        &self.prompt.name
    }

    fn add(self: Box<Self>, built: &mut Built) {
        let (kind, prompt) = (&PROMPT, *self);
        let name = built.name(&prompt.prompt.name);
        let schema = prompt.schema(kind, name.clone());
        let names = prompt.prompt.arguments.iter().map(|argument| &*argument.name);
        let completable = built.completable(kind, &name, names, prompt.completers);
        let described = protocol::Prompt { name: name.as_ref().to_owned(), ..prompt.prompt };
        let call = EntryCall::Dynamic { handler: prompt.handler, schema: Box::new(schema) };
        let basis = Basis::new(kind, name, "a `DynPrompt`", prompt.details, call);
        built.prompt(described, Basis { completable, ..basis });
    }
}

impl Offer for Function<ResourceSpec> {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn add(self: Box<Self>, built: &mut Built) {
        let (kind, Self { spec, receiver }) = (&RESOURCE, *self);
        let (name, details) = (built.name(spec.name), spec.details());
        // There is no place for descriptions of variables.
        let input = built.input(kind, &name, spec.params, "");
        built.undescribed.retain(|it| it.of.0 != kind.noun);
        let mut described = protocol::Resource::new(spec.more.uri, &*name);
        described.title = Some(spec.title.to_owned());
        described.description = said(spec.description);
        described.mime_type = spec.more.mime_type.or(spec.more.usual_mime_type).map(str::to_owned);
        let table = ArgumentTable::new(kind, name.clone(), input.slots, Leniency::Text);
        let call = EntryCall::Function { function: spec.call, table, receiver };
        let basis = Basis::new(kind, name, spec.module, details, call);
        built.resource(described, Basis { completable: input.completable, ..basis }, Vec::new());
    }
}

impl Offer for Resource {
    fn name(&self) -> &str {
        &self.link.name
    }

    fn add(self: Box<Self>, built: &mut Built) {
        let (kind, resource) = (&RESOURCE, *self);
        let name = built.name(&resource.link.name);
        let described = protocol::Resource { name: name.as_ref().to_owned(), ..resource.link };
        let call = dynamic(kind, &name, resource.handler);
        built.resource(described, Basis::new(kind, name, "a `Resource`", resource.details, call), resource.completers);
    }
}

/// One that takes its arguments as they are.
fn dynamic(kind: &'static Kind, name: &Arc<str>, handler: Arc<Handler>) -> EntryCall {
    let schema = ArgumentSchema::new(kind, name.clone(), serde_json::Map::new(), Leniency::Text, false);
    EntryCall::Dynamic { handler, schema: Box::new(schema) }
}

/// The arguments of a prompt: what the schema of each says is said in words.
fn arguments(schema: &serde_json::Map<String, Value>) -> Vec<PromptArgument> {
    let required = schema.get("required").and_then(Value::as_array);
    let properties = schema.get("properties").and_then(Value::as_object);
    let argument = |(name, schema): (&String, &Value)| {
        let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str).map(str::to_owned);
        let description = match (text("description"), expected(schema)) {
            (Some(description), Some(expected)) => Some(match description.strip_suffix('.') {
                Some(sentence) => format!("{sentence} ({expected})."),
                None => format!("{description} ({expected})"),
            }),
            (None, expected) => expected,
            (description, None) => description,
        };
        let required = required.is_some_and(|names| names.iter().any(|it| it == name));
        PromptArgument { name: name.clone(), title: text("title"), description, required }
    };
    properties.into_iter().flatten().map(argument).collect()
}

/// What an argument must be, if it is more than text.
fn expected(schema: &Value) -> Option<String> {
    const KINDS: [&str; 5] = ["type", "enum", "const", "oneOf", "anyOf"];
    const MORE: [&str; 7] = ["enum", "const", "oneOf", "minLength", "maxLength", "pattern", "format"];
    let says = |keyword: &&str| schema.get(*keyword).is_some();
    let is = |kind: &str| schema.get("type").is_some_and(|it| it == kind);
    let is_plain_text = is("string") && !MORE.iter().any(says);
    if is_plain_text || !KINDS.iter().any(says) {
        return None;
    }
    let written = if is("array") || is("object") { "as JSON: " } else { "" };
    Some(format!("{written}{}", wanted(schema)))
}
