use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};

use super::Active;

/// What is sent as an event stream, piece by piece.
pub(crate) type Events = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// The body of an answer: nothing, one message, or an event stream.
pub struct HttpBody {
    kind: Kind,
    /// That of its request, if it has a connection of ours.
    _active: Option<Active>,
}

enum Kind {
    Whole(Bytes),
    Events(Events),
}

impl HttpBody {
    pub(crate) fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Whole(bytes.into()), _active: None }
    }

    pub(crate) fn events(events: Events) -> Self {
        Self { kind: Kind::Events(events), _active: None }
    }

    /// The request goes on until it was sent, or cannot be.
    pub(crate) fn with(self, active: Option<Active>) -> Self {
        Self { _active: active, ..self }
    }
}

impl Body for HttpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.kind {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Events(events) => {
                events.as_mut().poll_next(cx).map(|event| event.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Events(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Whole(_) => "HttpBody(whole)",
            Kind::Events(_) => "HttpBody(events)",
        })
    }
}
