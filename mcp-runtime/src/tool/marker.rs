//! Markers that keep the kinds of [`ToolParam`]s apart, and what two parameters of one tool must be
//! to each other. Which kind a parameter is, only the compiler knows.

use super::input::ToolParam;
use super::param::ParamKind;
use crate::context::Context;

/// Marks a [`ToolParam`] that the caller gives.
#[derive(Debug)]
pub enum Given {}

/// Marks a [`ToolParam`] that the server gives.
#[derive(Debug)]
pub enum Injected {}

/// Marks [`Args`](super::Args). [`Context`], which a tool takes once, marks itself.
#[derive(Debug)]
pub enum All {}

/// All but one argument: has no name, and needs no description.
pub trait NotOneArgument {}

impl NotOneArgument for Injected {}
impl NotOneArgument for All {}
impl NotOneArgument for Context {}

/// What only the server gives.
pub trait OfServer {}

impl OfServer for Injected {}
impl OfServer for Context {}

/// The marker of a type, for rules about two of them.
pub trait Marked<M> {
    /// The marker.
    type Marker;
}

impl<T: ToolParam<M>, M> Marked<M> for T {
    type Marker = M;
}

/// Can stand beside an earlier parameter, as all can but a second context.
#[diagnostic::on_unimplemented(
    message = "a function takes its `Context` once",
    label = "another `Context` stands before this one",
    note = "there is only one call to speak of: remove one of the two, and lend the other, `&ctx`, to what needs it"
)]
pub trait Beside<Earlier> {
    /// That it can.
    const HOLDS: () = ();
}

/// Can have the name of an earlier parameter, as all can but a second argument.
#[diagnostic::on_unimplemented(
    message = "two arguments of this function have one name",
    label = "an earlier argument has this name already",
    note = "give one of them another name, `#[arg(name = \"..\")]`"
)]
pub trait Distinct<Earlier> {
    /// That it can.
    const HOLDS: () = ();
}

macro_rules! rules {
    ($($rule:ident for $marker:ident beside $($earlier:ident)+;)+) => {
        $($(
            #[diagnostic::do_not_recommend]
            impl $rule<$earlier> for $marker {}
        )+)+
    };
}

rules! {
    Beside for Given beside Given Injected All Context;
    Beside for Injected beside Given Injected All Context;
    Beside for All beside Given Injected All Context;
    Beside for Context beside Given Injected All;
    Distinct for Given beside Injected All Context;
    Distinct for Injected beside Given Injected All Context;
    Distinct for All beside Given Injected All Context;
    Distinct for Context beside Given Injected All Context;
}

/// The kind of a parameter for which a rule holds.
#[must_use]
pub const fn checked((): (), kind: ParamKind) -> ParamKind {
    kind
}
