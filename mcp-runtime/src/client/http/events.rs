//! An event stream as it is read ([standard](https://html.spec.whatwg.org/multipage/server-sent-events.html)).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use reqwest::header::HeaderValue;
use sse_stream::{Sse, SseByteStream};

use crate::client::incoming::LONGEST;
use crate::error::{Error, ErrorKind};

/// What is read of an event stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// What it is; a message if it does not say.
    pub(super) name: Option<String>,
    pub(super) data: String,
}

impl Event {
    /// The message that it holds, if it holds one.
    pub(super) fn message(&self) -> Option<&[u8]> {
        let is_message = matches!(self.name.as_deref(), None | Some("" | "message"));
        (is_message && !self.data.is_empty()).then_some(self.data.as_bytes())
    }
}

/// Where in an event stream a client was when it lost it.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The last event that has a name of its own.
    pub(super) last: Option<HeaderValue>,
    /// How long to wait before asking for the rest.
    pub(super) retry: Option<Duration>,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

pub(super) struct Events {
    events: SseByteStream<Pieces>,
    /// How many bytes came since the last event.
    unread: Arc<AtomicUsize>,
    most: usize,
}

impl Events {
    pub(super) fn of(response: reqwest::Response) -> Self {
        Self::new(response.bytes_stream().map(|bytes| bytes.map_err(std::io::Error::other)), LONGEST)
    }

    /// Reads events of up to so many bytes.
    fn new(bytes: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static, most: usize) -> Self {
        let unread = Arc::<AtomicUsize>::default();
        let counter = unread.clone();
        let counted = bytes.map(move |bytes| {
            let bytes = bytes?;
            match counter.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len() {
                // What came in one piece may be many events.
                unread if unread > most.saturating_add(bytes.len()) => Err(std::io::ErrorKind::FileTooLarge.into()),
                _ => Ok(bytes),
            }
        });
        Self { events: SseByteStream::new(Box::pin(counted) as Pieces), unread, most }
    }

    /// The next event; `None` at the end. What it says of how to go on is noted in `place`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when the connection was lost, [`ErrorKind::Protocol`] when what comes is no event stream, or
    /// has no end.
    pub(super) async fn next(&mut self, place: &mut Place) -> Option<Result<Event, Error>> {
        let Sse { event, data, id, retry } = match self.events.next().await? {
            Ok(event) => event,
            Err(error) => return Some(Err(self.broken(error))),
        };
        self.unread.store(0, Ordering::Relaxed);
        if let Some(id) = id {
            // An empty one takes back what was said before.
            place.last = HeaderValue::from_str(&id).ok().filter(|id| !id.is_empty());
        }
        if let Some(retry) = retry {
            place.retry = Some(Duration::from_millis(retry));
        }
        Some(Ok(Event { name: event, data: data.unwrap_or_default() }))
    }

    fn broken(&self, error: sse_stream::Error) -> Error {
        if let sse_stream::Error::Body(source) = error {
            let is_too_long = source
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::FileTooLarge);
            return match is_too_long {
                true => Error::new(
                    ErrorKind::Protocol,
                    format!("the server sent an event of more than {} bytes", self.most),
                ),
                false => Error::new(ErrorKind::Io, "the connection to the server was lost").with_source(source),
            };
        }
        Error::new(ErrorKind::Protocol, "what the server sent is no event stream").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    /// Reads pieces to the end, or the first error.
    fn read(pieces: Vec<Vec<u8>>, most: usize) -> (Vec<Event>, Place, Option<ErrorKind>) {
        let pieces = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
        let (mut events, mut place) = (Events::new(pieces, most), Place::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut all = Vec::new();
            loop {
                match events.next(&mut place).await {
                    None => return (all, place, None),
                    Some(Ok(event)) => all.push(event),
                    Some(Err(error)) => return (all, place, Some(error.kind())),
                }
            }
        })
    }

    fn event(name: Option<&str>, data: &str) -> Event {
        Event { name: name.map(str::to_owned), data: data.to_owned() }
    }

    /// All that a stream may have, in each kind of line.
    const EVERYTHING: &str = "\u{feff}: a comment\r\nid: 1\r\nretry: 250\r\ndata:\r\n\r\ndata: {\"a\":\ndata:  \"ü 世\"}\nid: 2\n\n\
                              :\n\nevent: endpoint\rdata: /messages\r\rnonsense\n\nretry: soon\ndata:last\n\ndata: cut off";

    fn everything() -> Vec<Event> {
        vec![
            event(None, ""),
            event(None, "{\"a\":\n \"ü 世\"}"),
            event(Some("endpoint"), "/messages"),
            event(None, "last"),
        ]
    }

    #[test]
    fn an_event_stream_is_read_as_the_standard_has_it() {
        let (events, place, error) = read(vec![EVERYTHING.into()], 10_000);
        assert_eq!((events, error), (everything(), None));
        assert_eq!(place.last, Some(HeaderValue::from_static("2")));
        assert_eq!(place.retry, Some(Duration::from_millis(250)));
        let (_, place, _) = read(vec![b"id: 1\ndata: a\n\nid\ndata: b\n\n".to_vec()], 10_000);
        assert_eq!(place.last, None);
    }

    #[test]
    fn only_messages_are_messages() {
        assert_eq!(event(None, "{}").message(), Some(&b"{}"[..]));
        assert_eq!(event(Some("message"), "{}").message(), Some(&b"{}"[..]));
        assert_eq!(event(Some("endpoint"), "/").message(), None);
        assert_eq!(event(None, "").message(), None);
    }

    #[test]
    fn an_event_without_end_is_not_kept() {
        let endless = vec![b"data: xxxxxxxxxx\n".to_vec(); 100];
        assert_eq!(read(endless.clone(), 500), (vec![], Place::default(), Some(ErrorKind::Protocol)));
        // Many events are not one.
        let many = vec![b"data: xxxxxxxxxx\n\n".to_vec(); 100];
        assert_eq!(read(many, 500).0.len(), 100);
        assert_eq!(read(vec![b"data: \xff\n\n".to_vec()], 500).2, Some(ErrorKind::Protocol));
    }

    impl PartialEq for Place {
        fn eq(&self, other: &Self) -> bool {
            (&self.last, self.retry) == (&other.last, other.retry)
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(cuts in proptest::collection::vec(0usize..EVERYTHING.len(), 0..30)) {
            let mut cuts = cuts;
            cuts.extend([0, EVERYTHING.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| EVERYTHING.as_bytes()[cut[0]..cut[1]].to_vec());
            let (events, place, error) = read(pieces.filter(|piece| !piece.is_empty()).collect(), 10_000);
            prop_assert_eq!((events, error), (everything(), None));
            prop_assert_eq!(place.last, Some(HeaderValue::from_static("2")));
        }
    }
}
