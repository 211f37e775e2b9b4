//! One JSON text a line, as the stdio transport frames messages.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A line of input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    /// It was longer than the limit, and was skipped; this is how it begins and ends.
    TooLong {
        head: &'a [u8],
        tail: &'a [u8],
    },
}

/// How much room a read is offered at least.
const READ_SIZE: usize = 64 << 10;

/// How much is kept of the beginning and of the end of a line that is too long.
const GLIMPSE: usize = 512;

/// Splits input into lines. No line is copied; what is not yet whole stays for the next read.
pub(crate) struct LineReader<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the first line begins that was not handed out.
    start: usize,
    /// Up to where no line break was found.
    scanned: usize,
    limit: usize,
    /// Inside a line that is too long.
    skipping: bool,
    /// How it began, and how it ends.
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            limit,
            skipping: false,
            head: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// Reads once. Returns whether there may be more. Nothing is lost when it is dropped.
    pub(crate) async fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        // A line that was huge does not keep its memory.
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * READ_SIZE {
            self.buffer = Vec::new();
        }
        self.buffer.reserve(READ_SIZE);
        Ok(self.reader.read_buf(&mut self.buffer).await? > 0)
    }

    /// The next line that is whole, without its end and never empty.
    pub(crate) fn next_line(&mut self) -> Option<Line<'_>> {
        loop {
            let Some(found) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) else {
                self.scanned = self.buffer.len();
                if self.skipping || self.scanned - self.start > self.limit {
                    // Only the end of the line matters from here on.
                    self.skip(self.scanned);
                    self.skipping = true;
                    self.start = self.scanned;
                }
                return None;
            };
            let end = self.scanned + found;
            if self.skipping || end - self.start > self.limit {
                self.skip(end);
                (self.start, self.scanned, self.skipping) = (end + 1, end + 1, false);
                return Some(Line::TooLong { head: &self.head, tail: &self.tail });
            }
            let begin = std::mem::replace(&mut self.start, end + 1);
            self.scanned = end + 1;
            if !self.buffer[begin..end].trim_ascii().is_empty() {
                return Some(Line::Whole(self.buffer[begin..end].trim_ascii()));
            }
        }
    }

    /// Skips what was read of a line that is too long, up to `end`.
    fn skip(&mut self, end: usize) {
        let skipped = &self.buffer[self.start..end];
        if !self.skipping {
            self.tail.clear();
            self.head.clear();
            self.head.extend_from_slice(&skipped[..skipped.len().min(GLIMPSE)]);
        }
        self.tail.extend_from_slice(&skipped[skipped.len().saturating_sub(GLIMPSE)..]);
        self.tail.drain(..self.tail.len().saturating_sub(GLIMPSE));
    }

    /// After the end of input: the last line, if it has no line break.
    pub(crate) fn last_line(&mut self) -> Option<Line<'_>> {
        if self.skipping || self.buffer.len() - self.start > self.limit {
            self.skip(self.buffer.len());
            (self.start, self.scanned, self.skipping) = (self.buffer.len(), self.buffer.len(), false);
            return Some(Line::TooLong { head: &self.head, tail: &self.tail });
        }
        let begin = std::mem::replace(&mut self.start, self.buffer.len());
        self.scanned = self.start;
        let line = self.buffer[begin..].trim_ascii();
        (!line.is_empty()).then_some(Line::Whole(line))
    }
}

/// Collects replies and writes them at once.
pub(crate) struct LineWriter<W> {
    writer: W,
    buffer: Vec<u8>,
    written: usize,
    /// All is written, but maybe not through.
    flushing: bool,
}

impl<W: AsyncWrite + Unpin> LineWriter<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer, buffer: Vec::new(), written: 0, flushing: false }
    }

    /// Where the next message goes; each one ends with a line break.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// How many bytes wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.buffer.len() - self.written
    }

    /// Whether there is something to write or to flush.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiting() > 0 || self.flushing
    }

    /// Writes or flushes once. Nothing is lost or written twice when it is dropped.
    pub(crate) async fn write(&mut self) -> io::Result<()> {
        if self.waiting() > 0 {
            let written = self.writer.write(&self.buffer[self.written..]).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written += written;
            self.flushing = true;
            // What was written does not keep its memory, however slow the reader is.
            if self.written >= self.waiting() {
                self.buffer.drain(..std::mem::take(&mut self.written));
                self.buffer.shrink_to(4 * READ_SIZE);
            }
        }
        if self.waiting() == 0 {
            self.writer.flush().await?;
            self.flushing = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use proptest::prelude::*;

    use super::*;

    /// Feeds input in pieces and collects the lines; `None` for one that was too long.
    fn split(pieces: &[&[u8]], limit: usize) -> Vec<Option<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let own = |line: Line<'_>| match line {
                Line::Whole(line) => Some(String::from_utf8_lossy(line).into_owned()),
                Line::TooLong { .. } => None,
            };
            let mut lines = Vec::new();
            let mut mock = tokio_test_reader(pieces);
            let mut reader = LineReader::new(&mut mock, limit);
            while reader.fill().await.expect("in memory") {
                while let Some(line) = reader.next_line() {
                    lines.push(own(line));
                }
            }
            lines.extend(reader.last_line().map(own));
            lines
        })
    }

    /// A reader that gives one piece a read.
    fn tokio_test_reader(pieces: &[&[u8]]) -> impl AsyncRead + Unpin + use<> {
        let mut chain: Box<dyn AsyncRead + Unpin> = Box::new(tokio::io::empty());
        for piece in pieces.iter().rev() {
            chain = Box::new(std::io::Cursor::new(piece.to_vec()).chain(chain));
        }
        chain
    }

    #[test]
    fn lines_are_whole_wherever_the_input_breaks() {
        let whole = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
        assert_eq!(split(&[b"{\"a\"", b":1}\n{}\r\n", b"\n  \n[]"], 100), whole(&["{\"a\":1}", "{}", "[]"]));
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        assert_eq!(split(&[b"123", b"456", b"789\nok\n"], 5), [None, Some("ok".to_owned())]);
        assert_eq!(split(&[b"123456\n12345\n"], 5), [None, Some("12345".to_owned())]);
        assert_eq!(split(&[b"123456"], 5), [None]);
    }

    #[tokio::test]
    async fn of_a_line_that_is_too_long_the_beginning_and_the_end_are_seen() {
        let long = format!("begin{}end\n", "x".repeat(5000));
        for size in [1, 7, 100, 600, 6000] {
            let input: Vec<&[u8]> = long.as_bytes().chunks(size).collect();
            let mut reader = LineReader::new(tokio_test_reader(&input), 100);
            let seen = loop {
                assert!(reader.fill().await.expect("in memory"));
                if let Some(line) = reader.next_line() {
                    let Line::TooLong { head, tail } = line else { panic!("it is too long") };
                    break (String::from_utf8_lossy(head).into_owned(), String::from_utf8_lossy(tail).into_owned());
                }
            };
            assert!(seen.0.starts_with("beginxx") && seen.0.len() <= GLIMPSE, "{size}: {seen:?}");
            assert!(seen.1.ends_with("xxend") && seen.1.len() <= GLIMPSE, "{size}: {seen:?}");
        }
    }

    #[tokio::test]
    async fn what_was_written_is_forgotten_also_when_the_buffer_never_empties() {
        let (mut near, far) = tokio::io::duplex(1000);
        let mut writer = LineWriter::new(far);
        let mut read = vec![0; 1000];
        for _ in 0..1000 {
            writer.buffer().extend_from_slice(&[b'x'; 1000]);
            writer.write().await.expect("in memory");
            tokio::io::AsyncReadExt::read_exact(&mut near, &mut read).await.expect("in memory");
            writer.buffer().push(b'y');
        }
        assert!(writer.buffer().len() < 10_000, "{}", writer.buffer().len());
    }

    #[tokio::test]
    async fn a_flush_that_was_dropped_is_done_later() {
        let (mut near, far) = tokio::io::duplex(4);
        let mut writer = LineWriter::new(tokio::io::BufWriter::with_capacity(64, far));
        writer.buffer().extend_from_slice(b"12345678");
        {
            // The buffer takes it all, the pipe behind it does not: the flush has to wait.
            let mut write = std::pin::pin!(writer.write());
            let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx).is_pending()));
            assert!(pending.await);
        }
        assert_eq!((writer.waiting(), writer.is_busy()), (0, true));
        let mut read = [0; 8];
        let (_, written) = tokio::join!(tokio::io::AsyncReadExt::read_exact(&mut near, &mut read), writer.write());
        written.expect("in memory");
        assert_eq!((&read, writer.is_busy()), (b"12345678", false));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[a-c\n]{0,60}", cuts in proptest::collection::vec(0usize..60, 0..8)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).filter(|piece| !piece.is_empty()).collect();
            prop_assert_eq!(split(&pieces, 7), split(&[text.as_bytes()], 7));
        }
    }
}
