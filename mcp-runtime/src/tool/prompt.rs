use std::borrow::Cow;

use super::call::{Started, ToolCall};
use crate::context::{IntoToolError, ToolError};
use crate::protocol::{
    AudioContent, ContentBlock, EmbeddedResource, GetPromptResult, ImageContent, PromptMessage, ResourceContents,
    ResourceLink, TextContent,
};

/// What the function of a prompt can return.
///
/// | returned | messages |
/// |---|---|
/// | `String`, `&str`, `Cow<'_, str>` | one of the user |
/// | [`ContentBlock`] and what it is made of | one of the user |
/// | [`PromptMessage`] | as it says |
/// | `Vec` and tuples of these, with `Option`s among them | all, in order |
/// | [`GetPromptResult`] | as it says |
/// | `Result<T, E>` | of `T`; an error answers the request |
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::protocol::{ImageContent, PromptMessage};
///
/// /// Find what is wrong with a chart.
/// #[prompt]
/// fn criticize(
///     /// What it should show.
///     purpose: &str,
/// ) -> (String, ImageContent, PromptMessage) {
///     let question = format!("Does this chart show {purpose}?");
///     (question, ImageContent::png(b"..."), PromptMessage::assistant("What I see first is"))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a prompt",
    label = "not the result of a prompt",
    note = "return text, `PromptMessage`, content, a `Vec` or tuple of these, `GetPromptResult`, or a `Result` of any of them",
    note = "or implement `IntoPromptResult` for it"
)]
pub trait IntoPromptResult {
    /// Converts.
    ///
    /// # Errors
    ///
    /// When the function failed.
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError>;

    /// What a function that has returned leaves to be done.
    #[doc(hidden)]
    fn returned(self, call: &ToolCall<'_>) -> Started
    where
        Self: Sized,
    {
        call.returned(self.into_prompt_result())
    }
}

/// What can be among the messages of a prompt. See [`IntoPromptResult`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a message of a prompt",
    label = "not a message",
    note = "a message is text, `PromptMessage`, content, or an `Option`, `Vec` or tuple of these"
)]
pub trait IntoMessages {
    /// Adds it.
    fn add_to(self, messages: &mut Vec<PromptMessage>);
}

fn result_of(messages: impl IntoMessages) -> GetPromptResult {
    let mut result = GetPromptResult::default();
    messages.add_to(&mut result.messages);
    result
}

macro_rules! result {
    ([$($part:ident),*] $type:ty) => {
        #[diagnostic::do_not_recommend]
        impl<$($part: IntoMessages),*> IntoPromptResult for $type {
            fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
                Ok(result_of(self))
            }
        }
    };
}

macro_rules! messages {
    ($($type:ty => $convert:expr),+ $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoMessages for $type {
            fn add_to(self, messages: &mut Vec<PromptMessage>) {
                messages.push($convert(self));
            }
        }
        result!([] $type);
    )+};
}

messages! {
    PromptMessage => std::convert::identity,
    String => PromptMessage::user,
    &str => PromptMessage::user,
    Cow<'_, str> => |text: Self| PromptMessage::user(text.into_owned()),
    Box<str> => |text: Self| PromptMessage::user(text.into_string()),
    ContentBlock => PromptMessage::user,
    TextContent => PromptMessage::user,
    ImageContent => PromptMessage::user,
    AudioContent => PromptMessage::user,
    ResourceLink => PromptMessage::user,
    EmbeddedResource => PromptMessage::user,
    ResourceContents => PromptMessage::user,
}

impl<T: IntoMessages> IntoMessages for Option<T> {
    fn add_to(self, messages: &mut Vec<PromptMessage>) {
        if let Some(message) = self {
            message.add_to(messages);
        }
    }
}

impl<T: IntoMessages> IntoMessages for Vec<T> {
    fn add_to(self, messages: &mut Vec<PromptMessage>) {
        self.into_iter().for_each(|message| message.add_to(messages));
    }
}

impl<T: IntoMessages> IntoPromptResult for Vec<T> {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(result_of(self))
    }
}

macro_rules! tuples {
    ($($part:ident),+) => {
        #[diagnostic::do_not_recommend]
        impl<$($part: IntoMessages),+> IntoMessages for ($($part,)+) {
            #[expect(non_snake_case, reason = "each part is named as its type")]
            fn add_to(self, messages: &mut Vec<PromptMessage>) {
                let ($($part,)+) = self;
                $($part.add_to(messages);)+
            }
        }
        result!([$($part),+] ($($part,)+));
    };
}
tuples!(A, B);
tuples!(A, B, C);
tuples!(A, B, C, D);
tuples!(A, B, C, D, E);
tuples!(A, B, C, D, E, F);
tuples!(A, B, C, D, E, F, G);
tuples!(A, B, C, D, E, F, G, H);

impl IntoPromptResult for GetPromptResult {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(self)
    }
}

impl<T: IntoPromptResult, E: IntoToolError> IntoPromptResult for Result<T, E> {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        self.map_err(IntoToolError::into_tool_error)?.into_prompt_result()
    }
}
