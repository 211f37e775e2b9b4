use std::borrow::Cow;

use serde::Serialize;

use super::Json;
use super::call::{Started, ToolCall};
use crate::context::{IntoToolError, ToolError};
use crate::protocol::{ReadResourceResult, ResourceContents};

/// What the function of a resource can return.
///
/// | returned | contents | MIME type, unless the attribute names one |
/// |---|---|---|
/// | `String`, `&str`, `Cow<'_, str>` | text | `text/plain` |
/// | `Vec<u8>`, `&[u8]`, `[u8; N]` | bytes | `application/octet-stream` |
/// | [`Json<T>`](crate::Json) | the value as JSON | `application/json` |
/// | [`ResourceContents`], `Vec`s of them | as they say | as they say |
/// | [`ReadResourceResult`] | as it says | as it says |
/// | `Option<T>` | of `T`; without one there is no such resource | of `T` |
/// | `Result<T, E>` | of `T`; an error answers the request | of `T` |
///
/// [`ResourceContents`] with an empty URI are at the URI that was read.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// #[derive(serde::Serialize)]
/// struct User {
///     name: &'static str,
/// }
///
/// /// A user.
/// #[resource("user://{id}")]
/// fn user(id: u32) -> Option<Json<User>> {
///     (id == 1).then_some(Json(User { name: "Ada" }))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a resource",
    label = "not the contents of a resource",
    note = "return `Json({Self})` for JSON; it needs `#[derive(serde::Serialize)]` on the type",
    note = "or return text, bytes, `ResourceContents`, a `Vec` of these, `ReadResourceResult`, \
            or an `Option` or `Result` of any of them",
    note = "or implement `IntoResourceResult` for it"
)]
pub trait IntoResourceResult {
    /// The MIME type, if it is always the same.
    const MIME_TYPE: Option<&'static str> = None;

    /// Converts; `None` says that there is no such resource.
    ///
    /// # Errors
    ///
    /// When the function failed, or its result cannot be written as JSON.
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError>;

    /// What a function that has returned leaves to be done.
    #[doc(hidden)]
    fn returned(self, call: &ToolCall<'_>) -> Started
    where
        Self: Sized,
    {
        call.returned(self.into_resource_result())
    }
}

fn one(contents: ResourceContents) -> Result<Option<ReadResourceResult>, ToolError> {
    Ok(Some(ReadResourceResult::new([contents])))
}

fn text(text: String) -> Result<Option<ReadResourceResult>, ToolError> {
    one(ResourceContents { text: Some(text), ..ResourceContents::default() })
}

macro_rules! texts {
    ($($text:ty),+) => {$(
        impl IntoResourceResult for $text {
            const MIME_TYPE: Option<&'static str> = Some("text/plain");

            fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
                text(self.into())
            }
        }
    )+};
}
texts!(String, &str, Cow<'_, str>, Box<str>);

macro_rules! bytes {
    ($([$(const $n:ident)?] $bytes:ty),+) => {$(
        impl<$(const $n: usize)?> IntoResourceResult for $bytes {
            const MIME_TYPE: Option<&'static str> = Some("application/octet-stream");

            fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
                one(ResourceContents { mime_type: None, ..ResourceContents::blob("", "", self) })
            }
        }
    )+};
}
bytes!([] Vec<u8>, [] &[u8], [] Box<[u8]>, [const N] [u8; N], [const N] &[u8; N]);

impl<T: Serialize> IntoResourceResult for Json<T> {
    const MIME_TYPE: Option<&'static str> = Some("application/json");

    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        let json = serde_json::to_string(&self.0);
        text(json.map_err(|error| format!("the contents of the resource cannot be written as JSON: {error}"))?)
    }
}

impl IntoResourceResult for ResourceContents {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        one(self)
    }
}

impl IntoResourceResult for Vec<ResourceContents> {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        Ok(Some(ReadResourceResult::new(self)))
    }
}

impl IntoResourceResult for ReadResourceResult {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        Ok(Some(self))
    }
}

impl<T: IntoResourceResult> IntoResourceResult for Option<T> {
    const MIME_TYPE: Option<&'static str> = T::MIME_TYPE;

    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        self.map_or(Ok(None), IntoResourceResult::into_resource_result)
    }
}

impl<T: IntoResourceResult, E: IntoToolError> IntoResourceResult for Result<T, E> {
    const MIME_TYPE: Option<&'static str> = T::MIME_TYPE;

    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        self.map_err(IntoToolError::into_tool_error)?.into_resource_result()
    }
}
