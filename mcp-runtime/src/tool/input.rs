use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::args::Args;
use super::error::ToolError;
use super::param::{ParamKind, StateNeed, States};
use crate::context::Context;
use crate::engine::Finished;
use crate::protocol::{BoxFuture, CallToolResult, ErrorCode, ErrorObject, ServerResult};

/// What a tool's function can take: an argument that the caller gives, or something that the
/// server gives ([`Context`], [`State`]).
///
/// Every type that implements [`serde::Deserialize`] and [`schemars::JsonSchema`] is an argument.
/// The parameter `M` only keeps the two kinds apart; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a tool",
    label = "not a tool parameter",
    note = "an argument must implement `serde::Deserialize` and `schemars::JsonSchema`; \
            for a type of your own add `#[derive(serde::Deserialize, schemars::JsonSchema)]`",
    note = "what the server gives is `Context` or `State<T>`"
)]
pub trait ToolParam<M>: Sized + Send + 'static {
    /// How the parameter is described.
    const KIND: ParamKind;

    /// Takes its value out of a call; `None` if the caller's argument is wrong, which is noted.
    fn take(call: &mut ToolCall<'_>, index: usize) -> Option<Self>;
}

/// Marks a [`ToolParam`] that the caller gives.
#[derive(Debug)]
pub enum Argument {}

/// Marks a [`ToolParam`] that the server gives.
#[derive(Debug)]
pub enum Injected {}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> ToolParam<Argument> for T {
    const KIND: ParamKind = ParamKind::Argument {
        schema: |generator| generator.subschema_for::<T>(),
        takes_null: || serde_json::from_str::<T>("null").is_ok(),
    };

    fn take(call: &mut ToolCall<'_>, index: usize) -> Option<Self> {
        call.args.take(index)
    }
}

impl<T: Inject> ToolParam<Injected> for T {
    const KIND: ParamKind = ParamKind::Injected { needs: T::NEEDS };

    fn take(call: &mut ToolCall<'_>, _: usize) -> Option<Self> {
        // Nothing is given to a call that is going to be refused.
        call.args.is_fine().then(|| T::inject(call))
    }
}

/// What the server gives to a tool. It appears in no schema.
pub trait Inject: Sized + Send + 'static {
    /// The state that must be there; checked when the server starts.
    const NEEDS: Option<StateNeed> = None;

    /// Makes it for a call.
    fn inject(call: &mut ToolCall<'_>) -> Self;
}

/// What a tool's function takes behind a reference, and who owns it during the call.
pub trait ToolRef {
    /// The owner.
    type Held;
}

impl ToolRef for str {
    type Held = String;
}

impl<T> ToolRef for [T] {
    type Held = Vec<T>;
}

impl<T> ToolRef for T {
    type Held = T;
}

/// Lends what is inside an argument that is owned during the call: `Option<&str>` of an
/// `Option<String>`.
#[diagnostic::on_unimplemented(
    message = "an argument cannot be lent from a `{Self}`",
    label = "holds references that nobody can lend",
    note = "of arguments that hold references only `Option<&str>` and `Option<&[T]>` can be lent; \
            use the owned type, for example `String` for `&str`"
)]
pub trait Lend<'h, To> {
    /// Lends.
    fn lend(&'h self) -> To;
}

impl<'h, H: Deref> Lend<'h, Option<&'h H::Target>> for Option<H> {
    fn lend(&'h self) -> Option<&'h H::Target> {
        self.as_deref()
    }
}

/// One call on its way to the function: its arguments, and what the server can give.
pub struct ToolCall<'a> {
    pub(crate) args: Args<'a>,
    pub(crate) states: &'a States,
    /// Makes the context; a call whose function does not take one never needs it.
    pub(crate) context: &'a mut dyn FnMut() -> Context,
    pub(crate) mask_errors: bool,
}

impl ToolCall<'_> {
    /// Whether all arguments are right.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.args.is_fine()
    }

    /// Ends a call whose arguments are wrong.
    #[must_use]
    pub fn refuse(self) -> Started {
        Started(Progress::Finished(Ok(ServerResult::CallTool(self.args.refusal()))))
    }

    /// The function has returned.
    #[must_use]
    pub fn returned(self, result: Result<CallToolResult, ToolError>) -> Started {
        Started(Progress::Finished(finished(result, self.mask_errors)))
    }

    /// The function returned a future.
    #[must_use]
    pub fn running(self, future: impl Future<Output = Result<CallToolResult, ToolError>> + Send + 'static) -> Started {
        let mask = self.mask_errors;
        Started(Progress::Running(Box::pin(async move { finished(future.await, mask) })))
    }

    /// The function is to run where it may block its thread.
    #[must_use]
    pub fn blocking(self, function: impl FnOnce() -> Result<CallToolResult, ToolError> + Send + 'static) -> Started {
        let mask = self.mask_errors;
        Started(Progress::Running(Box::pin(async move {
            let function = move || finished(function(), mask);
            match tokio::task::spawn_blocking(function).await {
                Ok(finished) => finished,
                // The engine answers a panic wherever it comes from.
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(ErrorObject::new(ErrorCode::InternalError, "the server is shutting down")),
            }
        })))
    }
}

fn finished(result: Result<CallToolResult, ToolError>, mask_errors: bool) -> Finished {
    match result {
        Ok(result) => Ok(ServerResult::CallTool(result)),
        Err(error) => error.into_outcome(mask_errors),
    }
}

/// A call after its function was entered.
pub struct Started(pub(crate) Progress);

/// What is left to do.
pub(crate) enum Progress {
    Finished(Finished),
    Running(BoxFuture<'static, Finished>),
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Progress::Finished(_) => "Started(Finished)",
            Progress::Running(_) => "Started(Running)",
        })
    }
}

impl fmt::Debug for ToolCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall").field("args", &self.args).finish_non_exhaustive()
    }
}

impl Inject for Context {
    fn inject(call: &mut ToolCall<'_>) -> Self {
        (call.context)()
    }
}

/// Something that the server was given once and every call can use: a database, a client, a
/// configuration.
///
/// It derefs to `T`. Give it to the server with [`Server::state`](crate::Server::state); a tool
/// that takes a state which the server does not have is an error when the server starts.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// struct Greeting(String);
///
/// #[tool]
/// fn greet(name: String, greeting: State<Greeting>) -> String {
///     format!("{}, {name}!", greeting.0.0)
/// }
///
/// let greeting = State(std::sync::Arc::new(Greeting("Hello".to_owned())));
/// assert_eq!(greet("Ada".to_owned(), greeting), "Hello, Ada!");
/// ```
pub struct State<T: ?Sized>(pub Arc<T>);

impl<T: ?Sized> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Send + Sync + 'static> Inject for State<T> {
    const NEEDS: Option<StateNeed> = Some(StateNeed {
        name: || type_name::<T>(),
        is_there: |states| states.get::<T>().is_some(),
        twice: States::twice::<T>,
    });

    fn inject(call: &mut ToolCall<'_>) -> Self {
        match call.states.get() {
            Some(state) => Self(state),
            // Answered like any panic of a tool; but a server does not start like that.
            None => panic!("the server has no state of type `{}`", type_name::<T>()),
        }
    }
}
