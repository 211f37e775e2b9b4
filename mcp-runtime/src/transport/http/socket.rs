//! The bytes of a connection, of which version of HTTP they are.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::Activity;

/// What HTTP/2 begins with, and nothing else does ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-3.4)).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection of which the beginning is known, and whose other end is not waited for without end.
pub(crate) struct Socket<S> {
    stream: S,
    /// What was read to know it.
    ahead: BytesMut,
    /// How long nothing may be taken of what is written.
    patience: Duration,
    /// Set while nothing is.
    stalled: Option<Pin<Box<Sleep>>>,
    activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> Socket<S> {
    /// Reads the first bytes; with them, whether HTTP/2 is spoken.
    pub(crate) async fn open(mut stream: S, patience: Duration, activity: Arc<Activity>) -> io::Result<(Self, bool)> {
        let mut ahead = BytesMut::with_capacity(PREFACE.len());
        while ahead.len() < PREFACE.len() && PREFACE.starts_with(&ahead) && stream.read_buf(&mut ahead).await? > 0 {}
        let is_http2 = ahead.starts_with(PREFACE);
        Ok((Self { stream, ahead, patience, stalled: None, activity }, is_http2))
    }
}

impl<S> Socket<S> {
    /// What became of an attempt to write, which is an error when it is one of many.
    fn written<T>(&mut self, cx: &mut Context<'_>, attempt: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.stalled = None;
            return attempt;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, ahead, activity, .. } = &mut *self;
        if ahead.is_empty() {
            let attempt = Pin::new(stream).poll_read(cx, buf);
            if attempt.is_ready() {
                activity.read();
            }
            return attempt;
        }
        let length = ahead.len().min(buf.remaining());
        buf.put_slice(&ahead.split_to(length));
        activity.read();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, attempt)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(cx, attempt)
    }
}
