//! Lists, whole or by pages ([specification]).
//!
//! A cursor is sealed, so that no client makes up its own, and says after which item the page begins. It is
//! of use to any server that has the key, however the list has changed in the meantime.
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination

use std::cell::LazyCell;

use super::{Dispatched, Dispatcher, Request};
use crate::context::Requester;
use crate::protocol::{ErrorCode, ErrorObject, ListKind, Listed, ServerResult};
use crate::registry::Places;

impl Dispatcher {
    pub(super) fn list(&self, request: &Request<'_, '_>, list: ListKind) -> Result<Dispatched, ErrorObject> {
        match list {
            ListKind::Tools => self.page_of(request, list, &request.registry.tools),
            ListKind::Prompts => self.page_of(request, list, &request.registry.prompts),
            ListKind::Resources => self.page_of(request, list, &request.registry.resources),
            ListKind::ResourceTemplates => self.page_of(request, list, &request.registry.templates),
        }
    }

    fn page_of(&self, request: &Request<'_, '_>, list: ListKind, section: &Places) -> Result<Dispatched, ErrorObject> {
        let cursor = request.params.map_or(Ok(None), |params| params.optional_text("cursor"))?;
        let start = match cursor {
            Some(cursor) => self.start_of_page(list, section, &cursor)?,
            None => 0,
        };
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let visible = section.visible(&LazyCell::new(requester));
        let scope = section.scope();
        let length = visible.as_ref().map_or(section.len(), Vec::len);
        // A cursor may be of a server with pages, or of this one when it had some: it goes on from where that was.
        let page = self.page.filter(|page| length > *page).or((start > 0).then_some(usize::MAX));
        let (places, next_cursor) = match page {
            None => (visible, None),
            Some(page) => {
                let all = visible.unwrap_or_else(|| (0..section.len()).collect());
                let mut rest = all.into_iter().filter(|place| *place >= start);
                let places: Vec<usize> = rest.by_ref().take(page).collect();
                let next = rest.next().and_then(|_| places.last()).map(|last| self.cursor(list, section, *last));
                (Some(places), next.transpose()?)
            }
        };
        Ok(Dispatched::Done(Ok(ServerResult::List(Listed { list, places, scope, next_cursor }))))
    }

    /// What asks for the page after the item at this place.
    fn cursor(&self, list: ListKind, section: &Places, last: usize) -> Result<String, ErrorObject> {
        let key = section.key_at(last).unwrap_or_default();
        let write = |bytes: &mut Vec<u8>| {
            bytes.extend_from_slice(&(last as u64).to_be_bytes());
            bytes.extend_from_slice(key.as_bytes());
        };
        self.seal.seal(&bound(list), write).ok_or_else(|| {
            let message = "the list has more pages, and the operating system has no randomness to seal a cursor with";
            ErrorObject::new(ErrorCode::InternalError, message)
        })
    }

    /// The place of the first item of a page: after the one that was last before it, or where that was.
    fn start_of_page(&self, list: ListKind, section: &Places, cursor: &str) -> Result<usize, ErrorObject> {
        let read = |bytes: Vec<u8>| {
            let (place, key) = bytes.split_first_chunk()?;
            let place = usize::try_from(u64::from_be_bytes(*place)).ok()?;
            Some(section.place_of(std::str::from_utf8(key).ok()?).map_or(place, |place| place + 1))
        };
        self.seal.open(&bound(list), cursor).and_then(read).ok_or_else(|| {
            ErrorObject::invalid_params(
                "`params.cursor` was not given by this server for this list; leave it out to begin with the first page",
            )
        })
    }
}

/// To what a cursor is bound. States begin with their version, which is no letter.
fn bound(list: ListKind) -> [u8; 7] {
    let list = match list {
        ListKind::Tools => b't',
        ListKind::Prompts => b'p',
        ListKind::Resources => b'r',
        ListKind::ResourceTemplates => b'm',
    };
    [b'c', b'u', b'r', b's', b'o', b'r', list]
}
