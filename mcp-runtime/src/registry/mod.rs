//! Tool name to what is known of the tool, in the order of registration.

mod choices;
mod dynamic;
mod schema;
mod spec;
mod toolbox;

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use serde_json::value::RawValue;

pub use dynamic::DynTool;
pub use spec::{OutputSchema, Tool, ToolDetails, ToolSpec, Tools, UNFINISHED};

use crate::context::{Context, Host, Requester, States};
use crate::engine::{CallLimits, Resume, TaskMode, noticed_if_slow, panicked};
use crate::protocol::{self, Extensions, ServerResult};
use crate::schema::nearest;
use crate::tool::{
    ArgumentSchema, ArgumentTable, Arguments, Handler, Leniency, ParamKind, Progress, Receiver, Started, StateNeed,
    ToolCall,
};
use spec::{Offer, SharedReceiver};

/// One tool of a server, ready to be called.
pub(crate) struct Entry {
    pub(crate) name: Arc<str>,
    pub(crate) module: &'static str,
    pub(crate) limits: CallLimits,
    /// How its calls go on, if it says so.
    pub(crate) resume: Option<Resume>,
    /// When its calls become tasks.
    pub(crate) task: Option<TaskMode>,
    pub(crate) call: EntryCall,
    /// As lists describe it.
    pub(crate) described: protocol::Tool,
    visible: Option<fn(&Requester) -> bool>,
}

/// Who asks, made when a tool wants to know, and once for all tools.
pub(crate) type LazyRequester<'r> = LazyCell<Requester, &'r dyn Fn() -> Requester>;

/// How a tool is entered.
pub(crate) enum EntryCall {
    Function { function: fn(ToolCall<'_>) -> Started, table: ArgumentTable, receiver: Option<Receiver> },
    Dynamic { handler: Arc<Handler>, schema: Box<ArgumentSchema> },
}

impl Entry {
    /// Whether whoever asks may see it.
    pub(crate) fn is_visible(&self, requester: &LazyRequester<'_>) -> bool {
        let Some(visible) = self.visible else { return true };
        // In doubt, hidden.
        catch_unwind(AssertUnwindSafe(|| visible(requester))).unwrap_or_else(|_| {
            tracing::error!(tool = %self.name, "the `visible` function of this tool panicked; the tool is hidden");
            false
        })
    }

    /// Enters the tool.
    ///
    /// # Errors
    ///
    /// What to say when it panicked.
    pub(crate) fn enter(
        &self,
        host: &Host,
        arguments: Option<&RawValue>,
        extensions: &Extensions,
        requester: &dyn Fn() -> Requester,
        context: &dyn Fn() -> Context,
    ) -> Result<Started, String> {
        let before = Instant::now();
        let started = catch_unwind(AssertUnwindSafe(|| match &self.call {
            EntryCall::Function { function, table, receiver } => function(ToolCall {
                tool: &self.name,
                arguments: Arguments::new(table, arguments),
                host,
                extensions,
                receiver: receiver.as_ref(),
                context,
                requester,
                failure: None,
            }),
            EntryCall::Dynamic { handler, schema } => match schema.read(arguments) {
                Ok(arguments) => Started::running(handler(arguments, context()), host.mask_errors),
                Err(refusal) => Started(Progress::Finished(Ok(ServerResult::CallTool(*refusal)))),
            },
        }));
        noticed_if_slow(&self.name, before);
        started.map_err(|panic| panicked(&self.name, &*panic))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The tools of a server.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    tools: Vec<Entry>,
    by_name: HashMap<Arc<str>, usize>,
    /// Whether there are tools that not everyone sees.
    pub(crate) has_hidden: bool,
}

/// What a server says about all of its tools.
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

/// Tools with all that is wrong with them, and the states that they need.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) registry: Registry,
    pub(crate) problems: Vec<String>,
    pub(crate) needs: Vec<(Arc<str>, StateNeed)>,
}

impl Built {
    pub(crate) fn new(tools: Tools, policy: Policy) -> Self {
        let mut built = Self::default();
        let mut undescribed = Vec::new();
        for offer in tools.offers {
            let entry = built.entry(offer, policy, &mut undescribed);
            built.insert(entry);
        }
        for (tool, argument) in undescribed {
            let cure = "write a doc comment above it: models choose arguments by their descriptions";
            match policy.describe {
                Describe::Warn => tracing::warn!(%tool, %argument, "an argument has no description; {cure}"),
                Describe::Deny => {
                    built.problems.push(format!("argument `{argument}` of tool `{tool}` has no description; {cure}"));
                }
                Describe::Silently => {}
            }
        }
        built
    }

    /// All that is wrong, on a server with these states.
    pub(crate) fn problems(&self, states: &States) -> Vec<String> {
        let mut problems = self.problems.clone();
        for (tool, need) in &self.needs {
            let name = (need.name)();
            if (need.twice)(states) {
                problems.push(format!("the state `{name}` was given twice, once as it is and once behind an `Arc`"));
            } else if !(need.is_there)(states) {
                problems.push(format!(
                    "tool `{tool}` takes `State<{name}>`, which the server was not given; add `.state(..)` with a value of that type"
                ));
            }
        }
        for state in &states.repeated {
            problems.push(format!("the state `{state}` was given twice; a server has one of each type"));
        }
        problems.dedup();
        problems
    }

    fn insert(&mut self, entry: Entry) {
        let Registry { tools, by_name, has_hidden } = &mut self.registry;
        if let Some(earlier) = by_name.get(&entry.name).and_then(|earlier| tools.get(*earlier)) {
            self.problems.push(format!(
                "two tools are named `{}`: one in `{}`, one in `{}`; give one of them another name with `#[tool(name = \"..\")]`",
                entry.name, earlier.module, entry.module
            ));
            return;
        }
        *has_hidden |= entry.visible.is_some();
        by_name.insert(entry.name.clone(), tools.len());
        tools.push(entry);
    }

    fn entry(&mut self, offer: Offer, policy: Policy, undescribed: &mut Vec<(Arc<str>, Cow<'static, str>)>) -> Entry {
        let (name, module, mut described, details);
        let call = match offer {
            Offer::Function { spec, receiver } => {
                name = Arc::<str>::from(spec.name);
                module = spec.module;
                details = spec.details();
                let input = schema::input(spec.params);
                for problem in input.problems {
                    self.problems.push(format!("tool `{name}` is not right: {problem}"));
                }
                undescribed.extend(input.undescribed.into_iter().map(|argument| (name.clone(), argument)));
                for param in spec.params {
                    if let ParamKind::Injected { needs, .. } = param.kind {
                        self.needs.extend(needs.iter().map(|need| (name.clone(), *need)));
                    }
                }
                described = protocol::Tool::default();
                described.name = spec.name.to_owned();
                described.title = Some(spec.title.to_owned());
                described.description = (!spec.description.is_empty()).then(|| spec.description.to_owned());
                described.input_schema = input.schema;
                let output = details.output_schema.map(schema::output_of);
                described.output_schema = output.or_else(|| schema::output(spec.output_schema));
                let table = ArgumentTable::new(name.clone(), input.slots, details.leniency.unwrap_or(policy.leniency));
                let receiver = receiver.map(|SharedReceiver(receiver)| receiver);
                EntryCall::Function { function: spec.call, table, receiver }
            }
            Offer::Dynamic(tool) => {
                name = Arc::<str>::from(&*tool.tool.name);
                module = "a `DynTool`";
                described = tool.tool;
                details = tool.details;
                let leniency = details.leniency.unwrap_or(policy.leniency);
                let schema = ArgumentSchema::new(name.clone(), described.input_schema.clone(), leniency, tool.checked);
                for gap in schema.gaps() {
                    self.problems.push(format!(
                        "tool `{name}` is not right: its schema has {gap}, which cannot be checked; \
                         leave that out, or let the handler check its arguments with `.unchecked()`"
                    ));
                }
                if let Some(Value::Object(properties)) = described.input_schema.get("properties") {
                    let said = |schema: &Value| schema.get("description").is_some();
                    let silent = properties.iter().filter(|(_, schema)| !said(schema));
                    undescribed.extend(silent.map(|(argument, _)| (name.clone(), argument.clone().into())));
                }
                EntryCall::Dynamic { handler: tool.handler, schema: Box::new(schema) }
            }
        };
        for problem in &details.problems {
            self.problems.push(format!("tool `{name}` is not right: {problem}"));
        }
        described.annotations = details.annotations;
        described.icons = details.icons;
        described.meta = details.meta;
        let limits = CallLimits::new(details.timeout, details.concurrency);
        Entry {
            name,
            module,
            limits,
            resume: details.resume,
            task: details.task,
            call,
            described,
            visible: details.visible,
        }
    }
}

impl Registry {
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.tools.get(*self.by_name.get(name)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.tools.iter()
    }

    /// Says that there is no such tool, and which there are, of those that whoever asks may see.
    pub(crate) fn unknown(&self, name: &str, requester: &LazyRequester<'_>) -> String {
        let visible = self.tools.iter().filter(|entry| entry.is_visible(requester));
        let known: Vec<&str> = visible.map(|entry| &*entry.name).collect();
        match (nearest(name, known.iter().copied()), &known[..]) {
            (Some(meant), _) => format!("unknown tool `{name}`; did you mean `{meant}`?"),
            (None, []) => format!("unknown tool `{name}`; there are no tools"),
            (None, known) => format!("unknown tool `{name}`; the tools are `{}`", known.join("`, `")),
        }
    }
}
