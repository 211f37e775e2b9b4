use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::call::ToolCall;
use super::marker::{All, Given, Injected, NotOneArgument, OfServer};
use super::param::{ParamKind, StateNeed};
use crate::context::{Context, ToolError};

/// What a function can take that is a tool, a prompt or a resource: an argument that the caller gives, or something that the
/// server gives ([`Inject`]).
///
/// Every type that implements [`serde::Deserialize`] and [`schemars::JsonSchema`] is an argument.
/// The parameter `M` only keeps the two kinds apart; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a tool, prompt or resource",
    label = "not a parameter",
    note = "an argument must implement `serde::Deserialize` and `schemars::JsonSchema`; \
            for a type of your own add `#[derive(serde::Deserialize, schemars::JsonSchema)]`",
    note = "what the server gives is `Context`, `State<T>`, `Extension<T>`, or a type of your own that implements `Inject`; \
            what a `State` or an `Extension` holds must be `Send + Sync + 'static`, and an extension `Clone`"
)]
pub trait ToolParam<M>: Sized {
    /// How the parameter is described.
    const KIND: ParamKind;

    /// Takes its value out of a call; `None` if the caller's argument is wrong, which is noted.
    fn take(call: &mut ToolCall<'_>) -> Option<Self>;
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> ToolParam<Given> for T {
    const KIND: ParamKind = ParamKind::Argument {
        schema: |generator| generator.subschema_for::<T>(),
        decodes: |json| serde_json::from_str::<T>(json).map(drop),
        whole: false,
    };

    fn take(call: &mut ToolCall<'_>) -> Option<Self> {
        call.arguments.take()
    }
}

impl<T: Inject> ToolParam<Injected> for T {
    const KIND: ParamKind = ParamKind::Injected { needs: T::NEEDS };

    fn take(call: &mut ToolCall<'_>) -> Option<Self> {
        call.arguments.skip();
        // Nothing is given to a call that is going to be refused.
        if !call.is_fine() {
            return None;
        }
        T::inject(call).map_err(|error| call.failure = Some(error)).ok()
    }
}

#[diagnostic::do_not_recommend]
impl ToolParam<Context> for Context {
    const KIND: ParamKind = ParamKind::Injected { needs: &[] };

    fn take(call: &mut ToolCall<'_>) -> Option<Self> {
        call.arguments.skip();
        call.is_fine().then(|| call.context())
    }
}

/// The whole object of arguments as one type: its fields are the arguments of the tool.
///
/// It derefs to `T`. Other parameters may stand beside it; `#[arg(flatten)]` does the same for a
/// `T` without the wrapper.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Order {
///     /// What to order.
///     product: String,
///     /// How many.
///     quantity: u32,
/// }
///
/// /// Order a product.
/// #[tool]
/// fn order(Args(order): Args<Order>) -> String {
///     format!("{} × {}", order.quantity, order.product)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Args<T>(pub T);

impl<T> Deref for Args<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> ToolParam<All> for Args<T> {
    const KIND: ParamKind = ParamKind::Argument {
        schema: |generator| generator.subschema_for::<T>(),
        decodes: |json| serde_json::from_str::<T>(json).map(drop),
        whole: true,
    };

    fn take(call: &mut ToolCall<'_>) -> Option<Self> {
        call.arguments.take().map(Self)
    }
}

/// A parameter about which `#[arg(..)]` says something: only the caller's can be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument",
    label = "not an argument",
    note = "an argument must implement `serde::Deserialize` and `schemars::JsonSchema`; \
            for a type of your own add `#[derive(serde::Deserialize, schemars::JsonSchema)]`",
    note = "what the server gives, such as `Context` or `State<T>`, takes no `#[arg(..)]`"
)]
pub trait ToolArgument: Sized {
    /// As in [`ToolParam`].
    const KIND: ParamKind;

    /// As in [`ToolParam`].
    fn take(call: &mut ToolCall<'_>) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> ToolArgument for T {
    const KIND: ParamKind = <Self as ToolParam<Given>>::KIND;

    fn take(call: &mut ToolCall<'_>) -> Option<Self> {
        <Self as ToolParam<Given>>::take(call)
    }
}

/// A parameter that has no name, because it is a pattern: only the server's can be, and the whole
/// object of arguments.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` needs a name",
    label = "its pattern gives it none",
    note = "name it, `#[arg(name = \"..\")]`, or take it apart in the body of the function; \
            `Args(..): Args<T>` takes the whole object of arguments"
)]
pub trait Unnamed<M>: Sized {
    /// As in [`ToolParam`].
    const KIND: ParamKind;

    /// As in [`ToolParam`].
    fn take(call: &mut ToolCall<'_>) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: ToolParam<M>, M: NotOneArgument> Unnamed<M> for T {
    const KIND: ParamKind = <Self as ToolParam<M>>::KIND;

    fn take(call: &mut ToolCall<'_>) -> Option<Self> {
        <Self as ToolParam<M>>::take(call)
    }
}

/// A parameter without a description where each argument must have one.
#[diagnostic::on_unimplemented(
    message = "this argument has no description, and its function wants one for each",
    label = "not described",
    note = "write a doc comment above it, or `#[arg(description = \"..\")]`: \
            models choose arguments by their descriptions"
)]
pub trait Undescribed<M>: Sized {
    /// As in [`ToolParam`].
    const KIND: ParamKind;

    /// As in [`ToolParam`].
    fn take(call: &mut ToolCall<'_>) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: ToolParam<M>, M: NotOneArgument> Undescribed<M> for T {
    const KIND: ParamKind = <Self as ToolParam<M>>::KIND;

    fn take(call: &mut ToolCall<'_>) -> Option<Self> {
        <Self as ToolParam<M>>::take(call)
    }
}

/// A parameter of a resource that is none of its variables: only the server's can be.
#[diagnostic::on_unimplemented(
    message = "no variable of this resource is named like this parameter of type `{Self}`",
    label = "no variable of the template",
    note = "an argument of a resource is a variable of its template: write it there, `{{name}}`, or `{{?name}}` for one \
            that may be left out",
    note = "what the server gives is `Context`, `State<T>`, `Extension<T>`, or a type of your own that implements `Inject`"
)]
pub trait NoVariable<M>: Sized {
    /// As in [`ToolParam`].
    const KIND: ParamKind;

    /// As in [`ToolParam`].
    fn take(call: &mut ToolCall<'_>) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: ToolParam<M>, M: OfServer> NoVariable<M> for T {
    const KIND: ParamKind = <Self as ToolParam<M>>::KIND;

    fn take(call: &mut ToolCall<'_>) -> Option<Self> {
        <Self as ToolParam<M>>::take(call)
    }
}

/// What the server gives to a tool, a prompt or a resource: [`Context`], [`State`], [`Extension`], or a type of your own.
/// It appears in no schema.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::{Inject, StateNeed, ToolCall};
///
/// struct Tenants(Vec<String>);
///
/// /// The tenant of the client, as its metadata names it.
/// struct Tenant(String);
///
/// impl Inject for Tenant {
///     const NEEDS: &'static [StateNeed] = &[StateNeed::of::<Tenants>()];
///
///     fn inject(call: &ToolCall<'_>) -> Result<Self> {
///         let tenants = call.state::<Tenants>()?;
///         let meta = call.meta();
///         let name = meta.get("com.example/tenant").and_then(|it| it.as_str()).unwrap_or("public");
///         if !tenants.0.iter().any(|tenant| tenant == name) {
///             return Err(ToolError::new(format!("there is no tenant `{name}`")));
///         }
///         Ok(Self(name.to_owned()))
///     }
/// }
///
/// /// Count the products.
/// #[tool]
/// fn count(tenant: Tenant) -> String {
///     format!("none yet at {}", tenant.0)
/// }
///
/// let server = Server::new("catalog").state(Tenants(vec!["public".to_owned()])).tools(tools![count]);
/// ```
pub trait Inject: Sized + Send + 'static {
    /// The states that must be there; checked when the server starts.
    const NEEDS: &'static [StateNeed] = &[];

    /// Makes it for a call. Not called for a call whose arguments are wrong.
    ///
    /// # Errors
    ///
    /// What the caller of the tool reads instead of a result; the function is not called then.
    fn inject(call: &ToolCall<'_>) -> Result<Self, ToolError>;
}

/// What a function takes behind a reference, and who owns it during the call.
pub trait ToolRef {
    /// The owner.
    type Held;
    /// What holds it for a function that returns before its request is gone: that may own it.
    type Lent<'r>;

    /// Takes it out of a call, as `take` does or without making an owner.
    fn lent<'r>(
        call: &mut ToolCall<'r>,
        take: impl FnOnce(&mut ToolCall<'r>) -> Option<Self::Held>,
    ) -> Option<Self::Lent<'r>>;
}

impl ToolRef for str {
    type Held = String;
    type Lent<'r> = Cow<'r, str>;

    fn lent<'r>(
        call: &mut ToolCall<'r>,
        take: impl FnOnce(&mut ToolCall<'r>) -> Option<String>,
    ) -> Option<Cow<'r, str>> {
        match call.arguments.take_plain_text() {
            Some(text) => Some(Cow::Borrowed(text)),
            None => take(call).map(Cow::Owned),
        }
    }
}

macro_rules! owned {
    ($([$($generic:ident)?] $ty:ty => $held:ty),+) => {$(
        impl$(<$generic>)? ToolRef for $ty {
            type Held = $held;
            type Lent<'r> = $held;

            fn lent<'r>(
                call: &mut ToolCall<'r>,
                take: impl FnOnce(&mut ToolCall<'r>) -> Option<$held>,
            ) -> Option<$held> {
                take(call)
            }
        }
    )+};
}
owned!([T] [T] => Vec<T>, [] Path => PathBuf, [T] T => T);

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

/// How a method takes the value that it belongs to, which calls share.
#[diagnostic::on_unimplemented(
    message = "a method that is called cannot take `self` as `{Self}`",
    label = "calls share the value",
    note = "take `&self`, or `self: Arc<Self>`"
)]
pub trait FromShared<T> {
    /// Takes it.
    fn from_shared(shared: Arc<T>) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T> FromShared<T> for Arc<T> {
    fn from_shared(shared: Arc<T>) -> Self {
        shared
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
    const NEEDS: &'static [StateNeed] = &[StateNeed::of::<T>()];

    fn inject(call: &ToolCall<'_>) -> Result<Self, ToolError> {
        call.state().map(Self)
    }
}

/// Something that came along with the request: who is logged in, which tenant it is.
///
/// It derefs to `T`. Whoever accepts a connection puts it there, see
/// [`Server::serve_with`](crate::Server::serve_with). A call of a tool that takes an extension
/// which did not come along fails; `Option<Extension<T>>` is for one that may be absent.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// #[derive(Clone)]
/// struct User(String);
///
/// /// Say who is logged in.
/// #[tool]
/// fn who_am_i(Extension(user): Extension<User>) -> String {
///     user.0
/// }
///
/// assert_eq!(who_am_i(Extension(User("ada".to_owned()))), "ada");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extension<T>(pub T);

impl<T> Deref for Extension<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone + Send + Sync + 'static> Inject for Extension<T> {
    fn inject(call: &ToolCall<'_>) -> Result<Self, ToolError> {
        call.extensions().get().cloned().map(Self).ok_or_else(|| {
            let wanted = type_name::<T>();
            let ToolCall { kind, name, .. } = call;
            let noun = kind.noun;
            ToolError::new(format!("{noun} `{name}` needs `{wanted}`, which did not come along with the request"))
        })
    }
}

impl<T: Clone + Send + Sync + 'static> Inject for Option<Extension<T>> {
    fn inject(call: &ToolCall<'_>) -> Result<Self, ToolError> {
        Ok(call.extensions().get().cloned().map(Extension))
    }
}
