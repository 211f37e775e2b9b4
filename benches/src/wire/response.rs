//! Responses of HTTP/1.1, as they come in.

use crate::Result;

/// What was read so far of one response.
#[derive(Debug, Default)]
pub(crate) struct Response {
    head: Option<Head>,
    /// What came in chunks, put together.
    decoded: Vec<u8>,
    /// How much of the body was decoded.
    at: usize,
}

#[derive(Debug)]
struct Head {
    length: usize,
    body: Body,
    session: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Bytes(usize),
    Chunks,
}

impl Response {
    /// Looks at all that was read of it; says whether that is the whole response, and its length in bytes.
    ///
    /// # Errors
    ///
    /// When the status is not one of success.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        if self.head.is_none() {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
            self.head = Some(head(&bytes[..end], bytes)?);
        }
        let Some(Head { length, body, .. }) = self.head else { return Ok(None) };
        match body {
            Body::Bytes(body) => Ok(Some(length + body).filter(|&all| all <= bytes.len())),
            Body::Chunks => Ok(self.decode(&bytes[length..])?.then_some(length + self.at)),
        }
    }

    /// The body so far.
    pub(crate) fn body<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        match self.head {
            Some(Head { length, body: Body::Bytes(body), .. }) => &bytes[length..(length + body).min(bytes.len())],
            _ => &self.decoded,
        }
    }

    /// The session that it names.
    pub(crate) fn session(&self) -> Option<&str> {
        self.head.as_ref()?.session.as_deref()
    }

    /// The next one.
    pub(crate) fn clear(&mut self) {
        self.head = None;
        self.decoded.clear();
        self.at = 0;
    }

    /// Decodes the chunks that are whole; says whether the last one is among them.
    fn decode(&mut self, body: &[u8]) -> Result<bool> {
        loop {
            let Some(end) = memchr::memmem::find(&body[self.at..], b"\r\n") else { return Ok(false) };
            let line = std::str::from_utf8(&body[self.at..self.at + end])?;
            let length = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
            let begin = self.at + end + 2;
            let Some(chunk) = body.get(begin..begin + length + 2) else { return Ok(false) };
            self.decoded.extend_from_slice(&chunk[..length]);
            self.at = begin + length + 2;
            if length == 0 {
                return Ok(true);
            }
        }
    }
}

fn head(head: &[u8], bytes: &[u8]) -> Result<Head> {
    let text = std::str::from_utf8(head)?;
    let mut lines = text.split("\r\n");
    if !lines.next().is_some_and(|status| status.starts_with("HTTP/1.1 20")) {
        let shown = &bytes[..bytes.len().min(600)];
        return Err(format!("it answered {}", String::from_utf8_lossy(shown)).into());
    }
    let (mut body, mut session) = (Body::Bytes(0), None);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body = Body::Bytes(value.trim().parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            body = Body::Chunks;
        } else if name.eq_ignore_ascii_case("mcp-session-id") {
            session = Some(value.trim().to_owned());
        }
    }
    Ok(Head { length: head.len() + 4, body, session })
}
