use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

use super::call::{Started, ToolCall};
use super::content::IntoContent;
use crate::context::{IntoToolError, ToolError};
use crate::protocol::{
    AudioContent, CallToolResult, ContentBlock, EmbeddedResource, ImageContent, ResourceLink, Structured, TextContent,
    TextResult,
};

/// What a tool's function can return.
///
/// | returned | content | structured content |
/// |---|---|---|
/// | `()` | none | none |
/// | `String`, `&str`, `Cow<'_, str>` | the text | none |
/// | numbers, `bool` | the value | `{"result": value}` |
/// | `Vec` of numbers, `bool` or text | one text for each | `{"result": [..]}` |
/// | [`Json<T>`] | the value as JSON | the value |
/// | [`ContentBlock`] and what it is made of, `Vec`s of them | the blocks | none |
/// | `(A, B, ..)` of [`IntoContent`] | of all, in order | none |
/// | `(Json<T>, C)` with `C` [`IntoContent`] | of `C` | the value |
/// | [`CallToolResult`] | as it says | as it says |
/// | `Option<T>` | of `T`, or none | of `T`, or `{"result": null}` where `T` has some |
/// | `Result<T, E>` | of `T`, or the error with `isError` | of `T` |
///
/// Implement it for a type of your own that is to be returned as it is:
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::IntoToolResult;
/// use mcp_runtime::protocol::CallToolResult;
///
/// struct Money {
///     cents: u64,
/// }
///
/// impl IntoToolResult for Money {
///     fn into_tool_result(self) -> Result<CallToolResult> {
///         Ok(CallToolResult::text(format!("{}.{:02} €", self.cents / 100, self.cents % 100)))
///     }
/// }
///
/// /// The price of a product.
/// #[tool]
/// fn price() -> Money {
///     Money { cents: 1250 }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a tool",
    label = "not a tool result",
    note = "return `Json({Self})` for structured content; it needs \
            `#[derive(serde::Serialize, schemars::JsonSchema)]` on the type",
    note = "or return text, a number, a bool, content, a `Vec` or tuple of these, `()`, `CallToolResult`, \
            or an `Option` or `Result` of any of them",
    note = "or implement `IntoToolResult` for it"
)]
pub trait IntoToolResult {
    /// Converts.
    ///
    /// # Errors
    ///
    /// When the function failed, or its result cannot be written as JSON.
    fn into_tool_result(self) -> Result<CallToolResult, ToolError>;

    /// The schema of the structured content, if there is any.
    fn output_schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    /// What a function that has returned leaves to be done.
    #[doc(hidden)]
    fn returned(self, call: &ToolCall<'_>) -> Started
    where
        Self: Sized,
    {
        call.returned(self.into_tool_result())
    }
}

/// `{"result": ..}`: what is not an object becomes one, since older revisions know only those.
#[derive(Serialize)]
struct Wrapped<T> {
    result: T,
}

fn wrapped_schema(inner: Schema) -> Schema {
    json_schema!({ "type": "object", "properties": { "result": inner }, "required": ["result"] })
}

fn wrapped<T: Serialize>(content: Vec<ContentBlock>, result: T) -> Result<CallToolResult, ToolError> {
    let structured_content = Some(to_raw(&Wrapped { result })?);
    Ok(CallToolResult { content, structured_content, ..CallToolResult::default() })
}

fn to_raw<T: Serialize>(value: &T) -> Result<Box<RawValue>, ToolError> {
    serde_json::value::to_raw_value(value)
        .map_err(|error| ToolError::from(format!("the tool's result cannot be written as JSON: {error}")))
}

impl IntoToolResult for () {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::default())
    }
}

impl IntoToolResult for CallToolResult {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(self)
    }
}

macro_rules! block_results {
    ($($block:ty),+) => {$(
        impl IntoToolResult for $block {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                Ok(CallToolResult { content: vec![self.into()], ..CallToolResult::default() })
            }
        }
        impl ListItem for $block {
            fn into_block(self) -> ContentBlock {
                self.into()
            }
            fn list(items: Vec<Self>) -> Result<CallToolResult, ToolError> {
                let content = items.into_iter().map(ContentBlock::from).collect();
                Ok(CallToolResult { content, ..CallToolResult::default() })
            }
        }
    )+};
}
block_results!(ContentBlock, TextContent, ImageContent, AudioContent, ResourceLink, EmbeddedResource);

fn parts(parts: impl IntoContent) -> Vec<ContentBlock> {
    let mut content = Vec::new();
    parts.add_to(&mut content);
    content
}

macro_rules! tuple_results {
    ($($part:ident),+) => {
        #[diagnostic::do_not_recommend]
        impl<$($part: IntoContent),+> IntoToolResult for ($($part,)+) {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                Ok(CallToolResult { content: parts(self), ..CallToolResult::default() })
            }
        }
    };
}
tuple_results!(A, B);
tuple_results!(A, B, C);
tuple_results!(A, B, C, D);
tuple_results!(A, B, C, D, E);
tuple_results!(A, B, C, D, E, F);
tuple_results!(A, B, C, D, E, F, G);
tuple_results!(A, B, C, D, E, F, G, H);

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema, C: IntoContent> IntoToolResult for (Json<T>, C) {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        let structured_content = Some(to_raw(&self.0.0)?);
        Ok(CallToolResult { content: parts(self.1), structured_content, ..CallToolResult::default() })
    }

    fn output_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Json::<T>::output_schema(generator)
    }
}

macro_rules! text_results {
    ($($text:ty),+) => {$(
        impl IntoToolResult for $text {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                Ok(CallToolResult::text(self))
            }

            fn returned(self, call: &ToolCall<'_>) -> Started {
                let result = TextResult { text: &self, structured: None };
                call.written(&result).unwrap_or_else(|| call.returned(self.into_tool_result()))
            }
        }
        impl ListItem for $text {
            fn into_block(self) -> ContentBlock {
                ContentBlock::text(self)
            }
            fn list(items: Vec<Self>) -> Result<CallToolResult, ToolError> {
                structured_list(items)
            }
            fn list_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
                Some(wrapped_schema(generator.subschema_for::<Vec<String>>()))
            }
        }
    )+};
}
text_results!(String, &str, Cow<'_, str>, Box<str>);

/// What its text says is JSON, too.
fn whole(text: &str) -> CallToolResult {
    let structured_content = RawValue::from_string(["{\"result\":", text, "}"].concat()).ok();
    CallToolResult { structured_content, ..CallToolResult::text(text) }
}

fn whole_returned(text: &str, call: &ToolCall<'_>) -> Started {
    let result = TextResult { text, structured: Some(Structured::Result(text)) };
    call.written(&result).unwrap_or_else(|| call.returned(Ok(whole(text))))
}

fn real<T: ListItem + Serialize + Copy>(number: T) -> Result<CallToolResult, ToolError> {
    wrapped(vec![number.into_block()], number)
}

macro_rules! number_results {
    ($check:expr, $result:expr, $returned:expr; $($number:ty),+) => {$(
        impl IntoToolResult for $number {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                $check(self)?;
                $result(self)
            }

            fn returned(self, call: &ToolCall<'_>) -> Started {
                $returned(self, call)
            }

            fn output_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
                Some(wrapped_schema(generator.subschema_for::<Self>()))
            }
        }
        impl ListItem for $number {
            fn into_block(self) -> ContentBlock {
                ContentBlock::text(self.to_string())
            }
            fn list(items: Vec<Self>) -> Result<CallToolResult, ToolError> {
                items.iter().copied().try_for_each($check)?;
                structured_list(items)
            }
            fn list_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
                Some(wrapped_schema(generator.subschema_for::<Vec<Self>>()))
            }
        }
    )+};
}
number_results!(
    |_| Ok::<_, ToolError>(()),
    |value: Self| Ok(whole(bool_text(value))),
    |value: Self, call| whole_returned(bool_text(value), call);
    bool
);
number_results!(
    |_| Ok::<_, ToolError>(()),
    |value: Self| Ok(whole(itoa::Buffer::new().format(value))),
    |value: Self, call| whole_returned(itoa::Buffer::new().format(value), call);
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize
);
number_results!(|number: f64| finite(number), real, real_returned; f64);
number_results!(|number: f32| finite(number.into()), real, real_returned; f32);

fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn real_returned(number: impl IntoToolResult, call: &ToolCall<'_>) -> Started {
    call.returned(number.into_tool_result())
}

fn finite(number: f64) -> Result<(), ToolError> {
    if number.is_finite() {
        return Ok(());
    }
    Err(ToolError::new(format!("the tool's result is {number}, which JSON cannot carry")))
}

fn structured_list<T: ListItem + Serialize + Clone>(items: Vec<T>) -> Result<CallToolResult, ToolError> {
    let content = items.iter().cloned().map(ListItem::into_block).collect();
    wrapped(content, items)
}

/// What a tool can return a `Vec` of: numbers, `bool`, text, content blocks.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return a list of `{Self}`",
    label = "not an item of a tool result",
    note = "return `Json(Vec<{Self}>)` for structured content; it needs \
            `#[derive(serde::Serialize, schemars::JsonSchema)]` on the type"
)]
pub trait ListItem: Sized {
    /// The item for the model.
    fn into_block(self) -> ContentBlock;

    /// The whole list.
    ///
    /// # Errors
    ///
    /// When an item cannot be written as JSON.
    fn list(items: Vec<Self>) -> Result<CallToolResult, ToolError>;

    /// The schema of the structured content, if there is any.
    fn list_schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
}

impl<T: ListItem> IntoToolResult for Vec<T> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        T::list(self)
    }

    fn output_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        T::list_schema(generator)
    }
}

/// A value as structured content, with the output schema of its type.
///
/// The model also gets it as text, since not every client shows structured content. What is not
/// a JSON object reaches clients before 2026-07-28 as text only.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::{schemars::JsonSchema, serde::Serialize};
///
/// #[derive(Serialize, JsonSchema)]
/// struct Point {
///     x: i32,
///     y: i32,
/// }
///
/// #[tool]
/// fn origin() -> Json<Point> {
///     Json(Point { x: 0, y: 0 })
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

fn json(raw: Box<RawValue>) -> CallToolResult {
    let content = vec![ContentBlock::text(raw.get())];
    CallToolResult { content, structured_content: Some(raw), ..CallToolResult::default() }
}

fn json_returned(raw: Result<Box<RawValue>, ToolError>, call: &ToolCall<'_>) -> Started {
    let Ok(json_text) = raw.as_deref().map(RawValue::get) else { return call.returned(raw.map(json)) };
    let result = TextResult { text: json_text, structured: Some(Structured::Whole(json_text)) };
    call.written(&result).unwrap_or_else(|| call.returned(raw.map(json)))
}

impl<T: Serialize + JsonSchema> IntoToolResult for Json<T> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        to_raw(&self.0).map(json)
    }

    fn returned(self, call: &ToolCall<'_>) -> Started {
        json_returned(to_raw(&self.0), call)
    }

    fn output_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<T>())
    }
}

impl<T: IntoToolResult> IntoToolResult for Option<T> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        match self {
            Some(value) => value.into_tool_result(),
            None if T::output_schema(&mut crate::schema::output_generator()).is_some() => {
                wrapped(Vec::new(), None::<()>)
            }
            None => Ok(CallToolResult::default()),
        }
    }

    fn returned(self, call: &ToolCall<'_>) -> Started {
        match self {
            Some(value) => value.returned(call),
            none => call.returned(none.into_tool_result()),
        }
    }

    fn output_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        let some = T::output_schema(generator)?;
        let none = json_schema!({
            "type": "object", "properties": { "result": { "type": "null" } }, "required": ["result"],
        });
        let is_object = some.get("type").is_some_and(|kind| kind == "object");
        let mut either = json_schema!({ "anyOf": [some, none] });
        if is_object {
            either.insert("type".to_owned(), "object".into());
        }
        Some(either)
    }
}

impl<T: IntoToolResult, E: IntoToolError> IntoToolResult for Result<T, E> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        self.map_err(IntoToolError::into_tool_error)?.into_tool_result()
    }

    fn returned(self, call: &ToolCall<'_>) -> Started {
        match self {
            Ok(value) => value.returned(call),
            Err(error) => call.returned(Err::<CallToolResult, _>(error.into_tool_error())),
        }
    }

    fn output_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        T::output_schema(generator)
    }
}
