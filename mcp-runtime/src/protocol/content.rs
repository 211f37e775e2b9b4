use base64::Engine as _;
use serde::{Deserialize, Serialize};

use super::base64::STANDARD;
use super::{Icon, Meta};

/// A piece of what a tool returns or a message says ([specification]).
///
/// ```
/// use mcp_runtime::protocol::ContentBlock;
///
/// assert_eq!(ContentBlock::text("hello").as_text(), Some("hello"));
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#contentblock
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentBlock {
    /// Text.
    Text(TextContent),
    /// A picture.
    Image(ImageContent),
    /// A sound.
    Audio(AudioContent),
    /// A reference to a resource that the client may read.
    ResourceLink(ResourceLink),
    /// A resource, contents included.
    Resource(EmbeddedResource),
}

impl ContentBlock {
    /// A block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent::new(text))
    }

    /// A picture from its bytes.
    pub fn image(data: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        Self::Image(ImageContent::new(data, mime_type))
    }

    /// A sound from its bytes.
    pub fn audio(data: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        Self::Audio(AudioContent::new(data, mime_type))
    }

    /// The text of a text block.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(block) => Some(&block.text),
            _ => None,
        }
    }

    /// About how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        let content = match self {
            Self::Text(block) => block.text.len(),
            Self::Image(block) => block.data.len(),
            Self::Audio(block) => block.data.len(),
            Self::ResourceLink(link) => link.uri.len(),
            Self::Resource(EmbeddedResource { resource, .. }) => resource.size(),
        };
        size_of::<Self>() + content
    }
}

macro_rules! blocks {
    ($($content:ident => $variant:ident),+) => {$(
        impl From<$content> for ContentBlock {
            fn from(content: $content) -> Self {
                Self::$variant(content)
            }
        }
    )+};
}
blocks!(TextContent => Text, ImageContent => Image, AudioContent => Audio);
blocks!(ResourceLink => ResourceLink, EmbeddedResource => Resource);

impl From<ResourceContents> for ContentBlock {
    fn from(contents: ResourceContents) -> Self {
        EmbeddedResource::new(contents).into()
    }
}

impl From<String> for ContentBlock {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for ContentBlock {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// Text ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#textcontent
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextContent {
    /// The text.
    pub text: String,
    /// Hints for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl TextContent {
    /// A block of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

macro_rules! binary_content {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[non_exhaustive]
        pub struct $name {
            /// The bytes in Base64.
            pub data: String,
            /// Their MIME type.
            pub mime_type: String,
            /// Hints for the client.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub annotations: Option<Annotations>,
            /// Metadata.
            #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
            pub meta: Option<Meta>,
        }

        impl $name {
            /// Encodes these bytes.
            pub fn new(data: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
                Self { data: STANDARD.encode(data), mime_type: mime_type.into(), ..Self::default() }
            }
        }
    };
}

binary_content! {
    /// A picture ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#imagecontent
    ImageContent
}
binary_content! {
    /// A sound ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#audiocontent
    AudioContent
}

macro_rules! of_type {
    ($name:ident: $($(#[$doc:meta])* $constructor:ident => $mime_type:literal),+) => {
        impl $name {
            $(
                $(#[$doc])*
                pub fn $constructor(data: impl AsRef<[u8]>) -> Self {
                    Self::new(data, $mime_type)
                }
            )+
        }
    };
}
of_type! { ImageContent:
    /// Encodes the bytes of a PNG picture.
    png => "image/png",
    /// Encodes the bytes of a JPEG picture.
    jpeg => "image/jpeg",
    /// Encodes the bytes of a GIF picture.
    gif => "image/gif",
    /// Encodes the bytes of a WebP picture.
    webp => "image/webp",
    /// Encodes the bytes of an SVG picture.
    svg => "image/svg+xml"
}
of_type! { AudioContent:
    /// Encodes the bytes of a WAV sound.
    wav => "audio/wav",
    /// Encodes the bytes of an MP3 sound.
    mp3 => "audio/mpeg",
    /// Encodes the bytes of an Ogg sound.
    ogg => "audio/ogg"
}

/// A reference to a resource that the client may read ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#resourcelink
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourceLink {
    /// Where the resource is.
    pub uri: String,
    /// Its programmatic name.
    pub name: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its MIME type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Pictures for a user interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
    /// Hints for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ResourceLink {
    /// A link with a name.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self { uri: uri.into(), name: name.into(), ..Self::default() }
    }
}

/// A resource inside a result or a message ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#embeddedresource
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EmbeddedResource {
    /// The contents.
    pub resource: ResourceContents,
    /// Hints for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl EmbeddedResource {
    /// Embeds these contents.
    #[must_use]
    pub fn new(resource: ResourceContents) -> Self {
        Self { resource, annotations: None, meta: None }
    }
}

/// What a resource holds: exactly one of `text` and `blob` is there ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#resourcecontents
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourceContents {
    /// Where the resource is.
    pub uri: String,
    /// Its MIME type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its bytes in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
    /// Metadata.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ResourceContents {
    /// Text at this URI.
    pub fn text(uri: impl Into<String>, mime_type: impl Into<String>, text: impl Into<String>) -> Self {
        Self { uri: uri.into(), mime_type: Some(mime_type.into()), text: Some(text.into()), ..Self::default() }
    }

    /// Bytes at this URI.
    pub fn blob(uri: impl Into<String>, mime_type: impl Into<String>, data: impl AsRef<[u8]>) -> Self {
        Self {
            uri: uri.into(),
            mime_type: Some(mime_type.into()),
            blob: Some(STANDARD.encode(data)),
            ..Self::default()
        }
    }

    /// The bytes: those of the text, or what the Base64 stands for; `None` if there is neither, or
    /// the Base64 is not right.
    ///
    /// ```
    /// use mcp_runtime::protocol::ResourceContents;
    ///
    /// let contents = ResourceContents::blob("data:3", "application/octet-stream", [1, 2, 3]);
    /// assert_eq!(contents.bytes().as_deref(), Some(&[1, 2, 3][..]));
    /// ```
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match (&self.text, &self.blob) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(blob)) => STANDARD.decode(blob).ok(),
            (None, None) => None,
        }
    }

    /// About how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        let held = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        self.uri.len() + held(&self.text) + held(&self.blob)
    }
}

/// Hints about who content is for and how much it matters ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#annotations
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Annotations {
    /// Who it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<Role>,
    /// From 0, optional, to 1, required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// When it changed, in ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// Who speaks ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/schema#role
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person, or the program on their behalf.
    User,
    /// The model.
    Assistant,
}
