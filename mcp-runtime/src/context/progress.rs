//! Counts what a loop has done, and reports it now and then.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::Instant;

use super::{Context, ReportProgress};
use crate::engine::Call;

/// Between two reports is at least this time, so that a fast loop does not flood its client.
const INTERVAL: Duration = Duration::from_millis(100);

impl Context {
    /// Counts what is done, and tells the client, if it asked to know ([specification]). `total` is how
    /// far the count will go, as a number of any type; `()` if that is not known.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Import rows.
    /// #[tool]
    /// async fn import(rows: Vec<String>, ctx: Context) -> Result<()> {
    ///     let mut progress = ctx.progress(rows.len());
    ///     for row in rows {
    ///         // Here the row is imported.
    ///         progress.message(format!("imported {row}")).inc(1).await;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// At most ten reports a second go out. What is held back in between goes out with the next one, and
    /// the last one at the latest when the helper is dropped; that the total was reached goes out at
    /// once. A report never goes back, on no carrier: a call that runs again tells only what is new. Two
    /// helpers in one call count against each other; let one do it.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress
    pub fn progress(&self, total: impl ProgressTotal) -> Progress {
        let call = self.call.clone();
        Progress { call, total: total.total(), done: 0.0, message: None, last: None, is_held: false }
    }
}

/// What can be counted: numbers of all types.
pub trait Units: sealed::Sealed + Copy + Send {
    #[doc(hidden)]
    fn units(self) -> f64;
}

/// How far a count goes: a number of any type, an `Option` of one, or `()` for what is not known.
pub trait ProgressTotal: sealed::Sealed {
    #[doc(hidden)]
    fn total(self) -> Option<f64>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! units {
    ($($number:ty)+) => {$(
        impl sealed::Sealed for $number {}

        impl Units for $number {
            #[expect(clippy::allow_attributes, reason = "some of them need no cast at all")]
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, clippy::unnecessary_cast, reason = "nobody looks so closely")]
            fn units(self) -> f64 {
                self as f64
            }
        }

        impl ProgressTotal for $number {
            fn total(self) -> Option<f64> {
                Some(self.units()).filter(|total| *total >= 0.0)
            }
        }
    )+};
}

units! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64 }

impl<N: Units> sealed::Sealed for Option<N> {}

impl<N: Units + ProgressTotal> ProgressTotal for Option<N> {
    fn total(self) -> Option<f64> {
        self.and_then(N::total)
    }
}

impl sealed::Sealed for () {}

impl ProgressTotal for () {
    fn total(self) -> Option<f64> {
        None
    }
}

/// Counts what is done, and reports it now and then. Made by [`Context::progress`].
///
/// It borrows nothing, so that a spawned task or a thread can have it.
pub struct Progress {
    call: Arc<Call>,
    total: Option<f64>,
    done: f64,
    message: Option<String>,
    /// When there was a report.
    last: Option<Instant>,
    /// There is something that was not reported yet.
    is_held: bool,
}

impl Progress {
    /// What is going on from now on. It goes out with the reports that follow, not by itself.
    pub fn message(&mut self, message: impl Into<String>) -> &mut Self {
        self.message = Some(message.into());
        self
    }

    /// So much more is done. Waits while the client is slow to read, if this is reported.
    pub async fn inc(&mut self, by: impl Units) {
        self.set(self.done + by.units()).await;
    }

    /// So much is done in all. What is not above the count so far changes nothing.
    pub async fn set(&mut self, done: impl Units) {
        if self.count(done.units()) {
            self.is_held = false;
            self.report().await;
        }
    }

    /// As [`Progress::inc`], for code that cannot await. If the client is slow to read, the report is
    /// held back like one that comes too early.
    pub fn inc_now(&mut self, by: impl Units) {
        if self.count(self.done + by.units()) {
            self.is_held = !self.report().at_once();
        }
    }

    /// All is done: reports the total, or the count where there is no total. Without it, the count
    /// is what is reported at last.
    pub async fn finish(mut self) {
        self.done = self.total.map_or(self.done, |total| total.max(self.done));
        self.is_held = false;
        self.report().await;
    }

    /// Counts the items of an iterator. One is done when the loop comes back for the next.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// /// Add up what is in a list.
    /// #[tool]
    /// fn sum(numbers: Vec<i64>, ctx: Context) -> i64 {
    ///     let mut sum = 0;
    ///     for number in ctx.progress(numbers.len()).iter(numbers) {
    ///         sum += number;
    ///     }
    ///     sum
    /// }
    /// ```
    ///
    /// An iterator cannot wait: if the client is slow to read, reports are held back.
    pub fn iter<I: IntoIterator>(self, items: I) -> ProgressIter<I::IntoIter> {
        ProgressIter { items: items.into_iter(), progress: self, is_open: false }
    }

    /// Counts the items of a stream, as [`Progress::iter`] those of an iterator.
    ///
    /// ```
    /// use futures_util::{StreamExt, stream};
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Read pages.
    /// #[tool]
    /// async fn read(ctx: Context) -> usize {
    ///     let pages = stream::iter(["one", "two"]);
    ///     let mut pages = ctx.progress(()).stream(pages);
    ///     let mut length = 0;
    ///     while let Some(page) = pages.next().await {
    ///         length += page.len();
    ///     }
    ///     length
    /// }
    /// ```
    pub fn stream<S: Stream>(self, items: S) -> ProgressStream<S> {
        ProgressStream { items: Box::pin(items), progress: self, is_open: false }
    }

    /// Counts. Whether it is time for a report.
    fn count(&mut self, done: f64) -> bool {
        let grows = done > self.done;
        if !grows {
            return false;
        }
        let completes = self.total.is_some_and(|total| self.done < total && total <= done);
        self.done = done;
        self.is_held = true;
        let now = Instant::now();
        let is_due = completes || self.last.is_none_or(|last| now.saturating_duration_since(last) >= INTERVAL);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }

    fn report(&self) -> ReportProgress {
        ReportProgress {
            call: self.call.clone(),
            progress: self.done,
            total: self.total,
            message: self.message.clone(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_held {
            // There is nobody left to try again.
            _ = self.report().at_once();
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("done", &self.done).field("total", &self.total).finish_non_exhaustive()
    }
}

/// An iterator whose items are counted. Made by [`Progress::iter`].
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is asked for items"]
pub struct ProgressIter<I> {
    items: I,
    progress: Progress,
    /// An item was handed out, and nobody has come back yet.
    is_open: bool,
}

impl<I> ProgressIter<I> {
    /// What counts: to say what is going on.
    pub fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }
}

impl<I: Iterator> Iterator for ProgressIter<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        if std::mem::take(&mut self.is_open) {
            self.progress.inc_now(1);
        }
        let item = self.items.next();
        self.is_open = item.is_some();
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

/// A stream whose items are counted. Made by [`Progress::stream`].
#[must_use = "a stream does nothing until it is polled"]
pub struct ProgressStream<S> {
    items: Pin<Box<S>>,
    progress: Progress,
    /// An item was handed out, and nobody has come back yet.
    is_open: bool,
}

impl<S> ProgressStream<S> {
    /// What counts: to say what is going on.
    pub fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }
}

impl<S: Stream> Stream for ProgressStream<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<S::Item>> {
        if std::mem::take(&mut self.is_open) {
            self.progress.inc_now(1);
        }
        let item = ready!(self.items.as_mut().poll_next(cx));
        self.is_open = item.is_some();
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<S> fmt::Debug for ProgressStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressStream").field("progress", &self.progress).finish_non_exhaustive()
    }
}
