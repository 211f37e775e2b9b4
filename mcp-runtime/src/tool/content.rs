use std::borrow::Cow;

use crate::protocol::{
    AudioContent, ContentBlock, EmbeddedResource, ImageContent, ResourceContents, ResourceLink, TextContent,
};

/// What can be part of a tool's content: text, numbers, `bool`, [`ContentBlock`] and what it is
/// made of, and `Option`, `Vec` and tuples of these.
///
/// A tool returns several parts as a tuple; after a [`Json<T>`](crate::Json) they are its content:
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::protocol::ImageContent;
///
/// /// Draw a chart.
/// #[tool]
/// fn chart() -> (&'static str, ImageContent) {
///     ("Sales since May", ImageContent::png(b"..."))
/// }
///
/// /// Count the products.
/// #[tool]
/// fn count() -> (Json<Vec<u32>>, String) {
///     (Json(vec![1, 2]), "one of this, two of that".to_owned())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a tool's content",
    label = "not content",
    note = "content is text, numbers, `bool`, `ContentBlock`, `ImageContent`, `AudioContent`, `ResourceLink`, \
            `EmbeddedResource`, or an `Option`, `Vec` or tuple of these",
    note = "structured content stands first and alone: `(Json<T>, content)`"
)]
pub trait IntoContent {
    /// Adds it.
    fn add_to(self, content: &mut Vec<ContentBlock>);
}

macro_rules! displayed {
    ($($text:ty),+) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoContent for $text {
            fn add_to(self, content: &mut Vec<ContentBlock>) {
                content.push(ContentBlock::text(self.to_string()));
            }
        }
    )+};
}
displayed!(&str, Cow<'_, str>, bool, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64);

macro_rules! blocks {
    ($($block:ty),+) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoContent for $block {
            fn add_to(self, content: &mut Vec<ContentBlock>) {
                content.push(self.into());
            }
        }
    )+};
}
blocks!(
    String,
    ContentBlock,
    TextContent,
    ImageContent,
    AudioContent,
    ResourceLink,
    EmbeddedResource,
    ResourceContents
);

#[diagnostic::do_not_recommend]
impl IntoContent for () {
    fn add_to(self, _: &mut Vec<ContentBlock>) {}
}

impl<T: IntoContent> IntoContent for Option<T> {
    fn add_to(self, content: &mut Vec<ContentBlock>) {
        if let Some(part) = self {
            part.add_to(content);
        }
    }
}

impl<T: IntoContent> IntoContent for Vec<T> {
    fn add_to(self, content: &mut Vec<ContentBlock>) {
        self.into_iter().for_each(|part| part.add_to(content));
    }
}

macro_rules! tuples {
    ($($part:ident),+) => {
        #[diagnostic::do_not_recommend]
        impl<$($part: IntoContent),+> IntoContent for ($($part,)+) {
            #[expect(non_snake_case, reason = "each part is named as its type")]
            fn add_to(self, content: &mut Vec<ContentBlock>) {
                let ($($part,)+) = self;
                $($part.add_to(content);)+
            }
        }
    };
}
tuples!(A, B);
tuples!(A, B, C);
tuples!(A, B, C, D);
tuples!(A, B, C, D, E);
tuples!(A, B, C, D, E, F);
tuples!(A, B, C, D, E, F, G);
tuples!(A, B, C, D, E, F, G, H);
