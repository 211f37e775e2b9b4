//! Events of a stream, as they are written ([standard](https://html.spec.whatwg.org/multipage/server-sent-events.html)).

/// What keeps a stream open while there is nothing to say.
pub(crate) const KEEP_ALIVE: &[u8] = b":\n\n";

/// Writes one event that holds one message; `write` appends the message, which has no line break.
pub(crate) fn event(out: &mut Vec<u8>, id: Option<&dyn std::fmt::Display>, write: impl FnOnce(&mut Vec<u8>)) {
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    out.extend_from_slice(b"data: ");
    write(out);
    out.extend_from_slice(b"\n\n");
}

/// Writes an event without a message: from here on the client can come back, after so many milliseconds.
pub(crate) fn prime(out: &mut Vec<u8>, id: &dyn std::fmt::Display, retry: u64) {
    out.extend_from_slice(format!("id: {id}\nretry: {retry}\ndata:\n\n").as_bytes());
}
