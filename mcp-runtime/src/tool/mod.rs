//! What the glue of `#[tool]` calls: arguments in, results out, decided here and compiled once.

mod arguments;
mod constraint;
mod content;
mod dynamic;
mod input;
mod marker;
mod output;
mod param;
mod table;

pub(crate) use arguments::Arguments;
pub use constraint::{
    DefaultArgument, HeaderArgument, IntoBound, IntoDefault, ListArgument, NumberArgument, Real, TextArgument,
    TextDefault, TypeDefault, Whole,
};
pub use content::IntoContent;
pub(crate) use dynamic::{ArgumentSchema, Handler, handler};
pub use input::{
    Args, Extension, FromShared, Inject, Lend, Started, State, ToolArgument, ToolCall, ToolParam, ToolRef, Undescribed,
    Unnamed,
};
pub(crate) use input::{Progress, Receiver};
pub use marker::{All, Beside, Distinct, Given, Injected, Marked, checked};
pub use output::{IntoToolResult, Json, ListItem};
pub use param::{ParamDetails, ParamKind, ParamSpec, StateNeed};
pub(crate) use table::{Argument, ArgumentTable, Leniency, Slot, is_impossible, misfits};
