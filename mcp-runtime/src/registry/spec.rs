use std::fmt;

use schemars::{Schema, SchemaGenerator};

use super::schema;
use crate::protocol;
use crate::tool::{ParamSpec, Started, ToolCall};

/// Everything about a tool that is known when it is compiled. `#[tool]` writes it.
pub struct ToolSpec {
    /// The name that `tools/call` uses.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it does; empty for nothing to say.
    pub description: &'static str,
    /// The module that it was written in.
    pub module: &'static str,
    /// The parameters of the function, in their order.
    pub params: &'static [ParamSpec],
    /// The schema of the structured content, if there is any.
    pub output_schema: fn(&mut SchemaGenerator) -> Option<Schema>,
    /// Decodes the arguments and enters the function.
    pub call: fn(ToolCall<'_>) -> Started,
}

/// Stands in for a tool whose function does not compile.
pub const UNFINISHED: &ToolSpec = &ToolSpec {
    name: "",
    title: "",
    description: "",
    module: "",
    params: &[],
    output_schema: |_| None,
    call: |call| call.refuse(),
};

impl ToolSpec {
    /// The tool as lists describe it.
    pub(crate) fn describe(&self) -> protocol::Tool {
        let mut tool = protocol::Tool::default();
        self.name.clone_into(&mut tool.name);
        tool.title = Some(self.title.to_owned());
        tool.description = (!self.description.is_empty()).then(|| self.description.to_owned());
        tool.input_schema = schema::input(self.params);
        tool.output_schema = schema::output(self.output_schema);
        tool
    }
}

impl fmt::Debug for ToolSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolSpec").field("name", &self.name).field("params", &self.params).finish_non_exhaustive()
    }
}

/// A function that carries `#[tool]`; implemented by the type of the same name that the macro
/// makes. `tools![..]` collects them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not a tool",
    note = "put `#[tool]` on the function that `tools![..]` names"
)]
pub trait Tool {
    /// All that is known of it.
    const SPEC: &'static ToolSpec;
}

/// A list of tools for [`Server::tools`](crate::Server::tools), made by `tools![..]`.
#[derive(Debug, Default)]
pub struct Tools {
    specs: Vec<&'static ToolSpec>,
}

impl Tools {
    /// The tools of these specs.
    #[must_use]
    pub fn new(specs: &[&'static ToolSpec]) -> Self {
        Self { specs: specs.to_vec() }
    }

    pub(crate) fn into_specs(self) -> Vec<&'static ToolSpec> {
        self.specs
    }
}
