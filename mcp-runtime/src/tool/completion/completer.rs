//! Which functions can complete an argument.

use std::convert::identity;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::Completing;
use super::values::IntoCompletion;
use crate::context::ToolError;
use crate::protocol::BoxFuture;
use crate::tool::call::{Started, ToolCall};
use crate::tool::input::Inject;
use crate::tool::kind::COMPLETION;
use crate::tool::param::StateNeed;

/// What can complete an argument: `#[arg(complete = ..)]` names it.
///
/// | written | |
/// |---|---|
/// | `fn languages(asked: &Completing) -> Vec<&'static str>` | a function |
/// | `async fn tables(asked: Completing) -> Result<Vec<String>>` | one that awaits; it may take `&Completing`, too |
/// | `fn tables(asked: &Completing, db: State<Db>) -> Vec<String>` | what the server gives may follow: any [`Inject`](crate::Inject) |
/// | `fn titles(&self, asked: &Completing) -> Vec<String>` | a method, for methods: `complete = Self::titles` |
/// | `["python", "rust"]` | values that are always the same |
///
/// What it returns is said by [`IntoCompletion`]: usually all values there are, from which those are taken that
/// fit. The function must be quick: it is asked with each letter that is typed. One that takes longer than
/// [`Server::completion_timeout`](crate::Server::completion_timeout) is dropped, and so is one whose client cancels the
/// request, if it awaits. How many go on at the same time is bounded by
/// [`Server::max_calls_in_flight`](crate::Server::max_calls_in_flight). What it proposes to whom is its own business: it
/// sees who asks. Who may not see a prompt or a resource cannot complete its arguments either; [layers](crate::layer) do
/// not stand around completions.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// struct Db;
///
/// impl Db {
///     async fn tables(&self) -> Result<Vec<String>> {
///         Ok(vec!["users".to_owned(), "orders".to_owned()])
///     }
/// }
///
/// async fn tables(_asked: Completing, db: State<Db>) -> Result<Vec<String>> {
///     db.tables().await
/// }
///
/// /// The columns of a table.
/// #[resource("db://{table}/columns")]
/// fn columns(#[arg(complete = tables)] table: &str) -> String {
///     format!("the columns of {table}")
/// }
///
/// let server = Server::new("database").state(Db).resources(resources![columns]);
/// ```
///
/// The parameter `M` only keeps the shapes apart; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot complete an argument",
    label = "does not propose values",
    note = "a function takes what is asked, `fn languages(asked: &Completing) -> Vec<String>`, or awaits, \
            `async fn tables(asked: Completing) -> Result<Vec<String>>`; what the server gives may follow, `db: State<Db>`",
    note = "no `Context` may: a completion cannot ask its client; and what an async function holds while it awaits is `Send`",
    note = "values that are always the same need no function: `complete = [\"python\", \"rust\"]`"
)]
pub trait Completer<M>: Send + Sync + 'static {
    /// What it returns.
    type Returned: 'static;

    #[doc(hidden)]
    fn needs() -> Vec<StateNeed>;

    /// Asks it.
    #[doc(hidden)]
    fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Result<Proposing<Self::Returned>, ToolError>;
}

/// What can complete an argument of a method of `T`: whatever completes those of functions, and its methods.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot complete an argument of a method",
    label = "does not propose values",
    note = "a method takes `&self` and what is asked, `fn titles(&self, asked: &Completing) -> Vec<String>`, or awaits, \
            `async fn titles(&self, asked: Completing) -> Result<Vec<String>>`; `&self` may be missing, and what the server \
            gives may follow, `db: State<Db>`",
    note = "no `Context` may: a completion cannot ask its client; and what an async function holds while it awaits is `Send`",
    note = "values that are always the same need no function: `complete = [\"python\", \"rust\"]`"
)]
pub trait CompleterOf<T, M>: Send + Sync + 'static {
    /// What it returns.
    type Returned: 'static;

    #[doc(hidden)]
    fn needs() -> Vec<StateNeed>;

    /// Asks it.
    #[doc(hidden)]
    fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Result<Proposing<Self::Returned>, ToolError>;
}

/// What a function was asked for.
pub enum Proposing<R> {
    /// It is there.
    Now(R),
    /// It will be.
    Later(BoxFuture<'static, R>),
}

impl<R> fmt::Debug for Proposing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}

/// Marks functions that return at once.
#[derive(Debug)]
pub enum Plain {}

/// Marks functions that await.
#[derive(Debug)]
pub enum Awaited {}

/// Marks functions that await, and borrow what they are asked.
#[derive(Debug)]
pub enum Lent {}

/// Marks values that are always the same.
#[derive(Debug)]
pub enum Fixed {}

/// Marks what completes arguments of functions and of methods.
#[derive(Debug)]
pub enum Free {}

/// An async function that borrows its first parameter.
pub trait Borrowing<'a, A: ?Sized, P> {
    /// What it resolves to.
    type Returned;

    /// Calls it.
    fn begin(&self, borrowed: &'a A, others: P) -> BoxFuture<'a, Self::Returned>;
}

macro_rules! borrowing {
    ($($param:ident $value:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<'a, A: ?Sized + 'a, F, P, $($param),*> Borrowing<'a, A, ($($param,)*)> for F
        where
            F: Fn(&'a A, $($param),*) -> P,
            P: Future + Send + 'a,
        {
            type Returned = P::Output;

            fn begin(&self, borrowed: &'a A, ($($value,)*): ($($param,)*)) -> BoxFuture<'a, P::Output> {
                Box::pin(self(borrowed, $($value),*))
            }
        }
    };
}
borrowing!();
borrowing!(A1 a1);
borrowing!(A1 a1, A2 a2);
borrowing!(A1 a1, A2 a2, A3 a3);
borrowing!(A1 a1, A2 a2, A3 a3, A4 a4);

macro_rules! functions {
    ($($param:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<F, R: 'static, $($param: Inject),*> Completer<(Plain, $($param,)*)> for F
        where
            F: Fn(&Completing, $($param),*) -> R + Send + Sync + 'static,
        {
            type Returned = R;

            fn needs() -> Vec<StateNeed> {
                joined(&[$($param::NEEDS),*])
            }

            fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Result<Proposing<R>, ToolError> {
                let _ = call;
                Ok(Proposing::Now(self(&asked, $($param::inject(call)?),*)))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<F, P, $($param: Inject),*> Completer<(Awaited, $($param,)*)> for F
        where
            F: Fn(Completing, $($param),*) -> P + Send + Sync + 'static,
            P: Future + Send + 'static,
        {
            type Returned = P::Output;

            fn needs() -> Vec<StateNeed> {
                joined(&[$($param::NEEDS),*])
            }

            fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Result<Proposing<P::Output>, ToolError> {
                let _ = call;
                Ok(Proposing::Later(Box::pin(self(asked, $($param::inject(call)?),*))))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<F, R: 'static, $($param: Inject),*> Completer<(Lent, $($param,)*)> for F
        where
            F: for<'a> Borrowing<'a, Completing, ($($param,)*), Returned = R> + Clone + Send + Sync + 'static,
        {
            type Returned = R;

            fn needs() -> Vec<StateNeed> {
                joined(&[$($param::NEEDS),*])
            }

            fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Result<Proposing<R>, ToolError> {
                let _ = call;
                let (function, others) = (self.clone(), ($($param::inject(call)?,)*));
                Ok(Proposing::Later(Box::pin(async move { function.begin(&asked, others).await })))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T, F, R: 'static, $($param: Inject),*> CompleterOf<T, (Plain, $($param,)*)> for F
        where
            T: Send + Sync + 'static,
            F: Fn(&T, &Completing, $($param),*) -> R + Send + Sync + 'static,
        {
            type Returned = R;

            fn needs() -> Vec<StateNeed> {
                joined(&[$($param::NEEDS),*])
            }

            fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Result<Proposing<R>, ToolError> {
                Ok(Proposing::Now(self(&*owner::<T>(call)?, &asked, $($param::inject(call)?),*)))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T, F, R: 'static, $($param: Inject),*> CompleterOf<T, (Awaited, $($param,)*)> for F
        where
            T: Send + Sync + 'static,
            F: for<'a> Borrowing<'a, T, (Completing, $($param,)*), Returned = R> + Clone + Send + Sync + 'static,
        {
            type Returned = R;

            fn needs() -> Vec<StateNeed> {
                joined(&[$($param::NEEDS),*])
            }

            fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Result<Proposing<R>, ToolError> {
                let (function, owner) = (self.clone(), owner::<T>(call)?);
                let others = (asked, $($param::inject(call)?,)*);
                Ok(Proposing::Later(Box::pin(async move { function.begin(&owner, others).await })))
            }
        }
    };
}
functions!();
functions!(A1);
functions!(A1, A2);
functions!(A1, A2, A3);

#[diagnostic::do_not_recommend]
impl<T, C: Completer<M>, M> CompleterOf<T, (Free, M)> for C {
    type Returned = C::Returned;

    fn needs() -> Vec<StateNeed> {
        C::needs()
    }

    fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Result<Proposing<C::Returned>, ToolError> {
        Completer::ask(self, call, asked)
    }
}

fn joined(needs: &[&[StateNeed]]) -> Vec<StateNeed> {
    needs.concat()
}

/// The value whose method it is.
fn owner<T: Send + Sync + 'static>(call: &ToolCall<'_>) -> Result<Arc<T>, ToolError> {
    call.receiver().ok_or_else(|| ToolError::new("this completion belongs to a value that is not there"))
}

macro_rules! fixed {
    ($([$($part:tt)*] $list:ty),+ $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: fmt::Display + Send + Sync + 'static, $($part)*> Completer<Fixed> for $list {
            type Returned = Vec<String>;

            fn needs() -> Vec<StateNeed> {
                Vec::new()
            }

            fn ask(&self, _: &ToolCall<'_>, _: Completing) -> Result<Proposing<Vec<String>>, ToolError> {
                Ok(Proposing::Now(self.iter().map(ToString::to_string).collect()))
            }
        }
    )+};
}
fixed!([] Vec<T>, [const N: usize] [T; N], [] &'static [T], [const N: usize] &'static [T; N]);

type Ask = dyn Fn(&ToolCall<'_>, Completing) -> Started + Send + Sync;

/// What completes an argument, of whatever type.
#[derive(Clone)]
pub(crate) struct ErasedCompleter {
    pub(crate) needs: Vec<StateNeed>,
    ask: Arc<Ask>,
}

impl ErasedCompleter {
    pub(crate) fn new<C: Completer<M>, M, N>(completer: C) -> Self
    where
        C::Returned: IntoCompletion<N>,
    {
        Self::of::<(), C, (Free, M), N>(completer)
    }

    /// The same for a method of `T`.
    pub(crate) fn of<T, C: CompleterOf<T, M>, M, N>(completer: C) -> Self
    where
        C::Returned: IntoCompletion<N>,
    {
        let ask = move |call: &ToolCall<'_>, asked: Completing| {
            let (typed, mask_errors) = (asked.typed.clone(), call.host.mask_errors);
            match completer.ask(call, asked) {
                Ok(Proposing::Now(values)) => {
                    Started::returned(values.into_completion(&typed), &COMPLETION, mask_errors)
                }
                Ok(Proposing::Later(values)) => {
                    let completed = async move { values.await.into_completion(&typed) };
                    Started::running(completed, identity, &COMPLETION, mask_errors)
                }
                Err(error) => Started::returned(Err::<crate::protocol::Completion, _>(error), &COMPLETION, mask_errors),
            }
        };
        Self { needs: C::needs(), ask: Arc::new(ask) }
    }

    /// Asks it.
    pub(crate) fn ask(&self, call: &ToolCall<'_>, asked: Completing) -> Started {
        (self.ask)(call, asked)
    }
}

impl fmt::Debug for ErasedCompleter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedCompleter").field("needs", &self.needs).finish_non_exhaustive()
    }
}
