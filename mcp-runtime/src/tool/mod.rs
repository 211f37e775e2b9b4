//! What the glue of `#[tool]`, `#[prompt]` and `#[resource]` calls: arguments in, results out, decided
//! here and compiled once.

mod arguments;
mod call;
mod completion;
mod constraint;
mod content;
mod dynamic;
mod input;
mod kind;
mod marker;
mod output;
mod param;
mod prompt;
mod resource;
mod table;

pub(crate) use arguments::Arguments;
pub(crate) use call::{Means, Progress, Receiver};
pub use call::{Started, ToolCall};
pub use completion::{
    Awaited, Completer, CompleterOf, Completing, Fixed, Free, IntoCompletion, Iterated, Lent, Listed, Plain, Proposing,
};
pub(crate) use completion::{ErasedCompleter, rank};
pub use constraint::{
    DefaultArgument, HeaderArgument, IntoBound, IntoDefault, ListArgument, NumberArgument, Real, TextArgument,
    TextDefault, TypeDefault, Whole,
};
pub use content::IntoContent;
pub(crate) use dynamic::{ArgumentSchema, Handler, handler};
pub use input::{
    Args, Extension, FromShared, Inject, Lend, NoVariable, State, ToolArgument, ToolParam, ToolRef, Undescribed,
    Unnamed,
};
pub(crate) use kind::{COMPLETION, PROMPT, RESOURCE, TOOL};
pub use marker::{All, Beside, Distinct, Given, Injected, Marked, checked};
pub use output::{IntoToolResult, Json, ListItem};
pub use param::{ParamDetails, ParamKind, ParamSpec, StateNeed};
pub use prompt::{IntoMessages, IntoPromptResult};
pub use resource::IntoResourceResult;
pub(crate) use table::{Argument, ArgumentTable, Leniency, Slot, is_impossible, misfits};
