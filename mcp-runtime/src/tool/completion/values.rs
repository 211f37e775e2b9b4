//! What a function that completes an argument can return.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt::Display;

use super::rank::rank;
use crate::context::{IntoToolError, ToolError};
use crate::protocol::Completion;

/// What a function that completes an argument can return.
///
/// | returned | proposed |
/// |---|---|
/// | `Vec`, arrays, slices, sets, iterators | those that fit what was typed, the best ones first |
/// | [`Completion`] | as it says |
/// | `Option<T>` | of `T`; `None` is nothing |
/// | `Result<T, E>` | of `T`; an error answers the request |
///
/// The items of a list are text, or whatever else can be written as text: numbers, UUIDs. Those that fit are equal to what
/// was typed, begin with it, have a word that does, contain it, or have all of its letters in their order: that is also
/// the order in which they are proposed. Capitals do not matter. At most 100 are sent, with the number of all that fit.
///
/// The parameter `M` only keeps the shapes apart; the compiler finds it. A type of your own implements
/// `IntoCompletion<()>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be proposed for an argument",
    label = "not a list of values",
    note = "what completes an argument returns a `Vec`, an array, a slice, a set or an iterator of text, a `Completion`, \
            or an `Option` or `Result` of one of them"
)]
pub trait IntoCompletion<M> {
    /// Converts, for what was typed.
    ///
    /// # Errors
    ///
    /// When the function failed.
    fn into_completion(self, typed: &str) -> Result<Completion, ToolError>;
}

/// Marks lists.
#[derive(Debug)]
pub enum Listed {}

/// Marks iterators.
#[derive(Debug)]
pub enum Iterated {}

impl IntoCompletion<Completion> for Completion {
    fn into_completion(self, _: &str) -> Result<Completion, ToolError> {
        Ok(self.cut())
    }
}

#[diagnostic::do_not_recommend]
impl<I: Iterator<Item: Display>> IntoCompletion<Iterated> for I {
    fn into_completion(self, typed: &str) -> Result<Completion, ToolError> {
        Ok(rank(self.map(|it| it.to_string()), typed))
    }
}

macro_rules! lists {
    ($([$($part:tt)*] $list:ty),+ $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: Display, $($part)*> IntoCompletion<Listed> for $list {
            fn into_completion(self, typed: &str) -> Result<Completion, ToolError> {
                self.into_iter().into_completion(typed)
            }
        }
    )+};
}

lists! {
    [] Vec<T>,
    [] VecDeque<T>,
    [] BTreeSet<T>,
    [S] HashSet<T, S>,
    [] Box<[T]>,
    [const N: usize] [T; N],
    [] &[T],
    [] &Vec<T>,
    [const N: usize] &[T; N],
}

#[diagnostic::do_not_recommend]
impl<T: IntoCompletion<M>, M> IntoCompletion<Option<M>> for Option<T> {
    fn into_completion(self, typed: &str) -> Result<Completion, ToolError> {
        match self {
            Some(values) => values.into_completion(typed),
            None => Ok(Completion::default().total(0)),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoCompletion<M>, E: IntoToolError, M> IntoCompletion<Result<M, ()>> for Result<T, E> {
    fn into_completion(self, typed: &str) -> Result<Completion, ToolError> {
        self.map_err(IntoToolError::into_tool_error)?.into_completion(typed)
    }
}
