//! What the headers of a request say.

use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};

use super::headers::{METHOD, NAME, PROTOCOL_VERSION, SESSION_ID};

/// What the headers of a request say, as far as every one is held against something. They are few, and found in one
/// pass: a look-up by name costs more than that.
#[derive(Debug, Default)]
pub(crate) struct Said<'h> {
    pub(crate) host: Header<'h>,
    pub(crate) origin: Header<'h>,
    pub(crate) accept: Header<'h>,
    pub(crate) content_type: Header<'h>,
    pub(crate) content_encoding: Header<'h>,
    pub(crate) content_length: Header<'h>,
    pub(crate) protocol_version: Header<'h>,
    pub(crate) session_id: Header<'h>,
    pub(crate) method: Header<'h>,
    pub(crate) name: Header<'h>,
}

/// The values of one header.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Header<'h> {
    first: Option<&'h HeaderValue>,
    has_more: bool,
}

/// A header is there more than once.
#[derive(Debug)]
pub(crate) struct Repeated;

impl<'h> Said<'h> {
    pub(crate) fn of(headers: &'h HeaderMap) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            let header = match name {
                name if *name == HOST => &mut said.host,
                name if *name == CONTENT_TYPE => &mut said.content_type,
                name if *name == CONTENT_LENGTH => &mut said.content_length,
                name if *name == ACCEPT => &mut said.accept,
                name if *name == ORIGIN => &mut said.origin,
                name if *name == CONTENT_ENCODING => &mut said.content_encoding,
                name if *name == PROTOCOL_VERSION => &mut said.protocol_version,
                name if *name == SESSION_ID => &mut said.session_id,
                name if *name == METHOD => &mut said.method,
                name if *name == NAME => &mut said.name,
                _ => continue,
            };
            header.has_more = header.first.is_some();
            header.first.get_or_insert(value);
        }
        said
    }
}

impl<'h> Header<'h> {
    /// The values of a header that not every server knows.
    pub(crate) fn named(headers: &'h HeaderMap, name: &str) -> Self {
        let mut values = headers.get_all(name).iter();
        Self { first: values.next(), has_more: values.next().is_some() }
    }

    pub(crate) fn is_there(self) -> bool {
        self.first.is_some()
    }

    /// Its value; the first one, if it has more.
    pub(crate) fn first(self) -> Option<&'h HeaderValue> {
        self.first
    }

    /// Its value, of which there may not be two: not everybody would read the same one.
    pub(crate) fn only(self) -> Result<Option<&'h HeaderValue>, Repeated> {
        if self.has_more { Err(Repeated) } else { Ok(self.first) }
    }
}
