//! One call on its way to the function of a tool, a prompt or a resource, and after that was entered.

use std::any::{Any, type_name};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::arguments::Arguments;
use super::kind::Answer;
use crate::context::{Context, Host, Requester, ToolError};
use crate::engine::{Finished, Kind, Work};
use crate::protocol::{Extensions, Meta, ServerResult, TextResult, WriteText};

/// One call on its way to the function: its arguments, and what the server can give.
pub struct ToolCall<'a> {
    pub(crate) kind: &'static Kind,
    pub(crate) name: &'a str,
    pub(crate) arguments: Arguments<'a>,
    pub(crate) host: &'a Host,
    /// The value whose method this is.
    pub(crate) receiver: Option<&'a Receiver>,
    pub(crate) means: &'a Means<'a>,
    /// Why something could not be injected.
    pub(crate) failure: Option<ToolError>,
}

/// What a call has of the request that it belongs to.
pub(crate) struct Means<'a> {
    pub(crate) extensions: &'a Extensions,
    pub(crate) requester: &'a dyn Fn() -> Requester,
    /// Makes the context; a call whose function does not take one never needs it.
    pub(crate) context: &'a dyn Fn() -> Context,
    /// `None` where somebody wants to see the result.
    pub(crate) write: Option<&'a WriteText<'a>>,
}

/// A value whose methods are called.
pub(crate) type Receiver = Arc<dyn Any + Send + Sync>;

impl<'a> ToolCall<'a> {
    /// The name of the tool, the prompt or the resource.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// A state of the server.
    ///
    /// # Errors
    ///
    /// When the server was not given one of this type. Name it in [`Inject::NEEDS`](super::Inject::NEEDS): then a server
    /// without it does not start.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, ToolError> {
        self.host
            .states
            .get()
            .ok_or_else(|| ToolError::new(format!("the server has no state of type `{}`", type_name::<T>())))
    }

    /// What came along with the request.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.means.extensions
    }

    /// Who asks, as far as the request says it.
    #[must_use]
    pub fn requester(&self) -> Requester {
        (self.means.requester)()
    }

    /// The `_meta` of the request.
    #[must_use]
    pub fn meta(&self) -> Meta {
        self.requester().meta().clone()
    }

    /// The context of the call.
    #[must_use]
    pub fn context(&self) -> Context {
        (self.means.context)()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn receiver<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.receiver?.clone().downcast().ok()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.failure.is_none() && self.arguments.is_fine()
    }

    #[doc(hidden)]
    #[must_use]
    #[cold]
    pub fn refuse(&mut self) -> Started {
        Started(Progress::Finished(match self.failure.take() {
            Some(error) if self.arguments.is_fine() => error.into_outcome(self.kind, self.host.mask_errors),
            _ => (self.kind.refused)(self.arguments.refusal()),
        }))
    }

    #[doc(hidden)]
    #[must_use]
    pub fn returned(&self, result: Result<impl Into<Answer>, ToolError>) -> Started {
        Started::returned(result, self.kind, self.host.mask_errors)
    }

    /// Writes the result of a tool that has returned where it goes, if it may go there as it is.
    pub(super) fn written(&self, result: &TextResult<'_>) -> Option<Started> {
        let write = self.means.write?;
        write(result).then(|| Started(Progress::Finished(Ok(ServerResult::Written))))
    }

    #[doc(hidden)]
    #[must_use]
    pub fn running<T: 'static, R: Into<Answer> + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
        convert: fn(T) -> Result<R, ToolError>,
    ) -> Started {
        let (kind, mask_errors) = (self.kind, self.host.mask_errors);
        Started(Progress::Running(Work::Future(Box::pin(Calling { future, convert, kind, mask_errors }))))
    }

    #[doc(hidden)]
    #[must_use]
    pub fn blocking<R: Into<Answer>>(
        &self,
        function: impl FnOnce() -> Result<R, ToolError> + Send + 'static,
    ) -> Started {
        Started::blocking(function, self.kind, self.host.mask_errors)
    }
}

fn finished(result: Result<impl Into<Answer>, ToolError>, kind: &Kind, mask_errors: bool) -> Finished {
    match result {
        Ok(result) => result.into().finished(),
        Err(error) => error.into_outcome(kind, mask_errors),
    }
}

pin_project! {
    /// The future of a function, and what becomes of what it returns. Written out, since an `async` block would have room
    /// for the future twice, and all tools have code of their own for it.
    struct Calling<F, T, R> {
        #[pin]
        future: F,
        convert: fn(T) -> Result<R, ToolError>,
        kind: &'static Kind,
        mask_errors: bool,
    }
}

impl<T, R: Into<Answer>, F: Future<Output = T>> Future for Calling<F, T, R> {
    type Output = Finished;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Finished> {
        let this = self.project();
        this.future.poll(cx).map(|value| finished((this.convert)(value), this.kind, *this.mask_errors))
    }
}

/// A call after its function was entered.
pub struct Started(pub(crate) Progress);

/// What is left to do.
pub(crate) enum Progress {
    Finished(Finished),
    Running(Work),
}

impl Started {
    pub(crate) fn returned(result: Result<impl Into<Answer>, ToolError>, kind: &Kind, mask_errors: bool) -> Self {
        Self(Progress::Finished(finished(result, kind, mask_errors)))
    }

    pub(crate) fn running<T: 'static, R: Into<Answer> + 'static>(
        future: impl Future<Output = T> + Send + 'static,
        convert: fn(T) -> Result<R, ToolError>,
        kind: &'static Kind,
        mask_errors: bool,
    ) -> Self {
        Self(Progress::Running(Work::Future(Box::pin(Calling { future, convert, kind, mask_errors }))))
    }

    pub(crate) fn blocking<R: Into<Answer>>(
        function: impl FnOnce() -> Result<R, ToolError> + Send + 'static,
        kind: &'static Kind,
        mask_errors: bool,
    ) -> Self {
        Self(Progress::Running(Work::Blocking(Box::new(move || finished(function(), kind, mask_errors)))))
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Progress::Finished(_) => "Started(Finished)",
            Progress::Running(_) => "Started(Running)",
        })
    }
}

impl fmt::Debug for ToolCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall").field("arguments", &self.arguments).finish_non_exhaustive()
    }
}
